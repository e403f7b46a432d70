"""Experiments of many jobs: what a Hydra multirun left behind, as tables and pictures."""

import salmon  # noqa: F401  # before torch: it says how torch's threads wait
