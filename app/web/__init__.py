"""The page at /: static files, no code."""
