"""Principles as data: banks, sampling, every prompt template, and the reward model's input."""
