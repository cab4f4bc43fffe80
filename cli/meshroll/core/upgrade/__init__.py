"""Linkerd upgraded hop by hop: when, which way, what of the data plane follows, and how a hop that failed goes back."""
