"""Small files that are dangerous to open, each made by its own function from its format's definition.

`corpus` writes them; every file is at most a mebibyte. What makes each one a bomb stands in its maker.
"""

from eval.bombs.making import BOMBS, Bomb, corpus

__all__ = ["BOMBS", "Bomb", "corpus"]
