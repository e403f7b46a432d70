"""Stage ``sft``: Self-Align (paper, section 3.1)."""
