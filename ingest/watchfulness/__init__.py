"""Who delivers what, how regularly, how late and how well, kept over time; and who has fallen silent."""
