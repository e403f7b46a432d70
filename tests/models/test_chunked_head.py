"""Log-probs and entropies by chunks: equal to the plain way, and without its logits."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from salmon.core.ppo import entropy
from salmon.models import chunked_head
from salmon.models.base import SharedModel
from salmon.models.chunked_head import logprobs_and_entropies, token_logprobs
from salmon.models.forward import response_logprobs, token_batch
from tests.models.passes import logprobs_and_entropy

STATES, WIDTH, VOCABULARY, ROWS = 10, 6, 40, 4  # chunks of 4, 4 and 2 rows


def linear(bias: bool, dtype: torch.dtype = torch.float64) -> nn.Linear:
    generator = torch.Generator().manual_seed(1)
    head = nn.Linear(WIDTH, VOCABULARY, bias=bias, dtype=dtype).requires_grad_(False)
    for parameter in head.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return head


def tied() -> nn.Linear:
    embedding = nn.Embedding(VOCABULARY, WIDTH, dtype=torch.float64)
    head = linear(bias=False)
    head.weight = embedding.weight
    return head.requires_grad_(False)


class Capped(nn.Module):
    """A head around another, with an operation that saves its own output for the pass backward."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, states: Tensor) -> Tensor:
        return 3 * torch.tanh(self.inner(states) / 3)


HEADS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: linear(False),
    "bias": lambda: linear(True),
    "tied": tied,
    "wrapped": lambda: Capped(linear(True)),
}


def drawn(dtype: torch.dtype = torch.float64, count: int = STATES) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(count, WIDTH, generator=generator, dtype=torch.float64).to(dtype)
    return states, torch.randint(VOCABULARY, (count,), generator=generator)


def plain(head: nn.Module, states: Tensor, tokens: Tensor, temperature: float) -> Tensor:
    logits = head(states)
    logits = (logits if logits.dtype == torch.float64 else logits.float()) / temperature
    return logits.log_softmax(-1).gather(-1, tokens[:, None])[:, 0]


class Rows(TorchDispatchMode):
    """The most rows of a vocabulary's width that any operation makes, in passes forward and backward."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.vocabulary, self.most = vocabulary, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            # the head's weights are seen transposed, [D, V]
            if isinstance(tensor, Tensor) and tensor.shape[-1:] == (self.vocabulary,) and "aten.t." not in str(func):
                self.most = max(self.most, tensor.numel() // self.vocabulary)
        return made


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked_head, "ROWS", ROWS)


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_log_probs_and_their_gradients_are_the_plain_way_s(kind: str, temperature: float) -> None:
    head, (states, tokens) = HEADS[kind](), drawn()
    states.requires_grad_()
    weights = torch.linspace(-1, 2, STATES, dtype=torch.float64)  # a loss that weighs tokens, as PPO's does
    expected = plain(head, states, tokens, temperature)
    made = token_logprobs(head, states, tokens, temperature)
    torch.testing.assert_close(made, expected)
    gradients = [torch.autograd.grad((weights * values).sum(), states)[0] for values in (expected, made)]
    torch.testing.assert_close(gradients[1], gradients[0])
    assert gradcheck(lambda x: token_logprobs(head, x, tokens, temperature), states)


@pytest.mark.parametrize("kind", HEADS)
def test_entropies_are_the_plain_way_s(kind: str) -> None:
    head, (states, tokens) = HEADS[kind](), drawn()
    logprobs, entropies = logprobs_and_entropies(head, states, tokens, 0.7)
    torch.testing.assert_close(logprobs, plain(head, states, tokens, 0.7))
    torch.testing.assert_close(entropies, entropy(head(states) / 0.7))
    assert torch.equal(logprobs, token_logprobs(head, states, tokens, 0.7))


def test_bf16_states_give_fp32_log_probs_and_bf16_gradients() -> None:
    """As the plain way does: logits are rounded to bf16 by the head, and nothing after them."""
    head, (states, tokens) = linear(True, torch.bfloat16), drawn(torch.bfloat16)
    states.requires_grad_()
    expected, made = plain(head, states, tokens, 0.7), token_logprobs(head, states, tokens, 0.7)
    assert made.dtype is torch.float32
    torch.testing.assert_close(made, expected, atol=1e-6, rtol=1e-6)
    assert (made.bfloat16().float() - made).abs().max() > 1e-3  # mutant: log-probs in the states' dtype
    one, two = (torch.autograd.grad((0.01 * values).sum(), states)[0] for values in (expected, made))
    assert two.dtype is torch.bfloat16
    assert (two - one).float().norm() < 2**-7 * one.float().norm()  # the rounding of bf16, twice


def test_no_tensor_has_more_than_a_chunk_s_logits() -> None:
    states, tokens = drawn()
    states.requires_grad_()

    def most(way: Callable[..., Tensor]) -> int:
        with Rows(VOCABULARY) as rows:
            way(linear(True), states, tokens, 0.7).sum().backward()
        return rows.most

    assert most(plain) == STATES
    assert most(token_logprobs) == ROWS
    with Rows(VOCABULARY) as rows:
        logprobs_and_entropies(linear(True), states, tokens, 0.7)
    assert rows.most == ROWS


def test_only_a_vector_a_token_is_kept_for_the_pass_backward() -> None:
    kept: list[int] = []
    states, tokens = drawn()
    states.requires_grad_()

    def count(way: Callable[..., Tensor]) -> int:
        head, own = linear(True), {states.data_ptr()}
        own |= {parameter.data_ptr() for parameter in head.parameters()}
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t: (t.data_ptr() in own or kept.append(t.numel()), t)[1], lambda t: t
        ):
            way(head, states, tokens, 0.7)
        return sum(kept)

    assert count(plain) >= STATES * VOCABULARY
    # a chunk's own pass backward, within the pass forward, saves no more than the states it is given
    assert count(token_logprobs) <= 2 * STATES * WIDTH


def test_without_states_there_is_nothing() -> None:
    states, tokens = drawn(count=0)
    assert token_logprobs(linear(True), states.requires_grad_(), tokens, 1.0).shape == (0,)
    assert [values.shape for values in logprobs_and_entropies(linear(True), states, tokens, 1.0)] == [(0,), (0,)]


def test_the_model_s_passes_hold_a_chunk_s_logits_of_real_tokens_only(tiny: SharedModel) -> None:
    """64 tokens in the longest row, 9 in the others: the head sees 82 of 192 positions, 4 at a time."""
    tiny.add_adapter("policy", seed=0)
    responses = [list(range(10, 74)), list(range(20, 29)), list(range(30, 39))]
    batch = token_batch([[5, 6]] * 3, responses, tiny.pad_id, tiny.device)
    read: list[int] = []
    tiny.model.get_output_embeddings().register_forward_hook(lambda module, given, made: read.append(made.shape[-2]))
    with tiny.using("policy"), Rows(tiny.model.config.vocab_size) as rows:
        response_logprobs(tiny, batch, 0.7).sum().backward()
    assert (sum(read), max(read), rows.most) == (82, ROWS, ROWS)
    read.clear()
    with tiny.using("policy"), Rows(tiny.model.config.vocab_size) as rows:
        logprobs_and_entropy(tiny, batch, 0.7)
    assert (sum(read), max(read), rows.most) == (82, ROWS, ROWS)
