"""Inputs with one beginning, packed into one row, are scored as each would be alone."""

import pytest
import torch
from torch import Tensor

import salmon.models.branches
from salmon.models.base import SharedModel
from salmon.models.branches import pack
from salmon.models.forward import score_forward
from salmon.models.heads import ScalarHead

STEM = list(range(40, 60))
BRANCHES = [STEM + [70, 71, 72], STEM + [80], STEM + [70, 90, 91, 92, 93]]
ALONE = [10, 11, 12, 13]
INPUTS = [BRANCHES[0], ALONE, BRANCHES[1], BRANCHES[2], [5]]  # branches of one stem, with others in between

Result = tuple[Tensor, dict[str, Tensor]]


@pytest.fixture
def scorer(tiny: SharedModel, randomise) -> SharedModel:
    tiny.add_adapter("reward", seed=0)
    randomise(tiny, "reward", seed=1)
    return tiny


def scores_and_gradients(shared: SharedModel, batches: list[list[list[int]]]) -> Result:
    """Scores [N], and the gradient of a weighted sum of them; each batch has a forward pass of its own."""
    head = ScalarHead(shared.hidden_size, seed=2)
    trained = shared.parameters_of("reward") | {f"head.{name}": p for name, p in head.named_parameters()}
    for parameter in trained.values():
        parameter.requires_grad_(True)
    with shared.using("reward"):
        scores = torch.cat([score_forward(shared, head, batch) for batch in batches])
        weights = torch.tensor([1.0, -2.0, 0.5, 3.0, -1.0])[: len(scores)]
        gradients = torch.autograd.grad((scores * weights).sum(), list(trained.values()))
    return scores.detach(), dict(zip(trained, gradients, strict=True))


def differences(one: Result, other: Result) -> tuple[float, float]:
    """Largest differences of the scores, and of the gradients relative to the largest of their tensor."""
    assert one[1].keys() == other[1].keys()
    gradients = [
        ((g - other[1][name]).abs().max() / other[1][name].abs().max().clamp(min=1e-3)).item()
        for name, g in one[1].items()
    ]
    return (one[0] - other[0]).abs().max().item(), max(gradients)


# --- packing, by hand --------------------------------------------------------------------------


def test_a_stem_holds_the_beginning_once() -> None:
    """[1 2 3 4 | 5] and [1 2 3 4 | 6 7]: what both see, then each branch at the positions it has alone."""
    (stem,) = pack([[1, 2, 3, 4, 6, 7], [1, 2, 3, 4, 5]])
    assert stem.members == [1, 0]
    assert stem.ids == [1, 2, 3, 4, 5, 6, 7]
    assert stem.positions == [0, 1, 2, 3, 4, 4, 5]
    assert stem.owners == [-1, -1, -1, -1, 0, 1, 1]
    assert stem.ends == [4, 6]


def test_only_inputs_that_share_more_than_half_are_packed() -> None:
    half = [[1, 2, 3, 4], [1, 2, 5, 6]]  # exactly half: packing would save little and cost a wider row
    assert [stem.members for stem in pack(half)] == [[0], [1]]
    more = [[1, 2, 3, 4], [1, 2, 3, 6]]
    assert [stem.members for stem in pack(more)] == [[0, 1]]


def test_stems_are_found_among_others() -> None:
    stems = pack(INPUTS)
    assert sorted(sorted(stem.members) for stem in stems) == [[0, 2, 3], [1], [4]]
    (shared,) = [stem for stem in stems if len(stem.members) == 3]
    assert len(shared.ids) == len(STEM) + 3 + 1 + 5


def test_inputs_that_share_nothing_stay_alone() -> None:
    assert [stem.members for stem in pack([[1, 2, 3], [4, 5, 6], [7, 8, 9]])] == [[0], [1], [2]]


def test_equal_inputs_are_branches_too() -> None:
    """Their last token is each one's own, so that both have a state to read."""
    (stem,) = pack([[1, 2, 3], [1, 2, 3]])
    assert (stem.ids, stem.owners, stem.ends) == ([1, 2, 3, 3], [-1, -1, 0, 1], [2, 3])


# --- what the model makes of it ----------------------------------------------------------------


@pytest.mark.parametrize(
    "inputs",
    [INPUTS, BRANCHES, [ALONE, [5, 6]], [ALONE], [BRANCHES[1], BRANCHES[1]]],
    ids=["mixed", "one stem", "nothing shared", "one input", "the same twice"],
)
def test_packed_is_the_same_as_separate(scorer: SharedModel, inputs: list[list[int]]) -> None:
    together = scores_and_gradients(scorer, [inputs])
    separate = scores_and_gradients(scorer, [[ids] for ids in inputs])
    scores, gradients = differences(together, separate)
    assert scores < 1e-5
    assert gradients < 1e-4
    assert any(name.startswith("head.") and g.abs().sum() > 0 for name, g in together[1].items())
    assert any("lora_" in name and g.abs().sum() > 0 for name, g in together[1].items())


def test_the_order_is_the_callers(scorer: SharedModel) -> None:
    head = ScalarHead(scorer.hidden_size, seed=2)
    with torch.no_grad(), scorer.using("reward"):
        scores = score_forward(scorer, head, INPUTS)
        backwards = score_forward(scorer, head, INPUTS[::-1])
    torch.testing.assert_close(backwards.flip(0), scores, atol=1e-5, rtol=0)
    assert (scores[:, None] - scores[None]).abs().fill_diagonal_(1.0).min() > 1e-3  # no two are alike


def test_branches_that_see_each_other_are_told_apart(scorer: SharedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wrong variant: everything before a token is visible to it, so later branches read earlier ones."""
    separate = scores_and_gradients(scorer, [[ids] for ids in BRANCHES])

    def visible(inputs):
        (stem,) = pack(inputs)
        return [type(stem)(stem.members, stem.ids, stem.positions, [-1] * len(stem.ids), stem.ends)]

    monkeypatch.setattr(salmon.models.branches, "pack", visible)
    scores, gradients = differences(scores_and_gradients(scorer, [BRANCHES]), separate)
    assert scores > 1e-3 and gradients > 1e-2


def test_branches_at_the_positions_of_the_row_are_told_apart(
    scorer: SharedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other wrong variant: a branch stands where it is packed, not where it would be alone."""
    separate = scores_and_gradients(scorer, [[ids] for ids in BRANCHES])

    def placed(inputs):
        (stem,) = pack(inputs)
        return [type(stem)(stem.members, stem.ids, list(range(len(stem.ids))), stem.owners, stem.ends)]

    monkeypatch.setattr(salmon.models.branches, "pack", placed)
    assert differences(scores_and_gradients(scorer, [BRANCHES]), separate)[0] > 1e-4
