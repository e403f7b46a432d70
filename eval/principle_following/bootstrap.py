"""Confidence intervals by resampling prompts: pairs of one prompt are not independent of each other."""

from dataclasses import dataclass

import numpy as np

from salmon.runtime.seeding import stream

LEVEL = (2.5, 97.5)  # percentiles of the 95 % interval (Efron 1979)

Draws = np.ndarray  # [1 + B]: a statistic of the data as they are, then of each of B resamples; NaN = undefined


@dataclass(frozen=True)
class BootstrapEstimate:
    """A figure with its uncertainty; None where there is nothing to compute it from."""

    value: float | None
    low: float | None  # 95 % interval
    high: float | None
    stderr: float | None  # standard deviation over the resamples
    n: int  # comparisons or responses behind it

    @classmethod
    def of(cls, draws: Draws, n: int, prompts: int) -> "BootstrapEstimate":
        """From a statistic's draws; without an interval where fewer than two prompts are behind it."""
        if n == 0 or np.isnan(draws[0]):
            return cls(None, None, None, None, 0)
        resampled = draws[1:][~np.isnan(draws[1:])]
        if prompts < 2 or len(resampled) < 2:
            return cls(float(draws[0]), None, None, None, n)
        low, high = np.percentile(resampled, LEVEL)
        return cls(float(draws[0]), float(low), float(high), float(resampled.std(ddof=1)), n)


class PromptBootstrap:
    """How often each of P prompts counts: once in the data, and as often as drawn in each resample."""

    def __init__(self, prompts: int, resamples: int, seed: int) -> None:
        rng = stream(seed, "principle_following", "bootstrap")
        drawn = rng.multinomial(prompts, np.full(prompts, 1 / prompts), size=resamples)
        self.weights = np.vstack([np.ones(prompts), drawn])  # [1 + B, P]

    def sums(self, values: np.ndarray, prompt: np.ndarray) -> np.ndarray:
        """Sum [1 + B, ...] of values [N, ...] in the data and in each resample; ``prompt`` [N] is their prompt."""
        by_prompt = np.zeros((self.weights.shape[1], *values.shape[1:]))
        np.add.at(by_prompt, prompt, values)
        return np.tensordot(self.weights, by_prompt, axes=1)


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """``above / below``, NaN where there is nothing below."""
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below > 0)


def mean_of(statistics: list[Draws]) -> Draws:
    """Mean of several statistics, draw by draw, of those that are defined there."""
    stacked = np.array(statistics)
    return ratio(np.nansum(stacked, axis=0), (~np.isnan(stacked)).sum(axis=0))
