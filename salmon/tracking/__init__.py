"""What a run reports: ``metrics.jsonl``, W&B, and what each metric means."""
