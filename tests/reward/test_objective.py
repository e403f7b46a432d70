"""The reward model's loss: ties, and wordings of one principle that should score alike."""

import math
from collections.abc import Sequence

import pytest
import torch
from pytest import approx
from torch import Tensor

from salmon.config.reward import RewardConfig
from salmon.data.rows import PreferenceRow, ShownGuideline
from salmon.models.base import SharedModel
from salmon.reward.comparisons import RewardComparison, compare_row, rewordings
from salmon.reward.objective import Group, reward_objective

LN2 = math.log(2)


def comparison(chosen: float, rejected: float, meaning: str = "", **changes) -> RewardComparison:
    """Its tokens are its scores, in thousandths."""
    fields = {"guideline": "", "cut_tokens": 0, "pair": "p", "preferred": "one", "meaning": meaning}
    return RewardComparison([round(1000 * chosen)], [round(1000 * rejected)], **(fields | changes))


def scores(batch: Sequence[RewardComparison]) -> tuple[Tensor, Tensor]:
    chosen, rejected = ([getattr(c, side)[0] / 1000 for c in batch] for side in ("chosen", "rejected"))
    return torch.tensor(chosen, dtype=torch.float64), torch.tensor(rejected, dtype=torch.float64)


def measured(groups: Sequence[Group], consistency: float = 0.0, micro: int = 99) -> dict[str, float]:
    """Loss and metrics of a batch whose micro-batches have so many groups."""
    objective = reward_objective(scores, "reward", consistency)
    counts, sums = objective.denominator(groups), dict[str, float]()
    for start in range(0, len(groups), micro):
        value, parts = objective.loss(groups[start : start + micro], counts)
        for name, part in {"loss": value.item(), **parts}.items():
            sums[name.removeprefix("reward/")] = sums.get(name.removeprefix("reward/"), 0.0) + part
    return sums


MIXED = [
    [comparison(1.0, -1.0, "brief"), comparison(0.5, 0.0, "brief"), comparison(2.0, 0.25, "kind")],
    [comparison(0.0, 3.0, pair="q")],
    [comparison(-1.0, 1.0, tie=True, pair="q"), comparison(4.0, 0.0, tie=True, pair="q")],
    [comparison(0.25, 0.75, "kind", pair="r", preferred=text) for text in ("one", "two")]
    + [comparison(0.5, 0.5, "kind", pair="r")],
]


def test_a_tie_has_both_directions_and_no_rank() -> None:
    won, tie, even = comparison(math.log(3), 0.0), comparison(2.0, 0.0, tie=True), comparison(1.0, 1.0, tie=True)
    assert measured([[even]])["loss"] == approx(LN2)
    both_ways = (math.log1p(math.exp(-2.0)) + math.log1p(math.exp(2.0))) / 2
    assert measured([[tie]])["loss"] == approx(both_ways)
    assert measured([[tie]])["loss"] == approx(measured([[comparison(0.0, 2.0, tie=True)]])["loss"])
    found = measured([[won, tie, even]])
    assert found["loss"] == approx((-math.log(0.75) + both_ways + LN2) / 3, abs=1e-3)
    assert (found["accuracy"], found["margin"]) == (1.0, approx(math.log(3), abs=1e-3))
    assert {name: measured([[tie, even]])[name] for name in ("accuracy", "margin")} == {"accuracy": 0.5, "margin": 0.0}


def test_wordings_of_a_principle_are_compared_response_by_response() -> None:
    one, other = comparison(1.0, -1.0, "brief"), comparison(0.5, 0.0, "brief")
    squares = (0.5**2 + 1.0**2) / 2
    assert measured([[one, other]])["consistency"] == approx(squares)
    plain = measured([[one, other]])["loss"]
    assert measured([[one, other]], consistency=3.0)["loss"] == approx(plain + 3 * squares)
    # The other one prefers the other response: its rejected input is of the response that the first one prefers.
    turned = comparison(0.0, 0.5, "brief", preferred="two")
    assert measured([[one, turned]])["consistency"] == approx(squares)
    three = [one, other, comparison(1.0, 1.0, "brief")]
    assert measured([three])["consistency"] == approx((0.25 + 1 + 0 + 4 + 0.25 + 1) / 6)


@pytest.mark.parametrize(
    "groups",
    [
        [[comparison(1.0, 0.0, "brief"), comparison(0.0, 1.0, "kind")]],
        [[comparison(1.0, 0.0), comparison(0.0, 1.0)]],
        [[comparison(1.0, 0.0, "brief"), comparison(2.0, 1.0, "brief", pair="q")]],
        [[comparison(1.0, 0.0, "brief")], [comparison(2.0, 1.0, "brief")]],
        [[comparison(1.0, 0.0, "brief"), comparison(1.0, 0.0, "brief")]],
        [[comparison(1.0, 0.0, "brief"), comparison(0.0, 1.0, "brief", preferred="two")]],
    ],
    ids=["other meaning", "no meaning", "other pair", "other group", "same words", "same words turned round"],
)
def test_nothing_else_is_compared(groups: list[Group]) -> None:
    assert "consistency" not in measured(groups, consistency=1.0) and rewordings(groups) == []


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 3, 0, 1)])
@pytest.mark.parametrize("micro", [1, 2, 3])
def test_micro_batches_add_up_to_the_batch(micro: int, order: Sequence[int]) -> None:
    """Among them are some without a wording to compare, and some of ties only."""
    whole = measured(MIXED, consistency=0.7)
    assert set(whole) == {"loss", "accuracy", "margin", "consistency"}
    assert measured([MIXED[i] for i in order], 0.7, micro) == approx(whole, rel=1e-6)
    assert whole["loss"] == approx(measured(MIXED)["loss"] + 0.7 * whole["consistency"])


def test_the_gradient_of_micro_batches_is_that_of_the_batch() -> None:
    def gradient(micro: int) -> float:
        """With respect to a factor of all scores."""
        slope = torch.ones((), dtype=torch.float64, requires_grad=True)
        objective = reward_objective(lambda batch: tuple(slope * s for s in scores(batch)), "reward", 0.7)
        for start in range(0, len(MIXED), micro):
            objective.loss(MIXED[start : start + micro], objective.denominator(MIXED))[0].backward()
        return slope.grad.item()

    assert gradient(1) == approx(gradient(99), rel=1e-12)


def test_rows_mean_what_their_principles_say_in_any_words(tiny: SharedModel, reward_config: RewardConfig) -> None:
    def row(label: int, *guidelines: ShownGuideline) -> PreferenceRow:
        scores = tuple(0.0 for _ in guidelines)
        return PreferenceRow("1", "p", "Why?", "A.", "B.", guidelines, scores, label, "sum", False, "train")

    brief, terse = (ShownGuideline("Short", False, text) for text in ("Be brief.", "Be terse."))
    long, kind = ShownGuideline("Short", True, "Be long."), ShownGuideline("Kind", False, "Be kind.")
    rows = [row(1, brief), row(2, terse), row(1, long), row(1, brief, kind), row(1, kind, brief), row(2, brief)]
    group = [compare_row(tiny.chat, r, reward_config) for r in rows]
    assert [(r.one, r.other, r.aligned) for r in rewordings([group])] == [(0, 1, False), (1, 5, True), (3, 4, True)]
