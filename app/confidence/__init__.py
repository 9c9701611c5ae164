"""How sure an answer is: what was measured on the way, and a calibrator fitted on answers whose truth is known."""
