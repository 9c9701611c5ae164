"""Questions in, answers out: parse → plan → search → brief (or model) → verify."""
