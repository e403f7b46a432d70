"""Rules about PPO's advantage estimators: what each needs, and what has no meaning with it."""

from collections.abc import Iterator

from salmon.config.ppo import AdvantageEstimator, KLEstimator, KLPlace, PPOConfig


def estimator_rules(ppo: PPOConfig) -> Iterator[str]:
    name, answers = ppo.advantage.value, ppo.answers_per_prompt
    if ppo.advantage.compares_answers and answers == 1:
        yield (
            f"ppo.advantage={name} compares the answers to one prompt, and ppo.answers_per_prompt=1 gives one: set "
            f"ppo.answers_per_prompt to at least 2, or take the choice ppo/advantage={name}, which does"
        )
    if answers > 0 and ppo.rollout_batch % answers:
        yield (
            f"ppo.rollout_batch={ppo.rollout_batch} is not divisible by ppo.answers_per_prompt={answers}: a rollout "
            "has all answers to its prompts"
        )
    if ppo.advantage.compares_answers and ppo.gamma != 1:
        yield f"ppo.advantage={name} has one advantage for a whole response, with no discount: set ppo.gamma=1"
    if ppo.advantage is AdvantageEstimator.reinforce_pp and not ppo.whiten_advantages:
        yield (
            "ppo.advantage=reinforce_pp compares returns with those of the whole rollout: set "
            "ppo.whiten_advantages=true, which does that"
        )
    if ppo.critic_warmup_updates and not ppo.advantage.has_value_model:
        yield (
            f"ppo.critic_warmup_updates={ppo.critic_warmup_updates} trains a value model, and ppo.advantage={name} "
            "has none: set ppo.critic_warmup_updates=0"
        )
    if ppo.kl.place is KLPlace.loss and ppo.kl.estimator is KLEstimator.k1:
        yield (
            "ppo.kl.place=loss needs ppo.kl.estimator=k3 (or k2): the gradient of k1 is 0 on average, whatever the KL"
        )
