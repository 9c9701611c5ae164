"""The HTTP surface: a Litestar application over the Service port, and the process that serves it."""
