"""Stage ``dpo``: direct preference optimisation on the judged pairs."""
