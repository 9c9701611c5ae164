"""Video: frames worth keeping, when they were taken, what is seen and what is written in them."""
