"""BIG-Bench Hard: reading the answer out of a generated text."""
