"""The families, one module a kind: every ``Family`` in a module's tuple ``FAMILIES`` belongs to the universe."""
