"""NF4 unpacked: a copy to sample from, and files that transformers loads; both compute what the NF4 base computes."""

import json
from pathlib import Path

import bitsandbytes
import pytest
import torch
from bitsandbytes.nn import Linear4bit
from transformers import AutoModelForCausalLM

from salmon.models import dequantized
from salmon.models.base import SharedModel
from salmon.models.dequantized import dequantized_bytes, dequantized_copy, dequantized_files, why_not_dequantized
from salmon.models.forward import response_logprobs, token_batch

BATCH = ([[40, 41, 42], [50]], [[60, 61], [70, 71]])


@torch.no_grad()
def logprobs(shared: SharedModel, adapter: str | None) -> torch.Tensor:
    with shared.using(adapter):
        return response_logprobs(shared, token_batch(*BATCH, 0, shared.device), 1.0)


@pytest.mark.parametrize("adapter", ["policy", None])
def test_the_copy_computes_the_same_and_unpacks_nothing(
    nf4_policy: SharedModel, adapter: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpacks(*_: object, **__: object) -> None:
        pytest.fail("a map was unpacked again")

    packed = logprobs(nf4_policy, adapter)
    with dequantized_copy(nf4_policy), monkeypatch.context() as patch:
        patch.setattr(bitsandbytes, "matmul_4bit", unpacks)
        patch.setattr(bitsandbytes.functional, "dequantize_4bit", unpacks)
        copied = logprobs(nf4_policy, adapter)
    torch.testing.assert_close(copied, packed, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("fails", [False, True])
def test_afterwards_the_base_is_what_it_was(nf4_policy: SharedModel, fails: bool) -> None:
    before = logprobs(nf4_policy, "policy")
    try:
        with dequantized_copy(nf4_policy):
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert not any("forward" in vars(m) for m in nf4_policy.model.modules() if isinstance(m, Linear4bit))
    assert torch.equal(logprobs(nf4_policy, "policy"), before)


def test_its_size_is_that_of_the_plain_maps(nf4_policy: SharedModel, tiny: SharedModel) -> None:
    maps = [m for name, m in tiny.model.named_modules() if isinstance(m, torch.nn.Linear) and "lm_head" not in name]
    assert dequantized_bytes(nf4_policy) == sum(m.weight.nbytes for m in maps)


def test_without_room_it_says_what_it_would_take(nf4_policy: SharedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not_dequantized(nf4_policy) is None
    monkeypatch.setattr(dequantized, "free_memory", lambda device: dequantized_bytes(nf4_policy) - 1)
    assert "the copy would take 0.00 GiB, and 0.00 GiB of memory are free" == why_not_dequantized(nf4_policy)


@pytest.mark.parametrize("shard", [1, 2**30])
def test_the_files_are_a_base_that_transformers_loads(
    nf4_policy: SharedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard: int
) -> None:
    monkeypatch.setattr(dequantized, "SHARD_BYTES", shard)
    folder = dequantized_files(nf4_policy, tmp_path)
    index = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    assert len(set(index.values())) == (len(index) if shard == 1 else 1)
    loaded, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert not getattr(loaded, "is_loaded_in_4bit", False)
    ids = torch.tensor([[40, 41, 42, 60]])
    with torch.no_grad(), nf4_policy.using(None):
        torch.testing.assert_close(loaded(ids).logits, nf4_policy.model(ids).logits, atol=1e-4, rtol=1e-4)


def test_they_are_written_once_for_a_base_and_never_in_part(
    nf4_policy: SharedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(dequantized, "save_file", fails)
        dequantized_files(nf4_policy, tmp_path)
    folder = dequantized_files(nf4_policy, tmp_path)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    written = (folder / "config.json").stat().st_mtime_ns
    assert dequantized_files(nf4_policy, tmp_path) == folder
    assert (folder / "config.json").stat().st_mtime_ns == written
