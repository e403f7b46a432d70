"""Stage ``reward``: the instructable reward model."""
