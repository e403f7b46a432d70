"""Sequences in one row without padding: states, and gradients of every adapter, are those of separate rows."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import salmon.models.packing.flat
from salmon.models.base import SharedModel
from salmon.models.forward import response_logprobs, token_batch
from salmon.models.heads import ScalarHead
from salmon.models.layer_control import checkpoint_layers
from salmon.models.packing.flat import flatten
from tests.models.passes import value_forward

STEM = list(range(40, 52))
PROMPTS = [STEM + [60, 61], STEM + [60, 62, 63], [90, 91], STEM + [60, 61]]
RESPONSES = [[70, 71, 72], [73], [], [70, 75, 76, 77, 78]]  # of two prompts that are alike, and answers begin alike
ROLES = ("policy", "value")


def test_what_sequences_begin_with_stands_once() -> None:
    flat = flatten([[1, 1, 2, 3], [1, 1, 4], [5], [1, 1, 4], [1]])
    assert flat.ids == [1, 1, 2, 3, 4, 5]
    assert flat.positions == [0, 1, 2, 3, 2, 0]
    assert flat.paths == [[0, 1, 2, 3], [0, 1, 4], [5], [0, 1, 4], [0]]


def test_equal_tokens_after_different_ones_are_apart() -> None:
    assert flatten([[1, 2, 3], [4, 2, 3]]).ids == [1, 2, 3, 4, 2, 3]


Result = tuple[list[Tensor], dict[str, Tensor]]


@pytest.fixture
def exact(tiny: SharedModel, randomise) -> SharedModel:
    """Both roles in double precision; norms round to fp32 all the same."""
    for seed, role in enumerate(ROLES):
        tiny.add_adapter(role, seed)
        randomise(tiny, role, seed + 1)
    tiny.model.double()
    return tiny


def results(shared: SharedModel, batches: Sequence[Sequence[int]]) -> Result:
    """Log-probs and values row by row, and the gradients of a weighted sum of them; each batch has its own passes."""
    head = ScalarHead(shared.hidden_size, seed=2)
    trained = dict(head.named_parameters())
    for role in ROLES:
        trained |= shared.parameters_of(role)
    for parameter in trained.values():
        parameter.requires_grad_(True)
        parameter.grad = None
    found: list[Tensor] = [torch.empty(0)] * 2 * len(PROMPTS)
    for rows in batches:
        batch = token_batch([PROMPTS[i] for i in rows], [RESPONSES[i] for i in rows], shared.pad_id, shared.device)
        for part, role in enumerate(ROLES):
            with shared.using(role):
                made = value_forward(shared, head, batch) if part else response_logprobs(shared, batch, 0.7)
                weights = torch.tensor([[(1 + i) * (-1) ** j for j in range(made.shape[1])] for i in rows])
                (made * weights).sum().backward()
            for place, row in enumerate(rows):
                found[part * len(PROMPTS) + row] = made[place, : len(RESPONSES[row])].detach()
    return found, {key: parameter.grad for key, parameter in trained.items()}


ALL, ALONE = [range(4)], [[0], [1], [2], [3]]


@pytest.mark.parametrize("checkpointing", [False, True])
def test_states_and_gradients_are_those_of_separate_rows(exact: SharedModel, checkpointing: bool) -> None:
    if checkpointing:
        checkpoint_layers(exact.model, early_stop=True)
    values, gradients = results(exact, ALL)
    exact.can = replace(exact.can, flatten=False)  # padded rows, each alone
    expected, expected_gradients = results(exact, ALONE)
    for one, other in zip(values, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected_gradients[name], atol=1e-6, rtol=1e-5)
    assert max(gradient.abs().max() for gradient in gradients.values()) > 1e-2


def test_a_stem_that_gets_the_gradient_of_one_sequence_only_is_found(
    exact: SharedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant: keys and values of the stem are taken as given by all sequences but the first."""
    expected = results(exact, ALL)[1]
    along = salmon.models.packing.flat.Paths.along

    def detached(self, states: Tensor) -> Tensor:
        rows = along(self, states)
        return torch.cat([rows[:1], rows[1:].detach()])

    monkeypatch.setattr(salmon.models.packing.flat.Paths, "along", detached)
    found = results(exact, ALL)[1]
    worst = max((found[name] - g).abs().max() / g.abs().max().clamp(min=1e-9) for name, g in expected.items())
    assert worst > 1e-2


def test_the_stem_is_computed_once(exact: SharedModel) -> None:
    """Tokens that go through a layer's MLP."""
    tokens: list[int] = []
    hook = (
        exact.model.get_decoder()
        .layers[0]
        .mlp.register_forward_hook(lambda module, args, output: tokens.append(output.shape[:-1].numel()))
    )
    try:
        results(exact, ALL)
    finally:
        hook.remove()
    own = [len(p) + max(0, len(r) - 1) for p, r in zip(PROMPTS, RESPONSES, strict=True)]
    # The fourth shares its whole prompt and one answer token with the first, the second the stem and a token.
    assert tokens == [sum(own) - 13 - 15] * 2


def test_a_batch_of_an_empty_response_has_no_numbers(exact: SharedModel) -> None:
    batch = token_batch([PROMPTS[0]], [[]], exact.pad_id, exact.device)
    assert response_logprobs(exact, batch, 1.0).tolist() == [[0.0]]
    assert value_forward(exact, ScalarHead(exact.hidden_size, seed=2), batch).tolist() == [[0.0]]


def test_a_llama_can(exact: SharedModel) -> None:
    """Otherwise the tests above would compare padded rows with padded rows."""
    assert exact.can.flatten
