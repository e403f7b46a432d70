"""``salmon play``: edit a principle, and watch the reward model's ranking of sampled answers turn."""
