"""A continuation depends on its prompt, key and settings alone."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from salmon.measure.rates import counted
from salmon.models.base import SharedModel
from salmon.models.forward import response_logprobs, token_batch
from salmon.models.packing.layout import common_prefix_length
from salmon.sampling import token_loop as generation
from salmon.sampling.prefill import MIN_SAVED
from salmon.sampling.token_loop import Generation, generate, generate_after
from tests.ends import end_with

TEXTS = [
    "Name a colour.",
    "Why?",
    "A much longer question, so that the others are padded on their left side.",
    "Tell me about rivers.",
    "x",
]
KEYS = [(0, "generation", index) for index in range(len(TEXTS))]
SETTINGS = {"temperature": 0.7, "top_p": 1.0, "max_new_tokens": 16}


def prompt_ids(shared: SharedModel) -> list[list[int]]:
    return [shared.chat.user_ids(text) for text in TEXTS]


def same(one: list[Generation], two: list[Generation]) -> None:
    """Equal tokens; log-probs up to the rounding of other matrix shapes."""
    assert [g.ids for g in one] == [g.ids for g in two]
    assert [g.finished for g in one] == [g.finished for g in two]
    for a, b in zip(one, two, strict=True):
        assert a.logprobs == pytest.approx(b.logprobs, abs=1e-4)


@pytest.fixture
def policy(tiny: SharedModel, randomise) -> SharedModel:
    tiny.add_adapter("policy", seed=0)
    randomise(tiny, "policy", seed=1)
    return tiny


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_batch_size_changes_nothing(policy: SharedModel, batch_size: int) -> None:
    prompts = prompt_ids(policy)
    with policy.using("policy"):
        same(
            generate(policy, prompts, KEYS, **SETTINGS, batch_size=batch_size),
            generate(policy, prompts, KEYS, **SETTINGS, batch_size=5),
        )


def test_order_and_neighbours_change_nothing(policy: SharedModel) -> None:
    prompts, order = prompt_ids(policy), [3, 0, 4, 1, 2]
    with policy.using("policy"):
        usual = generate(policy, prompts, KEYS, **SETTINGS, batch_size=5)
        shuffled = generate(policy, [prompts[i] for i in order], [KEYS[i] for i in order], **SETTINGS, batch_size=2)
        alone = generate(policy, prompts[1:2], KEYS[1:2], **SETTINGS, batch_size=5)
    same([usual[i] for i in order], shuffled)
    same(usual[1:2], alone)


def test_the_key_decides(policy: SharedModel) -> None:
    prompt = policy.chat.user_ids("Name a colour.")
    with policy.using("policy"):
        one, two, other = generate(policy, [prompt] * 3, [KEYS[0], KEYS[0], KEYS[1]], **SETTINGS, batch_size=3)
    assert one.ids == two.ids != other.ids


def test_the_active_adapter_decides(policy: SharedModel) -> None:
    prompts = prompt_ids(policy)
    with policy.using("policy"):
        adapted = generate(policy, prompts, KEYS, **SETTINGS, batch_size=5)
    with policy.using(None):
        plain = generate(policy, prompts, KEYS, **SETTINGS, batch_size=5)
    assert adapted != plain


def test_an_earlier_end_keeps_the_beginning(policy: SharedModel) -> None:
    """With another end token everything up to its first occurrence stays, and nothing comes after it."""
    prompts = prompt_ids(policy)
    with policy.using("policy"):
        endless = generate(policy, prompts, KEYS, **SETTINGS, batch_size=5)
        assert not any(g.finished for g in endless)
        token = endless[2].ids[5]
        end_with(policy, token)
        ended = generate(policy, prompts, KEYS, **SETTINGS, batch_size=5)
    for before, after in zip(endless, ended, strict=True):
        assert after.finished == (token in before.ids)
        expected = before.ids[: before.ids.index(token) + 1] if after.finished else before.ids
        assert after.ids == expected
        assert len(after.logprobs) == len(expected)
    assert ended[2].finished and not all(g.finished for g in ended)


def test_rows_that_have_ended_leave_the_batch(policy: SharedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a quarter of those in it has; the others go on as they do alone."""
    prompts = prompt_ids(policy) * 2
    keys = [(1, "generation", index) for index in range(len(prompts))]
    sizes: list[int] = []
    step = generation.next_logits

    def counted(shared: SharedModel, ids: torch.Tensor, *rest: object) -> torch.Tensor:
        sizes.append(len(ids))
        return step(shared, ids, *rest)

    settings = SETTINGS | {"max_new_tokens": 60}
    with policy.using("policy"):
        endless = generate(policy, prompts, keys, **settings, batch_size=10)
        end_with(policy, Counter(token for g in endless for token in set(g.ids)).most_common(1)[0][0])
        alone = generate(policy, prompts, keys, **settings, batch_size=1)
        monkeypatch.setattr(generation, "next_logits", counted)
        together = generate(policy, prompts, keys, **settings, batch_size=10)
    same(together, alone)
    lengths = [len(g.ids) for g in alone]
    expected, present = [], lengths
    for made in range(max(lengths)):  # tokens made before a step
        going_on = [length for length in present if length > made]
        present = going_on if len(going_on) <= 0.75 * len(present) else present
        expected.append(len(present))
    assert sizes == expected
    assert len(set(sizes)) > 3 and sizes[0] == 10, "they left one after the other"


def test_what_all_prompts_begin_with_is_read_once(policy: SharedModel) -> None:
    """And the answers are those to the prompts alone, of which each is read as a whole."""
    system = policy.chat.encode("You are a helpful assistant, who is brief. ")
    prompts = [[*system, *ids] for ids in prompt_ids(policy)]
    common = common_prefix_length(prompts)
    widest = max(map(len, prompts)) - common
    assert common * (len(prompts) - 1) >= MIN_SAVED
    with policy.using("policy"):
        with counted(policy.model.get_decoder()) as passes:
            together = generate(policy, prompts, KEYS, **SETTINGS, batch_size=5)
        with counted(policy.model.get_decoder()) as passes_alone:
            alone = generate(policy, prompts, KEYS, **SETTINGS, batch_size=1)
    same(together, alone)
    assert passes[:3] == [common, 5 * widest, 5]
    assert sorted(passes_alone)[-5:] == sorted(map(len, prompts))


def test_a_base_that_takes_no_mask_of_its_own_reads_every_prompt(policy: SharedModel) -> None:
    policy.can = replace(policy.can, pack=False)
    prompts = [[*policy.chat.encode("x" * 64), *ids] for ids in prompt_ids(policy)]
    with policy.using("policy"), counted(policy.model.get_decoder()) as passes:
        generate(policy, prompts, KEYS, **SETTINGS, batch_size=5)
    assert passes[0] == 5 * max(map(len, prompts))


def test_greedy_repeats_the_likeliest_token(policy: SharedModel) -> None:
    prompts = prompt_ids(policy)
    greedy = SETTINGS | {"temperature": 0.0, "max_new_tokens": 5}
    with policy.using("policy"), torch.no_grad():
        made = generate(policy, prompts, KEYS, **greedy, batch_size=2)
        other_keys = generate(policy, prompts, KEYS[::-1], **greedy, batch_size=5)
        for prompt, continuation in zip(prompts, made, strict=True):
            ids = list(prompt)
            for token in continuation.ids:
                logits = policy.model(torch.tensor([ids])).logits[0, -1]
                assert token == logits.argmax().item()
                ids.append(token)
    assert [g.ids for g in made] == [g.ids for g in other_keys]


def test_log_probs_are_those_of_the_forward_pass(policy: SharedModel) -> None:
    """The sampler's and the trainer's log-probs agree, at the sampling temperature."""
    prompts = prompt_ids(policy)
    with policy.using("policy"), torch.no_grad():
        made = generate(policy, prompts, KEYS, **SETTINGS, batch_size=3)
        batch = token_batch(prompts, [g.ids for g in made], policy.pad_id, policy.device)
        sampled = torch.tensor([g.logprobs for g in made])
        tempered = response_logprobs(policy, batch, temperature=0.7)
        untempered = response_logprobs(policy, batch, temperature=1.0)
    assert (tempered - sampled).abs().max() < 1e-4
    assert (untempered - sampled).abs().max() > 0.1  # mutant: temperature forgotten


# --- after a shared prefix ---------------------------------------------------------------------


@pytest.mark.parametrize("prefix_length", [0, 300])
def test_generate_after_equals_generate_on_whole_sequences(policy: SharedModel, prefix_length: int) -> None:
    prefix = (policy.chat.encode("These are the rules that everything below keeps to. ") * 6)[:prefix_length]
    prompts = prompt_ids(policy)
    with policy.using("policy"):
        after = generate_after(policy, prefix, prompts, KEYS, **SETTINGS, stop_strings=())
        whole = generate(policy, [prefix + p for p in prompts], KEYS, **SETTINGS, batch_size=2)
    same(after, whole)


def test_generate_after_ends_at_the_end_token(policy: SharedModel) -> None:
    prefix, prompts = policy.chat.encode("Rules."), prompt_ids(policy)
    with policy.using("policy"):
        endless = generate_after(policy, prefix, prompts, KEYS, **SETTINGS, stop_strings=())
        end_with(policy, endless[2].ids[5])
        after = generate_after(policy, prefix, prompts, KEYS, **SETTINGS, stop_strings=())
        whole = generate(policy, [prefix + p for p in prompts], KEYS, **SETTINGS, batch_size=5)
    same(after, whole)
    assert after[2].finished and len(after[2].ids) <= 6
    assert not all(g.finished for g in after)


def test_generate_after_stops_at_a_stop_string_and_keeps_it(policy: SharedModel) -> None:
    """Cut from a continuation of its own, so that the random model does write the stop string."""
    prefix, prompts = policy.chat.encode("Rules."), prompt_ids(policy)
    settings = SETTINGS | {"max_new_tokens": 24}
    with policy.using("policy"):
        endless = generate_after(policy, prefix, prompts, KEYS, **settings, stop_strings=())
        row, stop = next(
            (row, policy.tokenizer.decode(g.ids[i : i + 2]))
            for row, g in enumerate(endless)
            for i in range(4, 20)
            if policy.tokenizer.decode(g.ids[i : i + 2]).isascii()
        )
        stopped = generate_after(policy, prefix, prompts, KEYS, **settings, stop_strings=("no such text", stop))
    for before, after in zip(endless, stopped, strict=True):
        text = policy.tokenizer.decode(after.ids)
        assert before.ids[: len(after.ids)] == after.ids
        ended = after.ids[-1] in policy.chat.end_ids
        assert after.finished == (stop in text or ended)
        assert len(after.ids) == len(after.logprobs)
        if after.finished and not ended:
            assert text.endswith(stop) and stop not in policy.tokenizer.decode(after.ids[:-1])
    assert stopped[row].finished and len(stopped[row].ids) < 24
    assert not all(g.finished for g in stopped)


def test_the_longest_stop_string_of_self_align_fits_into_the_window(tiny: SharedModel) -> None:
    """The byte tokenizer needs the most tokens of all for a stop string."""
    from salmon.principles.templates import STOP_STRINGS
    from salmon.sampling.token_loop import STOP_WINDOW

    assert max(len(tiny.chat.encode(stop)) for stop in STOP_STRINGS) <= STOP_WINDOW
