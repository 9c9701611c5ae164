"""Whether a claim stands in the evidence it cites. No model is trusted with that."""
