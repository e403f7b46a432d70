"""Is the run well? What stops a stage at once, and what PPO's usual illnesses look like in its metrics.

Thresholds and causes come from what users of RLHF libraries (TRL, OpenRLHF, verl) report: negative KL from sampling
with other settings than the log-probs are computed with, a critic that explains less than a constant, clipping that
never ends, one answer to everything, a sampler that disagrees with the trainer.
"""

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from salmon.errors import SalmonError
from salmon.runtime.diagnoses import (
    CLIP_FRACTION_LIMIT,
    LOGPROB_DIFFERENCE_LIMIT,
    REMEDIES,
    SAME_ANSWER_LIMIT,
    SAME_ANSWER_MINIMUM,
)

_CAUSES = (  # part of a value's name -> likely cause; the first that fits
    ("grad", "too high a learning rate; lower optim.lr or optim.max_grad_norm"),
    ("loss", "too high a learning rate, or a broken batch; lower optim.lr or optim.max_grad_norm"),
    ("score", "an overflow in the reward model; try model.dtype=float32 and look at its held-out accuracy"),
    ("reward", "an overflowing score or KL penalty; look at objective/score and objective/kl so far"),
    ("logprob", "an overflow in the model's weights or activations; try model.dtype=float32, lower optim.lr"),
    ("value", "an overflow in the value model; lower optim.lr, or use ppo.critic_warmup_updates"),
)
_OTHER_CAUSE = "an overflow; try model.dtype=float32 and a lower optim.lr"


def require_finite(step: int, **named: torch.Tensor | float) -> None:
    """Stop the stage when a value holds NaN or infinity.

    Raises ``SalmonError`` that names the step, each such value, and the likely cause of the first; so give
    causes before effects (scores before the loss).
    """
    broken = {}
    for name, value in named.items():
        tensor = torch.as_tensor(value).detach()
        bad = tensor[~torch.isfinite(tensor)]
        if bad.numel():
            count = "" if tensor.numel() == 1 else f" in {bad.numel()} of {tensor.numel()} places"
            broken[name] = f"{name} is {bad[0].item()}{count}"
    if broken:
        first = next(iter(broken))
        cause = next((text for part, text in _CAUSES if part in first), _OTHER_CAUSE)
        raise SalmonError(
            f"step {step}: {', '.join(broken.values())}. Likely cause: {cause}. "
            "A changed setting starts the stage anew; the same command repeats from the last checkpoint."
        )


@dataclass(frozen=True)
class Diagnosis:
    name: str
    message: str  # step, name, cause and remedy


class PPOHealth:
    """Watches PPO's metrics and names what is wrong.

    ``window``: steps over which a value must be bad; single steps are noisy. KL counts as negative when its
    mean over the window is below 0 by more than two standard errors, since the k1 estimate of a KL near 0 is
    below 0 in half of all steps. A metric that a step does not have (a critic warm-up has no clip fraction)
    is skipped.
    """

    def __init__(self, window: int = 5) -> None:
        self._window = window
        self._recent: dict[str, deque[float]] = {
            name: deque(maxlen=window) for name in ("objective/kl", "policy/clip_fraction", "value/explained_variance")
        }
        self._active = dict.fromkeys(REMEDIES, False)

    @property
    def metrics(self) -> dict[str, float]:
        """``health/<diagnosis>``: 1 while it holds, else 0; to be logged with the step's other metrics."""
        return {f"health/{name}": float(active) for name, active in self._active.items()}

    def check(self, step: int, metrics: Mapping[str, float], responses: Sequence[str]) -> list[Diagnosis]:
        """Take in one step's metrics and its ``B`` response texts; returns what has begun to be wrong."""
        self._remember(metrics)
        kl, clip, explained = (list(values) for values in self._recent.values())
        difference = metrics.get("sampler/logprob_difference", 0.0)
        now = {
            "kl_negative": self._enough(kl) and _upper_limit(kl) < 0,
            "clip_fraction_high": self._enough(clip) and min(clip) > CLIP_FRACTION_LIMIT,
            "explained_variance_negative": self._enough(explained) and max(explained) < 0,
            "answers_collapsed": _share_of_most_frequent(responses) > SAME_ANSWER_LIMIT,
            "sampler_mismatch": difference > LOGPROB_DIFFERENCE_LIMIT,
        }
        begun = [name for name, active in now.items() if active and not self._active[name]]
        self._active = now
        return [Diagnosis(name, f"step {step}: {name}: {REMEDIES[name]}.") for name in begun]

    def restore(self, history: Iterable[Mapping[str, float]]) -> None:
        """Continue after the steps in ``history`` (rows of ``metrics.jsonl``), as if never interrupted."""
        for row in history:
            self._remember(row)
            for name, active in self._active.items():  # lines of an evaluation, say, have no health metrics
                self._active[name] = bool(row.get(f"health/{name}", active))

    def _remember(self, metrics: Mapping[str, float]) -> None:
        for name, values in self._recent.items():
            if name in metrics:
                values.append(float(metrics[name]))

    def _enough(self, values: list[float]) -> bool:
        return len(values) == self._window


def _upper_limit(values: list[float]) -> float:
    """Mean plus two standard errors."""
    count, mean = len(values), sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / max(count - 1, 1)
    return mean + 2 * math.sqrt(variance / count)


def _share_of_most_frequent(responses: Sequence[str]) -> float:
    if len(responses) < SAME_ANSWER_MINIMUM:
        return 0.0
    return Counter(text.strip() for text in responses).most_common(1)[0][1] / len(responses)
