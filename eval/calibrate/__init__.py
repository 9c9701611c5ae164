"""Fitting and measuring confidence: answers whose truth is known → a calibrator, its metrics, its threshold, its plots."""
