"""TruthfulQA: multiple choice, and generation with its judges."""
