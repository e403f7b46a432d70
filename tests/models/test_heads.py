"""Scalar heads, and that they travel with their adapter."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.heads import HEAD_FILE, ScalarHead, load_scalar_model, save_scalar_model
from salmon.models.initial_adapters import load_initial_policy


@pytest.fixture
def folder(tiny: SharedModel, randomise, tmp_path: Path) -> Path:
    tiny.add_adapter("reward", seed=0)
    randomise(tiny, "reward", seed=1)
    head = ScalarHead(tiny.hidden_size, seed=2)
    with torch.no_grad():
        head.bias.fill_(0.1)
    save_scalar_model(tiny, "reward", head, tmp_path / "reward")
    return tmp_path / "reward"


def test_a_head_is_a_linear_map_in_fp32() -> None:
    head = ScalarHead(3, seed=None)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([1.0, -2.0, 0.5]))
        head.bias.fill_(0.25)
    hidden = torch.tensor([[2.0, 1.0, 4.0], [0.0, 0.0, 0.0]], dtype=torch.bfloat16)
    assert head(hidden).tolist() == [2.0 - 2.0 + 2.0 + 0.25, 0.25]
    assert head(hidden).dtype is torch.float32
    assert head(hidden[:, None]).shape == (2, 1)


def test_a_head_is_initialised_from_its_seed() -> None:
    one, again, other = ScalarHead(4096, seed=1), ScalarHead(4096, seed=1), ScalarHead(4096, seed=2)
    assert torch.equal(one.weight, again.weight) and not torch.equal(one.weight, other.weight)
    # 1/sqrt(D+1) = 0.015623; the spread of 4096 draws is known to 1.1 %.
    assert one.weight.std().item() == pytest.approx(0.015623, abs=8e-4)  # 5 %
    assert one.bias.item() == 0
    assert ScalarHead(8, seed=None).weight.abs().sum() == 0


def test_adapter_and_head_are_loaded_to_the_bit(tiny: SharedModel, folder: Path, load_tiny) -> None:
    fresh = load_tiny()
    head = load_scalar_model(fresh, "value", folder)
    assert torch.equal(head.weight, ScalarHead(fresh.hidden_size, seed=2).weight)
    assert head.bias.item() == torch.tensor(0.1).item()
    original, loaded = tiny.parameters_of("reward"), fresh.parameters_of("value")
    assert all(torch.equal(loaded[k.replace(".reward.", ".value.")], p) for k, p in original.items()) and loaded
    assert all(p.requires_grad for p in head.parameters())


def test_an_adapter_without_its_head_is_refused(tiny: SharedModel, folder: Path) -> None:
    (folder / HEAD_FILE).unlink()
    with pytest.raises(SalmonError, match=f"{folder} has the adapter but no {HEAD_FILE}"):
        load_scalar_model(tiny, "value", folder)


def test_a_head_without_its_adapter_is_refused(tiny: SharedModel, folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(SalmonError, match=f"{folder} has the scalar head but no adapter_model.safetensors"):
        load_scalar_model(tiny, "value", folder)


def test_a_folder_with_neither_is_refused(tiny: SharedModel, tmp_path: Path) -> None:
    with pytest.raises(SalmonError, match=str(tmp_path)):
        load_scalar_model(tiny, "value", tmp_path)


def test_a_head_of_another_hidden_size_is_refused(tiny: SharedModel, folder: Path) -> None:
    save_file({"weight": torch.zeros(tiny.hidden_size // 2), "bias": torch.zeros(())}, folder / HEAD_FILE)
    with pytest.raises(SalmonError, match=f"{folder / HEAD_FILE} does not fit the base random:tiny"):
        load_scalar_model(tiny, "value", folder)


def test_a_head_with_other_tensors_is_refused(tiny: SharedModel, folder: Path) -> None:
    save_file({"weight": load_file(folder / HEAD_FILE)["weight"]}, folder / HEAD_FILE)
    with pytest.raises(SalmonError, match="bias"):
        load_scalar_model(tiny, "value", folder)


def test_a_torn_head_file_is_refused(tiny: SharedModel, folder: Path) -> None:
    (folder / HEAD_FILE).write_bytes((folder / HEAD_FILE).read_bytes()[:20])
    with pytest.raises(SalmonError, match=HEAD_FILE):
        load_scalar_model(tiny, "value", folder)


def test_a_head_that_diverged_is_refused(tiny: SharedModel, folder: Path) -> None:
    save_file({"weight": torch.full((tiny.hidden_size,), torch.nan), "bias": torch.zeros(())}, folder / HEAD_FILE)
    with pytest.raises(SalmonError, match=f"{HEAD_FILE} holds NaN or infinity"):
        load_scalar_model(tiny, "value", folder)


def test_a_policy_does_not_start_from_a_reward_model(tiny: SharedModel, folder: Path) -> None:
    with pytest.raises(SalmonError, match=f"is a reward or value model .* give reward.start={folder}"):
        load_initial_policy(tiny, "sft", str(folder))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("r", None, "r is None, and must be a number above 0"),
        ("lora_alpha", 0, "lora_alpha is 0, and must be a number above 0"),
        ("peft_type", ["LORA"], r"peft_type is \['LORA'\]; only LORA adapters"),
        ("target_modules", 7, "does not fit the base"),
        ("rank_pattern", [1], "does not fit the base"),
    ],
)
def test_an_odd_adapter_config_is_refused(tiny: SharedModel, folder: Path, key: str, value: object, said: str) -> None:
    config = json.loads((folder / "adapter_config.json").read_text()) | {key: value}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(SalmonError, match=said):
        load_scalar_model(tiny, "value", folder)
