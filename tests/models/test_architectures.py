"""Whatever the architecture: what is computed here is what the model's own ``forward`` computes, or it is refused."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoTokenizer

import salmon.models
from salmon.config.model import ModelConfig
from salmon.errors import SalmonError
from salmon.models import weights
from salmon.models.base import Abilities, SharedModel
from salmon.models.capabilities import Needs, problems_of
from salmon.models.forward import response_logprobs, score_forward, token_batch
from salmon.models.heads import ScalarHead, load_scalar_model, save_scalar_model
from salmon.models.merged_copy import merged_copy
from salmon.models.packing.continuations import Continuations
from salmon.models.packing.forward import next_token_logits
from salmon.models.packing.unpacked import UnpackedPrefix
from salmon.models.probe import abilities_of
from salmon.runtime.adapter_files import WEIGHTS
from salmon.sampling import prefill
from salmon.sampling.token_loop import generate, generate_after
from tests.models.architecture_table import HEAD, rows
from tests.models.architectures import ARCHITECTURES, OPEN, WINDOW, random_model
from tests.models.passes import logprobs_and_entropy, value_forward

FAST = ("gemma2", "gpt_neo", "gpt2", "opt")  # capped, with a window, Conv1D, projected
NO_SAMPLING = ("mamba",)
REFUSED = ("recurrent_gemma",)  # transformers itself computes other states for a prompt that is padded on the left
EACH = pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in FAST else pytest.mark.slow) for n in (*ARCHITECTURES, *OPEN) if n not in REFUSED],
)
CLOSE = {"atol": 2e-4, "rtol": 2e-4}

PREFIX = [(3 + 7 * n) % 200 for n in range(WINDOW + 5)]  # longer than a window
PROMPTS = [PREFIX + [30, 31, 32], [40, 41], PREFIX + [30, 50]]
RESPONSES = [[60, 61, 62, 63], [70, 71, 72, 73, 74, 75], [80]]
WHOLE = [p + r for p, r in zip(PROMPTS, RESPONSES, strict=True)]

Make = Callable[..., SharedModel]


@pytest.fixture(scope="module")
def make(tiny_config: ModelConfig, tiny_cache: Path) -> Make:
    tokenizer = AutoTokenizer.from_pretrained(weights.resolve(weights.TINY, tiny_cache))
    return lambda name, **changes: random_model(name, tiny_config, tokenizer, **changes)


@pytest.fixture
def base(name: str, make: Make, randomise: Callable[..., None]) -> Iterator[SharedModel]:
    """With a policy, which is active."""
    shared = make(name)
    shared.add_adapter("policy", seed=0)
    randomise(shared, "policy", seed=1)
    with shared.using("policy"):
        yield shared


def own_logits(shared: SharedModel, ids: list[int]) -> Tensor:
    """By the model's own forward, one sequence at a time [L, V]."""
    logits: Tensor = shared.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    return logits.float()


@contextmanager
def kept_states(shared: SharedModel) -> Iterator[list[Tensor]]:
    """Last hidden states [L, D] of each of the model's own passes."""
    states: list[Tensor] = []
    (decoder,) = {m for m in shared.model.modules() if m is not shared.model and m is decoder_in(shared)}
    hook = decoder.register_forward_hook(lambda module, args, output: states.append(output[0][0]))
    yield states
    hook.remove()


def decoder_in(shared: SharedModel) -> torch.nn.Module:
    return shared.model.get_decoder() if shared.model.get_decoder() is not shared.model else shared.model.model


def own_states(shared: SharedModel, ids: list[int]) -> Tensor:
    with torch.no_grad(), kept_states(shared) as states:
        own_logits(shared, ids)
    return states[0]


def expected_logprobs(shared: SharedModel, number: int, temperature: float) -> Tensor:
    """Of the whole vocabulary before each token of a response [R, V]."""
    start, end = len(PROMPTS[number]) - 1, len(WHOLE[number]) - 1
    return (own_logits(shared, WHOLE[number])[start:end] / temperature).log_softmax(-1)


@EACH
def test_logprobs_entropies_and_gradients(base: SharedModel) -> None:
    batch = token_batch(PROMPTS, RESPONSES, 0, base.device)
    logprobs, entropies = logprobs_and_entropy(base, batch, 0.7)
    parameters = list(base.parameters_of("policy").values())
    for parameter in parameters:
        parameter.requires_grad_(True)
    trained = response_logprobs(base, batch, 0.7)
    expected = []
    for number, response in enumerate(RESPONSES):
        rows = expected_logprobs(base, number, 0.7)
        expected.append(rows[range(len(response)), response])
        torch.testing.assert_close(logprobs[number, : len(response)], expected[-1].detach(), **CLOSE)
        torch.testing.assert_close(entropies[number, : len(response)], -(rows.exp() * rows).sum(-1).detach(), **CLOSE)
        torch.testing.assert_close(trained[number, : len(response)].detach(), expected[-1].detach(), **CLOSE)
    ours = torch.autograd.grad(trained.sum(), parameters, allow_unused=True)
    plain = torch.autograd.grad(torch.cat(expected).sum(), parameters, allow_unused=True)
    assert sum(g is not None and bool(g.abs().max() > 0) for g in plain) > 3
    for one, other in zip(ours, plain, strict=True):
        if other is not None:
            torch.testing.assert_close(one, other, atol=2e-3 * max(1.0, other.abs().max().item()), rtol=0)


@EACH
def test_likelihoods_and_judging(base: SharedModel) -> None:
    # Behind a prefix: two continuations of one context, and one of another.
    pairs = [([30, 31, 32], RESPONSES[0]), ([30, 31, 32], RESPONSES[1]), ([33], RESPONSES[2])]
    found = Continuations(base, PREFIX).likelihoods(pairs)
    with torch.no_grad():
        for (context, continuation), likelihood in zip(pairs, found, strict=True):
            rows = own_logits(base, PREFIX + context + continuation)[-1 - len(continuation) : -1].log_softmax(-1)
            expected = rows[range(len(continuation)), continuation].sum().item()
            assert likelihood.logprob == pytest.approx(expected, abs=2e-3)
        judged = next_token_logits(base, WHOLE, [5, 90])
        expected_logits = torch.stack([own_logits(base, ids)[-1, [5, 90]] for ids in WHOLE])
        torch.testing.assert_close(judged, expected_logits, **CLOSE)
        after = base.head(UnpackedPrefix(base, PREFIX).hidden_states([7, 8, 9]))
        torch.testing.assert_close(after.float(), own_logits(base, [*PREFIX, 7, 8, 9])[-3:], **CLOSE)


@EACH
def test_values_and_scores(base: SharedModel) -> None:
    head = ScalarHead(base.hidden_size, seed=3)
    batch = token_batch(PROMPTS, RESPONSES, 0, base.device)
    with torch.no_grad():
        states = [own_states(base, ids) for ids in WHOLE]
        values, scores = value_forward(base, head, batch), score_forward(base, head, WHOLE)
        for number, (prompt, response) in enumerate(zip(PROMPTS, RESPONSES, strict=True)):
            expected = head(states[number][len(prompt) - 1 : -1])
            torch.testing.assert_close(values[number, : len(response)], expected, **CLOSE)
        torch.testing.assert_close(scores, head(torch.stack([s[-1] for s in states])), **CLOSE)


@EACH
def test_greedy_answers(name: str, base: SharedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"temperature": 0.0, "top_p": 1.0, "max_new_tokens": 6}
    keys = [(number,) for number in range(len(PROMPTS))]
    rests = [[30, 31, 32], [33], [30, 50]]
    if name in NO_SAMPLING:
        with pytest.raises(SalmonError, match=f"random:{name}.*cannot sample here"):
            generate(base, PROMPTS, keys, batch_size=3, **settings)
        return
    expected = {tuple(ids): greedy(base, ids, 6) for ids in PROMPTS + [PREFIX + rest for rest in rests]}
    # One answer ends early, and its sequence leaves the batch.
    monkeypatch.setattr(type(base.chat), "end_ids", frozenset({expected[tuple(PROMPTS[1])][1]}))
    monkeypatch.setattr(prefill, "MIN_SAVED", 1)
    alike = [PREFIX + rest for rest in rests]  # they begin alike, and their rests are padded
    for prompts, found in (
        (PROMPTS, generate(base, PROMPTS, keys, batch_size=3, **settings)),
        (alike, generate(base, alike, keys, batch_size=3, **settings)),
        (alike, generate_after(base, PREFIX, rests, keys, stop_strings=(), **settings)),
    ):
        for ids, answer in zip(prompts, found, strict=True):
            whole = expected[tuple(ids)]
            assert answer.ids == whole[: len(answer.ids)]
            assert len(answer.ids) == 6 or answer.finished


@EACH
def test_a_merged_copy_computes_the_same(base: SharedModel) -> None:
    with torch.no_grad():
        expected = own_logits(base, WHOLE[0])
    with merged_copy(base, "policy"):
        found = own_logits(base, WHOLE[0])
    torch.testing.assert_close(found, expected, **CLOSE)


@torch.no_grad()
def greedy(shared: SharedModel, ids: list[int], number: int) -> list[int]:
    """The likeliest tokens by the model's own forward, without a cache."""
    ids = list(ids)
    for _ in range(number):
        ids.append(int(own_logits(shared, ids)[-1].argmax()))
    return ids[-number:]


@EACH
def test_first_layers(name: str, make: Make, randomise: Callable[..., None], tmp_path: Path) -> None:
    """``reward.layers=1``: the scores of a base that was made with one layer; adapter and head travel in a folder."""
    two, one = make(name), make(name, layers=1)
    own = two.model.state_dict()
    one.model.load_state_dict({key: own[key] for key in one.model.state_dict()})
    two.add_adapter("policy", seed=0)  # on all layers, beside it
    two.add_adapter("reward", seed=0, layers=1)
    randomise(two, "reward", seed=1)
    save_scalar_model(two, "reward", ScalarHead(two.hidden_size, seed=3, layers=1), tmp_path)
    # Of a mixture, PEFT adapts the experts of all layers; a base of one layer takes those of one.
    tensors = {key: tensor for key, tensor in load_file(tmp_path / WEIGHTS).items() if ".1." not in key}
    scores = []
    for shared in (two, one):
        if shared is one:
            save_file(tensors, tmp_path / WEIGHTS, metadata={"format": "pt"})
        head = load_scalar_model(shared, "read", tmp_path)
        head.layers = 1 if shared is two else None
        with torch.no_grad(), shared.using("read"):
            scores.append(score_forward(shared, head, WHOLE))
    torch.testing.assert_close(*scores, **CLOSE)
    with torch.no_grad(), two.using(None):
        head.layers = None
        assert (score_forward(two, head, WHOLE) - scores[0]).abs().min() > 1e-3


@EACH
def test_adapters_are_saved_and_loaded(base: SharedModel, tmp_path: Path) -> None:
    base.save_adapter("policy", tmp_path)
    base.load_adapter("copy", tmp_path)
    with torch.no_grad():
        expected = own_logits(base, WHOLE[0])
        with base.using("copy"):
            assert torch.equal(own_logits(base, WHOLE[0]), expected)
        with base.using(None):
            assert (own_logits(base, WHOLE[0]) - expected).abs().max() > 1e-2


def test_a_llama_can_do_everything(tiny: SharedModel) -> None:
    """What is found by trying would be missed if a trial itself were broken."""
    assert tiny.can == Abilities(state_size=128, cache=True, chunk=True, pack=True, cut=True)


@pytest.mark.parametrize("name", OPEN)
def test_the_open_bases_can_do_everything(name: str, make: Make) -> None:
    base = make(name)
    assert base.can == Abilities(state_size=base.hidden_size, cache=True, chunk=True, pack=True, cut=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("recurrent_gemma", "the states of a sequence that is padded on the left are not those of"),
        ("bert", "the states of tokens before a change are not those of"),  # reads in both directions
    ],
)
def test_what_would_be_wrong_is_refused_when_it_is_loaded(name: str, reason: str, make: Make) -> None:
    with pytest.raises(SalmonError, match=f"random:{name}: .* cannot be used: {reason}"):
        make(name)


@pytest.mark.parametrize("name", ["mistral", "gemma2", "gpt_neo"])
def test_sequences_within_a_window_are_packed_where_the_mask_is_obeyed(name: str, make: Make) -> None:
    """Also in rows that are longer than the window; GPT-Neo's own mask counts places in the row."""
    base = make(name, context=WINDOW)
    assert base.can.pack is (name != "gpt_neo")
    inputs = [PREFIX[: WINDOW - 3] + [n, n + 1, n + 2] for n in (30, 40, 50)]
    head = ScalarHead(base.hidden_size, seed=3)
    with torch.no_grad():
        expected = head(torch.stack([own_states(base, ids)[-1] for ids in inputs]))
        torch.testing.assert_close(score_forward(base, head, inputs), expected, **CLOSE)
        assert base.can.flatten is (name == "mistral")  # the others' attention functions are their own
        batch = token_batch([PREFIX[: WINDOW - 5]] * 2, [[30, 31, 32, 33], [30, 50]], 0, base.device)
        values = value_forward(base, head, batch)
        for row, response in enumerate([[30, 31, 32, 33], [30, 50]]):
            states = own_states(base, PREFIX[: WINDOW - 5] + response)[-1 - len(response) : -1]
            torch.testing.assert_close(values[row, : len(response)], head(states), **CLOSE)


def test_a_model_that_fails_is_refused_by_one_message(tiny: SharedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(tiny.model), "forward", lambda self, **given: 1 / 0)
    with pytest.raises(SalmonError, match="random:tiny: Llama.* cannot be used: running it fails .ZeroDivisionError: "):
        abilities_of(tiny)


def test_what_a_job_needs_and_a_base_cannot_do_is_listed(tiny: SharedModel) -> None:
    assert problems_of(tiny, Needs(sampling=True, layers=2)) == []
    (deep,) = problems_of(tiny, Needs(layers=3))
    assert "reward.layers=3: this base has 2 layers" in deep
    tiny.can = replace(tiny.can, cache=False, cut=False)
    assert problems_of(tiny, Needs()) == []
    found = problems_of(tiny, Needs(sampling=True, layers=1))
    assert len(found) == 2 and "cannot sample here" in found[0] and "reward.layers=1: Llama" in found[1]
    with pytest.raises(SalmonError, match="reward.layers=1: Llama.* cannot run its first layers only"):
        tiny.hidden_states(torch.tensor([[5, 6]]), torch.ones(1, 2), layers=1)


@pytest.mark.slow
def test_the_page_has_the_table_of_what_these_can_do(
    tiny_config: ModelConfig, tiny_cache: Path, tmp_path: Path
) -> None:
    page = (Path(salmon.models.__file__).parent / "README.md").read_text(encoding="utf-8")
    table = "\n".join([HEAD, *rows(tiny_config, tiny_cache, tmp_path)])
    assert table in page, "python -m tests.models.architecture_table prints the table"
