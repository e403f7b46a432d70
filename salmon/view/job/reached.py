"""What each stage is judged by at a glance, on the terminal and on its job's page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# Metrics -> how a line words them, where a stage has all of them.
REACHED: dict[str, dict[tuple[str, ...], str]] = {
    "sft": {("selfalign/kept",): "answers kept {:.0f}", ("sft/loss",): "loss {:.3f}"},
    "preferences": {
        ("pairs/rows_train",): "rows {:.0f}",
        ("judge/tie_rate",): "judge ties {:.0%}",
        ("judge/position_bias",): "position bias {:+.2f}",
    },
    "reward": {
        ("reward/loss",): "loss {:.3f}",
        ("probe_unread/asserted", "probe_unread/negated"): "right in new words {:.2f}, spoken against {:.2f}",
        ("held_out/accuracy",): "held-out accuracy {:.2f}",
        ("held_out/rows",): "on {:.0f} rows",
    },
    "ppo": {
        ("held_out/reward_start", "held_out/reward_last"): "held-out reward {:.3f} to {:.3f}",
        ("held_out/reward_gain_low", "held_out/reward_gain_high"): "a gain of {:+.3f} to {:+.3f} (95 %)",
        ("objective/kl_k3",): "KL {:.3f}",
        ("perf/tokens_per_second",): "{:.0f} sampled tokens/s",
    },
    "dpo": {("dpo/accuracy",): "accuracy {:.2f}", ("dpo/pairs",): "on {:.0f} pairs", ("held_out/kl",): "KL {:.3f}"},
    "best_of_n": {("held_out/reward",): "held-out reward {:.3f}", ("held_out/kl",): "KL at most {:.3f}"},
}


CHECK = "held_out/check/"  # what the names of these metrics begin with
GAIN = "_gain"


def reached_text(stage: str, metrics: Mapping[str, float | None]) -> str:
    """What a stage reached, in a line."""
    figures = ((wording, [metrics.get(name) for name in names]) for names, wording in REACHED.get(stage, {}).items())
    return ", ".join(wording.format(*values) for wording, values in figures if None not in values)


@dataclass(frozen=True)
class CheckChange:
    """How the check of a principle on held-out prompts has changed; ``low`` to ``high``: its 95 % interval."""

    principle: str
    gain: float
    low: float
    high: float

    @property
    def beyond_chance(self) -> bool:
        """Whether 0 is outside the interval."""
        return not self.low <= 0 <= self.high

    @property
    def words(self) -> str:
        return f"{self.gain:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


def check_changes(metrics: Mapping[str, float | None]) -> Iterator[CheckChange]:
    """The changes that have an interval."""
    for name, gain in metrics.items():
        low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
        named = name.startswith(CHECK) and name.endswith(GAIN)
        if named and gain is not None and low is not None and high is not None:
            yield CheckChange(name.removeprefix(CHECK).removesuffix(GAIN), gain, low, high)


def moved_checks(metrics: Mapping[str, float | None]) -> list[str]:
    """The checks on held-out prompts whose change is told from chance."""
    return [f"{one.principle} moved by {one.words}" for one in check_changes(metrics) if one.beyond_chance]
