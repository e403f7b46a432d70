"""HumanEval: generated Python functions, run behind a fence."""
