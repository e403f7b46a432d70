"""Confidence intervals by resampling prompts: pairs of one prompt are not independent of each other.

The intervals are bias-corrected and accelerated (BCa, Efron 1987) for shares, and percentile intervals for all other
statistics, whose acceleration a few prompts cannot tell. Both are taken at the levels that widen them for few prompts
(Hesterberg 2015, "expanded" intervals): plain ones of 13 prompts cover 87 to 92 % instead of 95.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from eval.intervals import proportion_interval
from salmon.runtime.seeding import stream

LEVEL = 0.95
MOST_BIAS = 0.001  # share of the resamples below the figure, from 0 or 1, where a correction for bias ends

# [1 + B + P]: a statistic of the data as they are, of each of B resamples, and without each of P prompts in turn;
# NaN = undefined
Draws = np.ndarray


@dataclass(frozen=True)
class BootstrapEstimate:
    """A figure with its uncertainty; None where there is nothing to compute it from."""

    value: float | None
    low: float | None  # 95 % interval
    high: float | None
    stderr: float | None  # standard deviation over the resamples
    n: int  # comparisons or responses behind it


class PromptBootstrap:
    """How often each of P prompts counts: once in the data, as often as drawn in each of B resamples."""

    def __init__(self, prompts: int, resamples: int, seed: int) -> None:
        rng = stream(seed, "principle_following", "bootstrap")
        self.drawn = rng.multinomial(prompts, np.full(prompts, 1 / prompts), size=resamples).astype(float)  # [B, P]

    def sums(self, values: np.ndarray, prompt: np.ndarray) -> np.ndarray:
        """Sum [1 + B + P, ...] of values [N, ...] in the data, in each resample, and without each prompt in turn.

        Args:
            prompt: [N] number of each value's prompt.
        """
        by_prompt = np.zeros((self.drawn.shape[1], *values.shape[1:]))
        np.add.at(by_prompt, prompt, values)
        total = by_prompt.sum(axis=0)
        return np.concatenate([total[None], np.tensordot(self.drawn, by_prompt, axes=1), total - by_prompt])

    def estimate(self, draws: Draws, n: int, prompts: int, share: bool = False) -> BootstrapEstimate:
        """A statistic with its interval; without one where fewer than two prompts are behind it, or nothing varies.

        Args:
            n: comparisons or responses behind it.
            prompts: prompts that these have.
            share: it is a share from 0 to 1.
        """
        if n == 0 or np.isnan(draws[0]):
            return BootstrapEstimate(None, None, None, None, 0)
        value, resampled = float(draws[0]), _defined(draws[1 : 1 + len(self.drawn)])
        if prompts < 2 or len(resampled) < 2:
            return BootstrapEstimate(value, None, None, None, n)
        stderr = float(resampled.std(ddof=1))
        if stderr < 1e-12:  # all prompts say the same, which is not certainty
            low, high = proportion_interval(round(value * prompts), prompts) if share else (None, None)
            return BootstrapEstimate(value, low, high, None, n)
        left_out = _defined(draws[1 + len(self.drawn) :])
        bias, acceleration = _corrections(value, resampled, left_out) if share else (0.0, 0.0)
        low, high = np.quantile(resampled, _levels(prompts, bias, acceleration))
        return BootstrapEstimate(value, float(low), float(high), stderr, n)


def _corrections(value: float, resampled: np.ndarray, left_out: np.ndarray) -> tuple[float, float]:
    """Bias correction z0 and acceleration a of BCa, from the resamples and the leave-one-prompt-out values."""
    below = ((resampled < value).mean() + (resampled <= value).mean()) / 2  # draws that equal the figure: half each
    influence = left_out.mean() - left_out
    spread = (influence**2).sum() ** 1.5
    acceleration = (influence**3).sum() / (6 * spread) if spread > 0 else 0.0
    return float(norm.ppf(np.clip(below, MOST_BIAS, 1 - MOST_BIAS))), float(acceleration)


def _levels(prompts: int, bias: float, acceleration: float) -> np.ndarray:
    """Shares of the resamples below the two ends of the interval."""
    z = student.ppf((1 + LEVEL) / 2, prompts - 1) * np.sqrt(prompts / (prompts - 1))
    moved = bias + np.array([-z, z])
    return norm.cdf(bias + moved / (1 - np.minimum(acceleration * moved, 0.9)))  # a pole lies at 1


def _defined(draws: Draws) -> np.ndarray:
    return draws[~np.isnan(draws)]


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """``above / below``, NaN where there is nothing below."""
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below > 0)


def mean_of(statistics: list[Draws]) -> Draws:
    """Mean of several statistics, draw by draw, of those that are defined there."""
    stacked = np.array(statistics)
    return ratio(np.nansum(stacked, axis=0), (~np.isnan(stacked)).sum(axis=0))
