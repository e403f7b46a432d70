"""Benchmarks on checkpoints: TruthfulQA, BBH and MT-Bench (``python -m eval checkpoint=...``)."""
