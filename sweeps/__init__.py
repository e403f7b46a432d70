"""Experiments of many jobs: what a Hydra multirun left behind, as tables and pictures."""
