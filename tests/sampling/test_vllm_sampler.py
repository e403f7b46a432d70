"""Responses by vLLM: those of the trained weights, token by token, under the adapter as it is now.

Each test runs with a stand-in, and with vLLM itself where it is installed: OMP_NUM_THREADS=1 pytest -rs THIS_FILE.
"""

import importlib.util
import inspect
import shutil
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from salmon.config.model import LoraSettings, ModelConfig, Quantization
from salmon.config.sampling import RolloutBackend, RolloutConfig, SamplingSettings
from salmon.data.rows import Prompt
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.forward import response_logprobs, token_batch
from salmon.sampling.responses import sample_responses
from salmon.sampling.sampler import transformers_sampler
from salmon.sampling.token_loop import Generation, nucleus
from salmon.sampling.vllm_sampler import VLLMSampler, params
from tests.ends import end_with
from tests.sampling import vllm_stand_in

pytestmark = pytest.mark.slow

ROLLOUT = RolloutConfig(RolloutBackend.vllm, gpu_memory_utilization=0.2, sleep=True, enforce_eager=False)
GREEDY = SamplingSettings(temperature=0.0, top_p=1.0, max_new_tokens=10, batch_size=4)
WARM = replace(GREEDY, temperature=0.7)
TEXTS = ("Name a fish.", "Why do salmon leap up waterfalls?", "Hi")
KEYS = [(0, text) for text in TEXTS]
CONTEXT = 72  # a few tokens more than the longest prompt and its response have


@pytest.fixture(scope="module", params=vllm_stand_in.KINDS)
def sampler(request: pytest.FixtureRequest, tiny_config: ModelConfig, tiny_cache: Path) -> Iterator[VLLMSampler]:
    """One engine for all tests: another takes seconds to start."""
    with vllm_stand_in.vllm(request.param), VLLMSampler(tiny_config, ROLLOUT, tiny_cache) as sampler:
        yield sampler


@pytest.fixture
def policy(load_tiny: Callable[..., SharedModel], randomise: Callable[..., None]) -> SharedModel:
    shared = load_tiny(context=CONTEXT)
    shared.add_adapter("policy", seed=0)
    randomise(shared, "policy", seed=1)
    return shared


@pytest.fixture
def prompts(policy: SharedModel) -> list[list[int]]:
    return [policy.chat.user_ids(text) for text in TEXTS]


def ids(generations: list[Generation]) -> list[list[int]]:
    return [generation.ids for generation in generations]


# --- the same model ----------------------------------------------------------------------------


def test_greedy_responses_are_those_of_the_trained_weights(sampler, policy, prompts, randomise) -> None:
    randomise(policy, "policy", seed=5)
    policy.add_adapter("other", seed=0)
    randomise(policy, "other", seed=6)
    found = {}
    for adapter in ("policy", None, "other", "policy"):
        found[adapter] = sampler(policy, adapter, prompts, KEYS, GREEDY)
        expected = transformers_sampler(policy, adapter, prompts, KEYS, GREEDY)
        assert ids(found[adapter]) == ids(expected)
        assert [g.finished for g in found[adapter]] == [g.finished for g in expected]
        for one, two in zip(found[adapter], expected, strict=True):
            assert one.logprobs == pytest.approx(two.logprobs, abs=1e-3)
    assert len({str(ids(generations)) for generations in found.values()}) == 3


def test_logprobs_are_the_trainers_at_the_temperature(sampler, policy, prompts) -> None:
    made = sampler(policy, "policy", prompts, KEYS, WARM)
    batch = token_batch(prompts, ids(made), policy.pad_id, policy.device)
    with policy.using("policy"), torch.no_grad():
        trained = response_logprobs(policy, batch, temperature=0.7)
        plain = response_logprobs(policy, batch, temperature=1.0)
    for generation, row, other in zip(made, trained, plain, strict=True):
        assert generation.logprobs == pytest.approx(row[: len(generation.ids)].tolist(), abs=1e-3)
        assert generation.logprobs != pytest.approx(other[: len(generation.ids)].tolist(), abs=1e-1)


def test_logprobs_of_a_nucleus_are_of_the_nucleus(sampler, policy, prompts) -> None:
    made = sampler(policy, "policy", prompts, KEYS, replace(WARM, top_p=0.5))
    for prompt, generation in zip(prompts, made, strict=True):
        with policy.using("policy"), torch.no_grad():
            logits = policy.model(torch.tensor([prompt + generation.ids])).logits[0, len(prompt) - 1 : -1]
        kept = nucleus(torch.log_softmax(logits / 0.7, -1), 0.5)
        expected = kept.gather(-1, torch.tensor(generation.ids)[:, None])[:, 0]
        assert generation.logprobs == pytest.approx(expected.tolist(), abs=1e-3)


# --- the adapter as it is now ------------------------------------------------------------------


def test_an_update_is_sampled_from_at_once(sampler, policy, prompts, randomise) -> None:
    """In place, past torch's counter of changes (as bitsandbytes' optimisers write), and back."""
    before = sampler(policy, "policy", prompts, KEYS, GREEDY)
    kept = {name: p.detach().clone() for name, p in policy.parameters_of("policy").items()}
    randomise(policy, "policy", seed=2)
    in_place = sampler(policy, "policy", prompts, KEYS, GREEDY)
    assert ids(in_place) == ids(transformers_sampler(policy, "policy", prompts, KEYS, GREEDY)) != ids(before)
    for name, parameter in policy.parameters_of("policy").items():
        parameter.data.copy_(kept[name])
    assert ids(sampler(policy, "policy", prompts, KEYS, GREEDY)) == ids(before)


def test_a_small_update_changes_the_logprobs(sampler, policy, prompts) -> None:
    """As one step of training does: the same tokens, slightly other probabilities."""
    before = sampler(policy, "policy", prompts, KEYS, GREEDY)
    with torch.no_grad():
        next(iter(policy.parameters_of("policy").values())).mul_(1.01)
    after = sampler(policy, "policy", prompts, KEYS, GREEDY)
    expected = transformers_sampler(policy, "policy", prompts, KEYS, GREEDY)
    assert ids(after) == ids(expected)
    assert after[0].logprobs != before[0].logprobs
    assert after[0].logprobs == pytest.approx(expected[0].logprobs, abs=1e-5)


def test_only_the_present_weights_are_kept_and_read_once(sampler, policy, prompts, randomise) -> None:
    def held() -> tuple[set[int], list[str]]:
        folder = Path(sampler._adapters._folder.name)
        return set(sampler._engine.llm.llm_engine.list_loras()), sorted(path.name for path in folder.iterdir())

    sampler(policy, "policy", prompts, KEYS, GREEDY)
    first = held()
    sampler(policy, None, prompts, KEYS, GREEDY)
    sampler(policy, "policy", prompts, KEYS, WARM)
    assert held() == first
    randomise(policy, "policy", seed=3)
    sampler(policy, "policy", prompts, KEYS, GREEDY)
    (number,) = first[0]
    assert held() == ({number + 1}, [str(number + 1)])


def test_an_adapter_of_another_stage_under_the_same_name_is_another(sampler, policy, prompts, randomise) -> None:
    before = ids(sampler(policy, "policy", prompts, KEYS, GREEDY))
    policy.clear()
    policy.add_adapter("policy", seed=0)
    assert (
        ids(sampler(policy, "policy", prompts, KEYS, GREEDY))
        == ids(sampler(policy, None, prompts, KEYS, GREEDY))
        != before
    )  # a new one changes nothing yet


# --- the end -----------------------------------------------------------------------------------


def test_the_end_token_is_the_last_and_its_lack_is_told(sampler, policy, prompts) -> None:
    endless = sampler(policy, "policy", prompts, KEYS, WARM)
    assert [(len(g.ids), len(g.logprobs), g.finished) for g in endless] == [(10, 10, False)] * 3
    words = policy.tokenizer.convert_ids_to_tokens
    # A token that a text can spell: halves of other characters are tokens here, too.
    token = next(token for token in endless[1].ids[2:9] if policy.chat.encode(words(token)) == [token])
    end_with(policy, token)
    ended = sampler(policy, "policy", prompts, KEYS, WARM)
    for before, after in zip(endless, ended, strict=True):
        length = before.ids.index(token) + 1 if token in before.ids else 10
        assert after.ids == before.ids[:length]
        assert after.finished == (token in before.ids)
        assert len(after.logprobs) == length
    assert ended[1].finished and not all(g.finished for g in ended)


def test_vllms_own_idea_of_the_end_is_not_asked(sampler, policy) -> None:
    """The base's config or its tokenizer may name other end tokens than the chat format."""
    end_with(policy, 5)
    made = params(KEYS[0], WARM, policy.chat.end_ids)
    assert (made.stop_token_ids, made.ignore_eos, made.detokenize) == ([5], True, False)
    assert not getattr(made, "stop", [])


# --- random keys -------------------------------------------------------------------------------


def test_a_response_depends_on_its_own_key_only(sampler, policy, prompts) -> None:
    usual = ids(sampler(policy, "policy", prompts, KEYS, WARM))
    shuffled = sampler(policy, "policy", prompts[::-1], KEYS[::-1], WARM)
    alone = sampler(policy, "policy", prompts[1:2], KEYS[1:2], WARM)
    one, two, other = ids(sampler(policy, "policy", prompts[:1] * 3, [KEYS[0], KEYS[0], KEYS[1]], WARM))
    assert ids(shuffled)[::-1] == usual and ids(alone) == usual[1:2]
    assert one == two == usual[0] != other


def test_draws_have_the_models_frequencies(sampler, policy, prompts) -> None:
    """The first token of 2000 responses against its probabilities: a goodness of fit that wrong temperatures fail."""
    count = 2000
    made = sampler(policy, "policy", prompts[:1] * count, [(n,) for n in range(count)], replace(WARM, max_new_tokens=1))
    with policy.using("policy"), torch.no_grad():
        logits = policy.model(torch.tensor(prompts[:1])).logits[0, -1]
    drawn = torch.bincount(torch.tensor([g.ids[0] for g in made]), minlength=len(logits)) / count
    distances = {t: (drawn - torch.softmax(logits / t, -1)).abs().sum().item() / 2 for t in (0.5, 0.7, 1.0)}
    assert min(distances, key=lambda t: distances[t]) == 0.7 and distances[0.7] < 0.15


# --- through the interface ---------------------------------------------------------------------


def test_responses_come_from_the_given_sampler(sampler, policy) -> None:
    rows = [Prompt(text, text) for text in TEXTS]
    by_hand = sampler(policy, "policy", [policy.chat.user_ids(t) for t in TEXTS], KEYS, WARM)
    by_default = sample_responses(transformers_sampler, policy, "policy", rows, WARM, KEYS)
    by_vllm = sample_responses(sampler, policy, "policy", rows, WARM, KEYS)
    after = sample_responses(transformers_sampler, policy, "policy", rows, WARM, KEYS)
    assert [(r.ids, r.logprobs, r.finished) for r in by_vllm] == [(g.ids, g.logprobs, g.finished) for g in by_hand]
    assert [r.ids for r in by_default] == [r.ids for r in after] != [r.ids for r in by_vllm]
    assert [r.text for r in by_vllm] == [policy.chat.decode(r.ids).strip() for r in by_vllm]


def test_the_trainers_arithmetic_stays_as_it_was(sampler, policy, prompts) -> None:
    """An engine in this process leaves no default type, mode or thread count behind."""
    sampler(policy, "policy", prompts, KEYS, WARM)
    assert torch.get_default_dtype() is torch.float32 and torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled() and torch.get_num_threads() == 1
    batch = token_batch(prompts, [[3, 4]] * 3, policy.pad_id, policy.device)
    parameters = list(policy.parameters_of("policy").values())
    for parameter in parameters:
        parameter.requires_grad_(True)
    with policy.using("policy"):
        response_logprobs(policy, batch, temperature=0.7).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)


def test_a_base_in_nf4_is_served_as_what_the_trainer_computes_with(
    load_tiny, tiny_config, tiny_cache, tmp_path, randomise
) -> None:
    """Greedy answers are those of the trainer, and not those of the weights that NF4 was rounded from."""
    settings = {"quantization": Quantization.nf4, "context": CONTEXT}
    quantized, plain = load_tiny(**settings), load_tiny(context=CONTEXT)
    for shared in (quantized, plain):
        shared.add_adapter("policy", seed=0)
        randomise(shared, "policy", seed=1)
    prompts = [quantized.chat.user_ids(text) for text in TEXTS]
    cache = tmp_path / "cache"
    shutil.copytree(tiny_cache, cache)
    with vllm_stand_in.vllm("stand-in"), VLLMSampler(replace(tiny_config, **settings), ROLLOUT, cache) as served:
        made = served(quantized, "policy", prompts, KEYS, GREEDY)
    expected = transformers_sampler(quantized, "policy", prompts, KEYS, GREEDY)
    assert ids(made) == ids(expected)
    for one, two in zip(made, expected, strict=True):
        assert one.logprobs == pytest.approx(two.logprobs, abs=1e-3)
    other = transformers_sampler(plain, "policy", prompts, KEYS, GREEDY)
    assert [g.logprobs for g in other] != [pytest.approx(g.logprobs, abs=1e-3) for g in expected]


# --- refused -----------------------------------------------------------------------------------


def test_a_response_that_vllm_would_end_early_is_refused(sampler, policy, prompts) -> None:
    room = CONTEXT - len(prompts[1])
    assert len(sampler(policy, "policy", prompts, KEYS, replace(GREEDY, max_new_tokens=room))[1].ids) == room
    with pytest.raises(
        SalmonError,
        match=rf"a prompt of {len(prompts[1])} tokens and max_new_tokens={room + 1} exceed "
        rf"model\.context={CONTEXT}",
    ):
        sampler(policy, "policy", prompts, KEYS, replace(GREEDY, max_new_tokens=room + 1))


def test_an_adapter_of_too_high_a_rank_is_refused(sampler, policy, prompts, load_tiny, tmp_path: Path) -> None:
    sampler(policy, None, prompts, KEYS, GREEDY)
    wide = load_tiny(lora=LoraSettings(r=9, alpha=8.0, dropout=0.0))
    wide.add_adapter("policy", seed=0)
    wide.save_adapter("policy", tmp_path / "wide")
    policy.load_adapter("wide", tmp_path / "wide")
    with pytest.raises(SalmonError, match=r"the adapter has rank 9, and rollout=vllm has room for 8: set model.lora.r"):
        sampler(policy, "wide", prompts, KEYS, GREEDY)


def test_a_lack_of_the_package_is_told_before_anything_runs(monkeypatch, tiny_config, tiny_cache) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SalmonError, match=r"vllm, which is not installed: pip install -e '.\[vllm\]'"):
        VLLMSampler(tiny_config, ROLLOUT, tiny_cache)


# --- with the stand-in only --------------------------------------------------------------------


@pytest.fixture
def stand_in() -> Iterator[None]:
    with vllm_stand_in.vllm("stand-in"):
        yield


def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SharedModel, "device", torch.device("cuda"))
    monkeypatch.setattr(vllm_stand_in.CONTENTS["vllm.platforms"]["current_platform"], "device_type", "cuda")


@pytest.mark.parametrize(
    ("sleep", "calls"), [(True, ["generate", "sleep", "wake", "generate", "sleep"]), (False, ["generate", "generate"])]
)
def test_a_gpus_memory_is_the_trainers_between_rollouts(
    sleep: bool, calls: list[str], stand_in, monkeypatch, policy, prompts, randomise, tiny_config, tiny_cache
) -> None:
    on_a_gpu(monkeypatch)
    with VLLMSampler(tiny_config, replace(ROLLOUT, sleep=sleep), tiny_cache) as sampler:
        sampler(policy, "policy", prompts, KEYS, GREEDY)
        randomise(policy, "policy", seed=2)
        sampler(policy, "policy", prompts, KEYS, GREEDY)
        assert sampler._engine is not None and sampler._engine.llm.calls == calls


def test_an_engine_that_does_not_start_says_why(stand_in, policy, prompts, tiny_config, tiny_cache) -> None:
    greedy_engine = VLLMSampler(tiny_config, replace(ROLLOUT, gpu_memory_utilization=0.99), tiny_cache)
    with pytest.raises(SalmonError, match="vLLM does not start: Free memory on device.*gpu_memory_utilization=0.99"):
        greedy_engine(policy, "policy", prompts, KEYS, GREEDY)


def test_a_build_for_another_device_is_refused(stand_in, monkeypatch, policy, prompts, tiny_config, tiny_cache) -> None:
    monkeypatch.setattr(SharedModel, "device", torch.device("cuda"))
    with pytest.raises(SalmonError, match="the model is on cuda, and the installed vLLM runs on cpu"):
        VLLMSampler(tiny_config, ROLLOUT, tiny_cache)(policy, "policy", prompts, KEYS, GREEDY)


def test_an_adapter_that_vllm_refuses_is_told(stand_in, monkeypatch, policy, prompts, tiny_config, tiny_cache) -> None:
    def refuse(*_: object) -> bool:
        raise ValueError("unexpected modules")

    monkeypatch.setattr(vllm_stand_in.LLMEngine, "add_lora", refuse)
    with pytest.raises(SalmonError, match="vLLM does not take the adapter: unexpected modules. Use rollout=hf"):
        VLLMSampler(tiny_config, ROLLOUT, tiny_cache)(policy, "policy", prompts, KEYS, GREEDY)


# --- the stand-in against vLLM itself ----------------------------------------------------------


@pytest.mark.skipif(not vllm_stand_in.INSTALLED, reason="vllm is not installed: nothing to compare the stand-in with")
def test_the_stand_in_has_the_real_names_and_parameters() -> None:
    import vllm
    from vllm.config.lora import MaxLoRARanks
    from vllm.engine.arg_utils import EngineArgs
    from vllm.lora.request import LoRARequest
    from vllm.v1.engine.llm_engine import LLMEngine

    from salmon.sampling.vllm_engine import RANKS

    def parameters(function: Any) -> set[str]:
        return set(inspect.signature(function).parameters)

    engine_args = {field.name for field in fields(EngineArgs)}
    assert parameters(vllm_stand_in.LLM.__init__) <= parameters(vllm.LLM.__init__) | engine_args
    assert {f.name for f in fields(vllm_stand_in.SamplingParams)} <= parameters(vllm.SamplingParams)
    assert [f.name for f in fields(vllm_stand_in.LoRARequest)] == list(inspect.signature(LoRARequest).parameters)[:3]
    for ours, real, names in (
        (vllm_stand_in.LLM, vllm.LLM, ("generate", "sleep", "wake_up")),
        (vllm_stand_in.LLMEngine, LLMEngine, ("add_lora", "remove_lora", "list_loras")),
    ):
        for name in names:
            assert parameters(getattr(ours, name)) <= parameters(getattr(real, name)), name
    assert set(RANKS) == set(MaxLoRARanks.__args__) - {1}
    assert callable(importlib.import_module("vllm.distributed").cleanup_dist_env_and_memory)
    assert importlib.import_module("vllm.platforms").current_platform.device_type in ("cpu", "cuda")
