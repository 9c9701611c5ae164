"""Suite `entities`: what the linker finds in labelled maintenance texts when it is given names from other texts."""
