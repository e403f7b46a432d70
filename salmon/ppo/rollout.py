"""From prompts to PPO's training data: responses, scores under sampled principles, rewards, advantages."""

import time
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from salmon.core.masked import masked_whiten
from salmon.models.forward import TokenBatch, token_batch
from salmon.ppo.learning_signal import ValueTargets, learning_signal
from salmon.ppo.models import POLICY
from salmon.ppo.monitor import check_metrics, paid_metrics
from salmon.ppo.passes import model_outputs
from salmon.ppo.prompts import PromptBatch
from salmon.ppo.rollout_metrics import group_metrics, rollout_metrics
from salmon.ppo.sampled_logprobs import sampled_logprobs
from salmon.ppo.setup import RolloutSetup
from salmon.ppo.shaping import ScoredResponses
from salmon.runtime.health import require_finite
from salmon.sampling.responses import sample_sharded


@dataclass(frozen=True)
class Rollout:
    """Scored responses, ready for the inner epochs; tensors are 0 at padding."""

    scored: ScoredResponses
    batch: TokenBatch
    logprobs: Float[Tensor, "B R"]  # of the policy that sampled
    reference_logprobs: Float[Tensor, "B R"]
    advantages: Float[Tensor, "B R"]
    targets: ValueTargets | None  # None: there is no value model
    kl_coefficient: float  # weight of the KL penalty, wherever it is charged
    metrics: dict[str, float]


def collect_rollout(
    setup: RolloutSetup, prompts: PromptBatch, step: int, kl_coefficient: float, baseline: float = 0.0
) -> Rollout:
    """Sample ``ppo.answers_per_prompt`` responses to each prompt, score them, and compute advantages.

    Args:
        setup: models, sampler, principles and reward.
        prompts: the prompts with their random keys; all answers to a prompt are under its principles.
        step: number of the update, for error messages.
        kl_coefficient: weight of the KL penalty.
        baseline: subtracted from every response's reward.

    Raises:
        SalmonError: a score or a log-prob is not finite.
    """
    ppo, shared, clock = setup.ppo, setup.models.shared, _Clock()
    # 1. Responses from the policy.
    asked = prompts.repeated(ppo.answers_per_prompt)
    responses = sample_sharded(setup.sampler, shared, POLICY, asked.prompts, ppo.sampling, asked.keys)
    clock.lap("rollout")

    # 2. Scores under principles drawn for each prompt.
    principles = [shown for shown in setup.principles_of(prompts) for _ in range(ppo.answers_per_prompt)]
    scored = setup.score(asked.prompts, responses, principles)
    require_finite(step, score=scored.scores)
    clock.lap("score")

    # 3. Log-probs of policy (unless its sampler's are kept) and reference, and values, on exactly the sampled tokens.
    batch = token_batch([r.prompt_ids for r in responses], [r.ids for r in responses], shared.pad_id, shared.device)
    kept = sampled_logprobs(responses, batch) if setup.keeps_logprobs else None
    outputs = model_outputs(setup.models, batch, ppo, kept)
    values = {} if outputs.values is None else {"values": outputs.values}
    require_finite(step, logprobs=outputs.logprobs, reference_logprobs=outputs.reference_logprobs, **values)
    clock.lap("logprobs")

    # 4. Rewards and advantages.
    signal = learning_signal(scored, batch, outputs, ppo, kl_coefficient, baseline)
    metrics = rollout_metrics(scored, batch, outputs, signal, kl_coefficient)
    metrics |= group_metrics(scored, ppo.answers_per_prompt)
    texts = [response.text for response in responses]
    metrics |= check_metrics(setup.monitor, asked.prompts, texts)
    metrics |= paid_metrics(setup.monitor, asked.prompts, texts, scored.scores.tolist())
    advantages = signal.advantages
    if ppo.whiten_advantages:
        advantages = masked_whiten(advantages, batch.mask, shift_mean=True)
    return Rollout(
        scored,
        batch,
        outputs.logprobs,
        outputs.reference_logprobs,
        advantages,
        signal.targets,
        kl_coefficient,
        metrics | clock.metrics,
    )


class _Clock:
    """Seconds of the phases of a rollout."""

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        """End a phase, and start the next."""
        now = time.perf_counter()
        self.metrics[f"time/{phase}_s"] = now - self._last
        self._last = now
