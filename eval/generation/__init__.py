"""What a model writes in an evaluation: in batches that fit into memory, each answer once."""
