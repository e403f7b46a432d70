"""Data as typed rows: what they are, where they come from, which are dropped."""
