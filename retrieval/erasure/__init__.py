"""What erasing is made of that knows no store: what is meant, commitments to bytes that are to go, looking for them, and signatures."""
