"""Benchmarks that are run on purpose and never asserted in a test: ratios within one run, on whatever machine it is."""
