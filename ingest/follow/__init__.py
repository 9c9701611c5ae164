"""Following a place where files appear: a folder, or a prefix of a bucket. Events only say that it is time to look; the look decides."""
