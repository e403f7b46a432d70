"""What DPO asks of the base, tried before the job's first stage."""

from salmon.ppo.preflight import adapter_trains, answers_can_be_sampled

CHECKS = (answers_can_be_sampled, adapter_trains)
