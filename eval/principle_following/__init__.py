"""Does a reward model obey the principles it is given? (``python -m eval task=principle_following``)"""

TASK = "principle_following"
