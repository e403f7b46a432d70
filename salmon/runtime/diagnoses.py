"""PPO's usual illnesses: the limits that tell them, and what helps against each."""

CLIP_FRACTION_LIMIT = 0.3
SAME_ANSWER_LIMIT = 0.5  # share of the most frequent answer
SAME_ANSWER_MINIMUM = 4  # answers below which equal ones say nothing
LOGPROB_DIFFERENCE_LIMIT = 0.01  # nats a token; below 0.005 is healthy (verl's FAQ)

REMEDIES = {
    "kl_negative": (
        "the KL to the reference is negative on average, which no true KL is: responses are not sampled from "
        "the distribution whose log-probs are used. Look at sampler/logprob_difference, set "
        "ppo.sampling.top_p=1, or use ppo.kl.estimator=k3"
    ),
    "clip_fraction_high": (
        f"more than {CLIP_FRACTION_LIMIT:.0%} of the tokens hit the policy clip, step after step: updates "
        "are too large. Lower ppo.optim.lr or ppo.inner_epochs, or set ppo.target_kl"
    ),
    "explained_variance_negative": (
        "the value model predicts returns worse than a constant would. Use ppo.critic_warmup_updates or "
        "ppo.value_init=reward_zero_head, or raise ppo.value_coefficient"
    ),
    "answers_collapsed": (
        f"more than {SAME_ANSWER_LIMIT:.0%} of the responses are one and the same text: the policy has "
        "found an answer that the reward model likes for everything. Raise ppo.kl.coefficient, lower "
        "ppo.optim.lr, or set principles.interventions; use the best checkpoint, not the last"
    ),
    "sampler_mismatch": (
        f"log-probs of sampler and trainer differ by more than {LOGPROB_DIFFERENCE_LIMIT} nats a token, so "
        "the policy ratio is not 1 before the first update. Both need one dtype (try model.dtype=float32), "
        "one adapter and one temperature"
    ),
}
