"""Stage ``ppo``: the policy learns from a reward that reads principles."""
