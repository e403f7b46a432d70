"""Who judges the pairs: the policy itself, the principles' own checks, or a server."""
