"""Sequences with a common prefix, packed into one row, are scored as each would be alone."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import salmon.models.packing.forward
from salmon.models.base import SharedModel
from salmon.models.forward import score_forward
from salmon.models.heads import ScalarHead
from salmon.models.packing.forward import packed_last_states
from salmon.models.packing.layout import pack_by_prefix
from salmon.models.packing.mask import PREFIX
from salmon.models.packing.unpacked import unpacked_last_states

COMMON = list(range(40, 60))
PACKED = [COMMON + [70, 71, 72], COMMON + [80], COMMON + [70, 90, 91, 92, 93]]
ALONE = [10, 11, 12, 13]
INPUTS = [PACKED[0], ALONE, PACKED[1], PACKED[2], [5]]  # packed in one row, with others in between

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


@pytest.mark.parametrize(
    "inputs",
    [INPUTS, PACKED, [ALONE, [5, 6]], [ALONE], [PACKED[1], PACKED[1]]],
    ids=["mixed", "one row", "nothing shared", "one input", "the same twice"],
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


def test_sequences_that_see_each_other_are_told_apart(scorer: SharedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wrong variant: everything before a token is visible to it, so later sequences read earlier ones."""
    separate = scores_and_gradients(scorer, [[ids] for ids in PACKED])

    def visible(inputs):
        (row,) = pack_by_prefix(inputs)
        return [replace(row, sequence_ids=[PREFIX] * len(row.ids))]

    monkeypatch.setattr(salmon.models.packing.forward, "pack_by_prefix", visible)
    scores, gradients = differences(scores_and_gradients(scorer, [PACKED]), separate)
    assert scores > 1e-3 and gradients > 1e-2


def test_sequences_at_the_positions_of_the_row_are_told_apart(
    scorer: SharedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other wrong variant: a sequence stands where it is packed, not where it would be alone."""
    separate = scores_and_gradients(scorer, [[ids] for ids in PACKED])

    def placed(inputs):
        (row,) = pack_by_prefix(inputs)
        return [replace(row, positions=list(range(len(row.ids))))]

    monkeypatch.setattr(salmon.models.packing.forward, "pack_by_prefix", placed)
    assert differences(scores_and_gradients(scorer, [PACKED]), separate)[0] > 1e-4


@pytest.mark.parametrize("layers", [None, 1])
def test_unpacked_states_are_the_packed_ones(scorer: SharedModel, layers: int | None) -> None:
    """With their gradients."""
    parameters = list(scorer.parameters_of("reward").values())
    for parameter in parameters:
        parameter.requires_grad_(True)
    with scorer.using("reward"):
        packed, plain = (way(scorer, INPUTS, layers) for way in (packed_last_states, unpacked_last_states))
        weights = torch.randn(packed.shape, generator=torch.Generator().manual_seed(0))
        gradients = [torch.autograd.grad((s * weights).sum(), parameters, allow_unused=True) for s in (packed, plain)]
    torch.testing.assert_close(packed, plain, atol=1e-5, rtol=1e-5)
    assert any(g is not None for g in gradients[0])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_rows_have_few_different_widths(scorer: SharedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a processor compiles for each shape stays in memory, so batches of other lengths have the same shapes."""
    widths = list[int]()
    forward = SharedModel.decoder_forward

    def watched(self: SharedModel, ids: Tensor, *more: Any) -> Tensor:
        widths.append(ids.shape[1])
        return forward(self, ids, *more)

    monkeypatch.setattr(SharedModel, "decoder_forward", watched)
    with scorer.using("reward"), torch.no_grad():
        for length in (1, 15, 16, 17, 33):
            packed_last_states(scorer, [[7] * length], None)
    assert widths == [16, 16, 16, 32, 48]
