"""What is made out of evidence afterwards, by choice and within a budget: captions of frames."""
