"""Clocks burnt into pictures, rendered and compressed like recordings of cameras, and how well they are read."""
