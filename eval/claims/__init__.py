"""Scripted claims about a sample site's evidence: right ones, and wrong ones made from them, to measure verification with."""
