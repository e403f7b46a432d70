"""What the best of n asks of the base, tried before the job's first stage."""

from salmon.ppo.preflight import answers_can_be_sampled, reward_has_room

CHECKS = (answers_can_be_sampled, reward_has_room)
