"""Rows of a warehouse as evidence: a mapping says which, blocks of them are compared with what is held, and those that differ are read."""
