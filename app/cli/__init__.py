"""The command line: one click command a verb, thin over the Service port."""
