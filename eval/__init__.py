"""Checkpoints measured (``python -m eval checkpoint=...``): policies on TruthfulQA, BBH and MT-Bench, reward models on
whether they obey their principles."""

import salmon  # noqa: F401  # before torch: it says how torch's threads wait
