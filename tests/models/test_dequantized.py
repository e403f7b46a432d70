"""NF4 unpacked: a copy to sample from, and files that transformers loads; both compute what the NF4 base computes."""

import json
from collections.abc import Callable
from pathlib import Path

import bitsandbytes
import pytest
import torch
from bitsandbytes.nn import Linear4bit
from transformers import AutoModelForCausalLM

from salmon.config.model import Quantization
from salmon.models import dequantized
from salmon.models.base import SharedModel
from salmon.models.dequantized import dequantized_bytes, dequantized_copy, dequantized_files, why_not_dequantized
from salmon.models.forward import response_logprobs, token_batch

BATCH = ([[40, 41, 42], [50]], [[60, 61], [70, 71]])


@pytest.fixture
def policy(load_tiny: Callable[..., SharedModel], randomise: Callable[..., None]) -> SharedModel:
    shared = load_tiny(quantization=Quantization.nf4)
    shared.add_adapter("policy", seed=0)
    randomise(shared, "policy", seed=1)
    return shared


@torch.no_grad()
def logprobs(shared: SharedModel, adapter: str | None) -> torch.Tensor:
    with shared.using(adapter):
        return response_logprobs(shared, token_batch(*BATCH, 0, shared.device), 1.0)


@pytest.mark.parametrize("adapter", ["policy", None])
def test_the_copy_computes_the_same_and_unpacks_nothing(
    policy: SharedModel, adapter: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpacks(*_: object, **__: object) -> None:
        pytest.fail("a map was unpacked again")

    packed = logprobs(policy, adapter)
    with dequantized_copy(policy), monkeypatch.context() as patch:
        patch.setattr(bitsandbytes, "matmul_4bit", unpacks)
        patch.setattr(bitsandbytes.functional, "dequantize_4bit", unpacks)
        copied = logprobs(policy, adapter)
    torch.testing.assert_close(copied, packed, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("fails", [False, True])
def test_afterwards_the_base_is_what_it_was(policy: SharedModel, fails: bool) -> None:
    before = logprobs(policy, "policy")
    try:
        with dequantized_copy(policy):
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert not any("forward" in vars(m) for m in policy.model.modules() if isinstance(m, Linear4bit))
    assert torch.equal(logprobs(policy, "policy"), before)


def test_its_size_is_that_of_the_plain_maps(policy: SharedModel, tiny: SharedModel) -> None:
    maps = [m for name, m in tiny.model.named_modules() if isinstance(m, torch.nn.Linear) and "lm_head" not in name]
    assert dequantized_bytes(policy) == sum(m.weight.nbytes for m in maps)


def test_without_room_it_says_what_it_would_take(policy: SharedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not_dequantized(policy) is None
    monkeypatch.setattr(dequantized, "free_memory", lambda device: dequantized_bytes(policy) - 1)
    assert "the copy would take 0.00 GiB, and 0.00 GiB of memory are free" == why_not_dequantized(policy)


@pytest.mark.parametrize("shard", [1, 2**30])
def test_the_files_are_a_base_that_transformers_loads(
    policy: SharedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard: int
) -> None:
    monkeypatch.setattr(dequantized, "SHARD_BYTES", shard)
    folder = dequantized_files(policy, tmp_path)
    index = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    assert len(set(index.values())) == (len(index) if shard == 1 else 1)
    loaded, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert not getattr(loaded, "is_loaded_in_4bit", False)
    ids = torch.tensor([[40, 41, 42, 60]])
    with torch.no_grad(), policy.using(None):
        torch.testing.assert_close(loaded(ids).logits, policy.model(ids).logits, atol=1e-4, rtol=1e-4)


def test_they_are_written_once_for_a_base_and_never_in_part(
    policy: SharedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(dequantized, "save_file", fails)
        dequantized_files(policy, tmp_path)
    folder = dequantized_files(policy, tmp_path)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    written = (folder / "config.json").stat().st_mtime_ns
    assert dequantized_files(policy, tmp_path) == folder
    assert (folder / "config.json").stat().st_mtime_ns == written
