"""lm-eval's own tasks on the shared base."""
