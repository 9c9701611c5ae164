"""Objects of a bucket → evidence. What is told of an object is a hint: the bucket itself is looked at, so that any order ends alike."""
