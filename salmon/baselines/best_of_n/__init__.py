"""Stage ``best_of_n``: the reward model's choice among n samples of the SFT policy."""
