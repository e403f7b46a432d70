"""Padding is invisible, and every number is read at the right token."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from salmon.models.base import SharedModel, positions
from salmon.models.forward import TokenBatch, response_logprobs, score_forward, token_batch
from salmon.models.heads import ScalarHead
from tests.models.passes import logprobs_and_entropy, value_forward

PROMPTS = [[40, 41, 42], [50], [60, 61, 62, 63, 64]]
RESPONSES = [[70, 71, 72, 73], [80, 81], [90]]


@pytest.fixture(params=[True, False], ids=["in one row", "padded"])
def tiny(tiny: SharedModel, request: pytest.FixtureRequest) -> SharedModel:
    tiny.can = replace(tiny.can, flatten=request.param)
    return tiny


@pytest.fixture
def batch(tiny: SharedModel) -> TokenBatch:
    return token_batch(PROMPTS, RESPONSES, tiny.pad_id, tiny.device)


@pytest.fixture
def head(tiny: SharedModel) -> ScalarHead:
    return ScalarHead(tiny.hidden_size, seed=5)


def padded(batch: TokenBatch, left: int, right: int, filler: int) -> TokenBatch:
    """More padding, of any token."""
    b = len(batch)

    def block(width: int, like: Tensor, value: int) -> Tensor:
        return torch.full((b, width), value, dtype=like.dtype)

    return TokenBatch(
        torch.cat([block(left, batch.prompts, filler), batch.prompts], -1),
        torch.cat([block(left, batch.prompt_mask, 0), batch.prompt_mask], -1),
        torch.cat([batch.responses, block(right, batch.responses, filler)], -1),
        torch.cat([batch.mask, block(right, batch.mask, 0)], -1),
    )


def test_positions_do_not_count_padding() -> None:
    mask = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0]])
    assert positions(mask).tolist() == [[0, 0, 0, 1, 2], [0, 1, 2, 2, 2], [0, 0, 1, 2, 2]]


def test_the_model_is_given_those_positions(tiny: SharedModel, batch: TokenBatch) -> None:
    """Rotary embeddings see distances only; a model with absolute positions would see the padding."""
    one_row = [[0, 1, 2, 3, 4, 5, 0, 1, 0, 1, 2, 3, 4]]  # a response's last token predicts nothing
    padded = [[0, 0, 0, 1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 0, 1, 2, 2, 2], [0, 1, 2, 3, 4, 5, 5, 5, 5]]
    given: list[Tensor] = []
    tiny.model.get_decoder().register_forward_pre_hook(
        lambda *call: given.append(call[2]["position_ids"]), with_kwargs=True
    )
    with torch.no_grad():
        response_logprobs(tiny, batch, 1.0)
    assert given[0].tolist() == (one_row if tiny.can.flatten else padded)


def test_prompts_and_responses_meet_in_one_column(batch: TokenBatch) -> None:
    assert batch.prompts.tolist() == [[0, 0, 40, 41, 42], [0, 0, 0, 0, 50], [60, 61, 62, 63, 64]]
    assert batch.prompt_mask.tolist() == [[0, 0, 1, 1, 1], [0, 0, 0, 0, 1], [1, 1, 1, 1, 1]]
    assert batch.responses.tolist() == [[70, 71, 72, 73], [80, 81, 0, 0], [90, 0, 0, 0]]
    assert batch.mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]]
    assert len(batch) == 3


def test_rows_drop_the_columns_that_are_padding_in_all_of_them(batch: TokenBatch) -> None:
    rows = batch.rows([1, 0])
    assert rows.prompts.tolist() == [[0, 0, 50], [40, 41, 42]]
    assert rows.prompt_mask.tolist() == [[0, 0, 1], [1, 1, 1]]
    assert rows.responses.tolist() == [[80, 81, 0, 0], [70, 71, 72, 73]]
    assert rows.mask.tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert batch.rows([2]).responses.tolist() == [[90]]
    assert batch.rows([1]).prompts.tolist() == [[50]]


def test_policy_values_equal_those_of_each_row_alone(tiny: SharedModel, head: ScalarHead, batch: TokenBatch) -> None:
    with torch.no_grad():
        logprobs, values = response_logprobs(tiny, batch, 0.7), value_forward(tiny, head, batch)
        for n, (prompt, response) in enumerate(zip(PROMPTS, RESPONSES, strict=True)):
            logits = tiny.model(torch.tensor([prompt + response])).logits[0] / 0.7
            before = slice(len(prompt) - 1, len(prompt) + len(response) - 1)
            expected = torch.log_softmax(logits[before], -1)[range(len(response)), response]
            torch.testing.assert_close(logprobs[n, : len(response)], expected, atol=1e-4, rtol=1e-4)
            states = tiny.hidden_states(torch.tensor([prompt + response]), torch.ones(1, len(prompt + response)))[0]
            torch.testing.assert_close(values[n, : len(response)], head(states[before]), atol=1e-4, rtol=1e-4)
            mutant = head(states[len(prompt) : len(prompt) + len(response)])  # the state after each token
            assert (values[n, : len(response)] - mutant).abs().max() > 1e-2
    outside = batch.mask == 0
    assert (logprobs[outside] == 0).all() and (values[outside] == 0).all()


def test_entropy_is_in_nats_and_without_gradient(tiny: SharedModel, batch: TokenBatch) -> None:
    tiny.add_adapter("policy", seed=0)
    with tiny.using("policy"):
        logprobs, entropy = logprobs_and_entropy(tiny, batch, 0.7)
        trained = response_logprobs(tiny, batch, 0.7)
    with torch.no_grad():
        logits = tiny.model(torch.tensor([PROMPTS[0] + RESPONSES[0]])).logits[0, 2:6] / 0.7
        rows = torch.log_softmax(logits, -1)
        torch.testing.assert_close(entropy[0], -(rows.exp() * rows).sum(-1), atol=1e-4, rtol=1e-4)
    assert (entropy[batch.mask == 0] == 0).all()
    assert torch.equal(logprobs, trained)
    assert trained.requires_grad and not logprobs.requires_grad and not entropy.requires_grad


@pytest.mark.parametrize(("left", "right"), [(7, 0), (0, 9), (3, 4)])
def test_more_padding_of_any_token_changes_nothing(
    tiny: SharedModel, head: ScalarHead, batch: TokenBatch, left: int, right: int
) -> None:
    wider = padded(batch, left, right, filler=99)
    width = batch.mask.shape[1]
    with torch.no_grad():
        for run in (lambda b: response_logprobs(tiny, b, 0.7), lambda b: value_forward(tiny, head, b)):
            usual, more = run(batch), run(wider)
            torch.testing.assert_close(more[:, :width], usual, atol=1e-4, rtol=1e-4)
            assert (more[:, width:] == 0).all()


def test_trimmed_rows_give_the_same_values(tiny: SharedModel, batch: TokenBatch) -> None:
    with torch.no_grad():
        usual = response_logprobs(tiny, batch, 1.0)
        for n in range(3):
            alone = response_logprobs(tiny, batch.rows([n]), 1.0)[0]
            torch.testing.assert_close(usual[n, : len(alone)], alone, atol=1e-4, rtol=1e-4)


def test_score_is_read_at_the_last_real_token(tiny: SharedModel, head: ScalarHead) -> None:
    inputs = [[40, 41, 42, 43, 44, 45], [50, 51], [60, 61, 62]]
    with torch.no_grad():
        scores = score_forward(tiny, head, inputs)
        alone = torch.cat([score_forward(tiny, head, [ids]) for ids in inputs])
        expected = torch.stack(
            [head(tiny.hidden_states(torch.tensor([ids]), torch.ones(1, len(ids)))[0, -1]) for ids in inputs]
        )
        # Mutant: the last column of the padded batch, as a head on left-padded inputs would read it.
        wide = torch.tensor([ids + [0] * (6 - len(ids)) for ids in inputs])
        mutant = head(tiny.hidden_states(wide, (wide != 0).long())[:, -1])
    torch.testing.assert_close(scores, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(scores, alone, atol=1e-4, rtol=1e-4)
    assert mutant[0] == pytest.approx(expected[0].item(), abs=1e-3)  # without padding there is no difference
    assert (mutant[1:] - expected[1:]).abs().min() > 1e-2


def test_a_real_token_that_equals_the_padding_is_real(tiny: SharedModel, head: ScalarHead) -> None:
    """Where the tokenizer pads with its end token, padding must not be found by its token."""
    pad = tiny.pad_id
    with torch.no_grad():
        scores = score_forward(tiny, head, [[40, 41, pad], [50, 51, 52, 53]])
        alone = head(tiny.hidden_states(torch.tensor([[40, 41, pad]]), torch.ones(1, 3))[0, -1])
    assert scores[0].item() == pytest.approx(alone.item(), abs=1e-4)
    batch = token_batch([[pad, 40]], [[70, pad]], pad, tiny.device)
    assert batch.prompt_mask.tolist() == [[1, 1]] and batch.mask.tolist() == [[1, 1]]
