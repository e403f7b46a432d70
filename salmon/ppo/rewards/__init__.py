"""Reward functions: ``(prompts, responses, principles) -> scores [B]``."""
