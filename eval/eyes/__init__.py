"""How well the eyes see real pixels: people and vehicles second by second, and pictures found by their captions."""
