"""Does a checkpoint prefer the better response? (``python -m eval task=pairs``)

HHH, HH-RLHF and RewardBench, and with a guideline for each row LLMBar, RPR and your own files.
"""

TASK = "pairs"
