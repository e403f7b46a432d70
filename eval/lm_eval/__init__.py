"""lm-eval's own tasks on the shared base."""

OUTPUTS = "outputs.jsonl"  # what a model gave for each of lm-eval's requests
