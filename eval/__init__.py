"""Checkpoints measured (``python -m eval checkpoint=...``): policies on TruthfulQA, BBH and MT-Bench, reward models on
whether they obey their principles."""
