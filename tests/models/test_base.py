"""Adapters on one base: saved exactly, kept apart, and readable by plain PEFT."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.forward import response_logprobs, token_batch
from salmon.models.weights import resolve

IDS = torch.tensor([[10, 20, 30, 40, 50], [60, 70, 80, 90, 100]])


def logits(shared: SharedModel, name: str | None) -> Tensor:
    with torch.no_grad(), shared.using(name):
        return shared.model(IDS).logits


def loss(shared: SharedModel) -> Tensor:
    batch = token_batch(IDS.tolist(), [[5, 6], [7, 8]], 0, shared.device)
    return -response_logprobs(shared, batch, 1.0).sum()


def digest(shared: SharedModel, part: str | None) -> str:
    """Hash of an adapter's tensors, or of the base's (None)."""
    tensors = {k: v for k, v in shared.model.state_dict().items() if (f".{part}." in k if part else "lora_" not in k)}
    assert tensors
    return hashlib.sha256(b"".join(v.numpy().tobytes() for _, v in sorted(tensors.items()))).hexdigest()


def other_base(folder: Path, load_tiny, tiny_cache: Path, **changes) -> str:
    """A base of another shape with the tiny tokenizer."""
    shared = load_tiny()
    settings = {k: v for k, v in shared.model.config.to_dict().items() if k not in ("head_dim", "dtype")}
    LlamaForCausalLM(LlamaConfig(**(settings | changes))).save_pretrained(folder)
    shared.tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def pair(tiny: SharedModel, randomise) -> SharedModel:
    """A base with two adapters, ``one`` and ``two``, that do something."""
    for seed, name in enumerate(("one", "two")):
        tiny.add_adapter(name, seed)
        randomise(tiny, name, seed)
    return tiny


# --- adding, switching, removing ---------------------------------------------------------------


def test_a_new_adapter_changes_nothing_yet(tiny: SharedModel, randomise) -> None:
    before = logits(tiny, None)
    tiny.add_adapter("policy", seed=0)
    assert torch.equal(logits(tiny, "policy"), before)
    randomise(tiny, "policy", seed=0)
    assert (logits(tiny, "policy") - before).abs().max() > 0.1
    assert torch.equal(logits(tiny, None), before)


def test_an_adapter_is_initialised_from_its_seed_and_name(load_tiny) -> None:
    def made(name: str, seed: int) -> dict[str, Tensor]:
        shared = load_tiny()
        torch.manual_seed(int(torch.randint(1 << 30, ())))  # the global generator must not matter
        shared.add_adapter(name, seed)
        return {k.replace(f".{name}.", ".NAME."): p.detach() for k, p in shared.parameters_of(name).items()}

    first, again, other_seed, other_name = made("a", 0), made("a", 0), made("a", 1), made("b", 0)
    key = next(k for k in first if "lora_A" in k)
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not torch.equal(first[key], other_seed[key]) and not torch.equal(first[key], other_name[key])


def test_adding_an_adapter_leaves_the_global_generator_alone(tiny: SharedModel) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    tiny.add_adapter("policy", seed=0)
    assert torch.equal(torch.rand(4), expected)


def test_lora_sits_on_every_linear_layer_but_the_head(tiny: SharedModel) -> None:
    tiny.add_adapter("policy", seed=0)
    parameters = tiny.parameters_of("policy")
    assert len(parameters) == 2 * 7 * 2  # layers x (q, k, v, o, gate, up, down) x (A, B)
    assert not any("lm_head" in name or "embed" in name for name in parameters)
    assert all(min(p.shape) == 4 for p in parameters.values())  # rank


def test_using_switches_between_adapters_and_the_base(pair: SharedModel) -> None:
    base, one, two = (logits(pair, name) for name in (None, "one", "two"))
    assert (one - two).abs().max() > 0.1 and (one - base).abs().max() > 0.1
    assert torch.equal(logits(pair, "one"), one) and torch.equal(logits(pair, None), base)


def test_using_an_unknown_adapter_is_an_error(pair: SharedModel, load_tiny) -> None:
    with pytest.raises(KeyError), pair.using("three"):
        pass
    with pytest.raises(KeyError), load_tiny().using("policy"):
        pass


def test_adapters_can_be_removed(pair: SharedModel) -> None:
    two = logits(pair, "two")
    pair.remove_adapter("one")
    assert pair.adapters == ["two"]
    assert torch.equal(logits(pair, "two"), two)


def test_a_cleared_base_takes_adapters_again(pair: SharedModel, load_tiny) -> None:
    pair.clear()
    assert pair.adapters == []
    pair.add_adapter("policy", seed=0)
    assert torch.equal(logits(pair, "policy"), logits(load_tiny(), None))


# --- gradients ---------------------------------------------------------------------------------


def test_gradients_reach_the_active_adapter_only(pair: SharedModel) -> None:
    with pair.using("one"):
        loss(pair).backward()
    with_gradient = {name for name, p in pair.model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert with_gradient == set(pair.parameters_of("one"))
    with pair.using("two"):
        loss(pair).backward()
    first = {name: p.grad.clone() for name, p in pair.parameters_of("one").items()}
    with pair.using("two"):
        loss(pair).backward()
    assert all(torch.equal(first[name], p.grad) for name, p in pair.parameters_of("one").items())


def test_training_one_adapter_leaves_the_other_and_the_base_as_they_are(pair: SharedModel) -> None:
    before = {part: digest(pair, part) for part in ("one", "two", None)}
    optimizer = torch.optim.AdamW(pair.parameters_of("one").values(), lr=0.1)
    with pair.using("one"):
        loss(pair).backward()
    optimizer.step()
    after = {part: digest(pair, part) for part in ("one", "two", None)}
    assert after["one"] != before["one"]
    assert (after["two"], after[None]) == (before["two"], before[None])


# --- saving and loading ------------------------------------------------------------------------


def test_a_saved_adapter_is_loaded_to_the_bit(pair: SharedModel, load_tiny, tmp_path: Path) -> None:
    pair.save_adapter("two", tmp_path / "adapter")
    fresh = load_tiny()
    fresh.load_adapter("copy", tmp_path / "adapter")
    original, loaded = pair.parameters_of("two"), fresh.parameters_of("copy")
    assert len(original) == len(loaded)
    for name, parameter in original.items():
        assert torch.equal(loaded[name.replace(".two.", ".copy.")], parameter)
    assert torch.equal(logits(fresh, "copy"), logits(pair, "two"))


def test_one_folder_can_be_loaded_under_two_names(pair: SharedModel, load_tiny, tmp_path: Path) -> None:
    """Policy and reference start as the same function, and stay apart."""
    pair.save_adapter("one", tmp_path)
    fresh = load_tiny()
    fresh.load_adapter("policy", tmp_path)
    fresh.load_adapter("reference", tmp_path)
    assert torch.equal(logits(fresh, "policy"), logits(fresh, "reference"))
    with torch.no_grad():
        next(iter(fresh.parameters_of("policy").values())).add_(1.0)
    assert not torch.equal(logits(fresh, "policy"), logits(fresh, "reference"))


def test_plain_peft_reads_our_adapter(pair: SharedModel, tmp_path: Path, tiny_cache: Path) -> None:
    pair.save_adapter("one", tmp_path / "adapter")
    base = LlamaForCausalLM.from_pretrained(resolve("random:tiny", tiny_cache), dtype=torch.float32)
    model = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    with torch.no_grad():
        torch.testing.assert_close(model(IDS).logits, logits(pair, "one"), atol=1e-5, rtol=1e-5)
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "random:tiny"
    assert (config["r"], config["lora_alpha"], config["task_type"]) == (4, 8, "CAUSAL_LM")


def test_merged_weights_answer_like_the_adapter(pair: SharedModel, tmp_path: Path, tiny_cache: Path) -> None:
    pair.save_adapter("one", tmp_path / "adapter")
    base = LlamaForCausalLM.from_pretrained(resolve("random:tiny", tiny_cache), dtype=torch.float32)
    merged = PeftModel.from_pretrained(base, tmp_path / "adapter").merge_and_unload().eval()
    with torch.no_grad():
        torch.testing.assert_close(merged(IDS).logits, logits(pair, "one"), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("file", ["adapter_config.json", "adapter_model.safetensors"])
def test_an_incomplete_folder_is_refused(pair: SharedModel, tmp_path: Path, file: str) -> None:
    pair.save_adapter("one", tmp_path / "adapter")
    (tmp_path / "adapter" / file).unlink()
    with pytest.raises(SalmonError, match=f"{tmp_path / 'adapter'}.*{file}"):
        pair.load_adapter("three", tmp_path / "adapter")


def test_an_adapter_of_another_hidden_size_is_refused(
    pair: SharedModel, tmp_path: Path, load_tiny, tiny_cache: Path
) -> None:
    pair.save_adapter("one", tmp_path / "adapter")
    narrow = load_tiny(path=other_base(tmp_path / "base", load_tiny, tiny_cache, hidden_size=64))
    with pytest.raises(SalmonError, match=f"{tmp_path / 'adapter'}.*made for random:tiny.*does not fit"):
        narrow.load_adapter("policy", tmp_path / "adapter")


def test_an_adapter_of_a_deeper_base_is_refused(pair: SharedModel, tmp_path: Path, load_tiny, tiny_cache: Path) -> None:
    """PEFT itself only warns about the tensors for which there is no layer."""
    pair.save_adapter("one", tmp_path / "adapter")
    other = load_tiny(path=other_base(tmp_path / "base", load_tiny, tiny_cache, num_hidden_layers=1))
    with pytest.raises(SalmonError, match=f"{tmp_path / 'adapter'}.*does not fit"):
        other.load_adapter("policy", tmp_path / "adapter")


def test_an_adapter_without_some_tensors_is_refused(pair: SharedModel, tmp_path: Path) -> None:
    pair.save_adapter("one", tmp_path)
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, tmp_path / "adapter_model.safetensors")
    with pytest.raises(SalmonError, match="does not fit"):
        pair.load_adapter("three", tmp_path)


def test_an_adapter_that_names_another_base_is_loaded_with_a_warning(pair: SharedModel, tmp_path: Path, caplog) -> None:
    """The same base may lie at another path on another machine."""
    pair.save_adapter("one", tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "/elsewhere"}))
    pair.load_adapter("three", tmp_path)
    assert any("/elsewhere" in message and "random:tiny" in message for message in caplog.messages)
    assert torch.equal(logits(pair, "three"), logits(pair, "one"))


def test_a_torn_adapter_file_is_refused(pair: SharedModel, tmp_path: Path) -> None:
    pair.save_adapter("one", tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(SalmonError, match=str(tmp_path)):
        pair.load_adapter("three", tmp_path)
