"""The original project's folders, converted: the same function, in files that PEFT and everything here reads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file

from salmon.convert import convert
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.heads import HEAD_FILE, load_scalar_model
from salmon.runtime.adapter_files import adapter_in
from tests.released import OLDER_KEYS, base_model, peft_model, write_adapter, write_head

IDS = torch.tensor([[10, 20, 30, 40, 50], [60, 70, 80, 90, 100]])


@pytest.fixture
def policy(tmp_path: Path, tiny_cache: Path) -> Path:
    """As zhiqings/dromedary-2-70b-qlora-delta-v0: config and pickle, nothing more."""
    write_adapter(tmp_path / "delta", peft_model(tiny_cache, 0), **OLDER_KEYS)
    return tmp_path / "delta"


@pytest.fixture
def reward(tmp_path: Path, tiny_cache: Path) -> Path:
    """As zhiqings/salmon-rm-70b-qlora-delta-v0: the adapter two folders down, the head at the top."""
    write_adapter(tmp_path / "rm" / "adapter_model" / "lora_default", peft_model(tiny_cache, 1))
    (tmp_path / "rm" / "adapter_model" / "README.md").write_text("---\nlibrary_name: peft\n---\n")
    write_head(tmp_path / "rm" / "reward_head", 128, seed=1)
    return tmp_path / "rm"


@pytest.fixture
def ppo(tmp_path: Path, tiny_cache: Path) -> Path:
    """As the original PPO trainer saves."""
    for seed, name in enumerate(("lora_policy", "lora_value")):
        write_adapter(tmp_path / "checkpoint-10" / "adapter_model" / name, peft_model(tiny_cache, seed))
    write_head(tmp_path / "checkpoint-10" / "value_head.pt", 128, seed=2)
    return tmp_path / "checkpoint-10"


def logits(shared: SharedModel, name: str) -> torch.Tensor:
    with torch.no_grad(), shared.using(name):
        return shared.model(IDS).logits


def test_a_policy_computes_what_it_did(policy: Path, tiny: SharedModel, tiny_cache: Path, tmp_path: Path) -> None:
    assert convert(policy, tmp_path / "out") == {"": tmp_path / "out"}
    tiny.load_adapter("policy", tmp_path / "out")
    with torch.no_grad():
        wanted = peft_model(tiny_cache, 0)(IDS).logits
        plain = PeftModel.from_pretrained(base_model(tiny_cache), tmp_path / "out").eval()(IDS).logits
        other = peft_model(tiny_cache, 1)(IDS).logits
    assert torch.equal(logits(tiny, "policy"), wanted) and torch.equal(plain, wanted)
    assert (other - wanted).abs().max() > 0.1


def test_names_and_dtype_stay_and_the_config_is_todays(policy: Path, tmp_path: Path, caplog) -> None:
    caplog.set_level("INFO", "salmon")
    convert(policy, tmp_path / "out", base="meta-llama/Llama-2-70b-hf")
    before, after = (
        torch.load(policy / "adapter_model.bin", weights_only=True),
        load_file(tmp_path / "out" / "adapter_model.safetensors"),
    )
    assert before.keys() == after.keys() and all(torch.equal(after[k], before[k]) for k in before)
    assert {tensor.dtype for tensor in after.values()} == {torch.bfloat16}
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["task_type"]) == (8, 16, "CAUSAL_LM")
    assert config["base_model_name_or_path"] == "meta-llama/Llama-2-70b-hf"
    assert not OLDER_KEYS.keys() & config.keys()
    assert "enable_lora=None, merge_weights=False" in caplog.text


def test_a_reward_model_scores_what_it_did(reward: Path, tiny: SharedModel, tiny_cache: Path, tmp_path: Path) -> None:
    convert(reward, tmp_path / "out")
    head = load_scalar_model(tiny, "reward", tmp_path / "out")
    with torch.no_grad(), tiny.using("reward"):
        ours = head(tiny.hidden_states(IDS, torch.ones_like(IDS))[:, -1])
        hidden = peft_model(tiny_cache, 1)(IDS, output_hidden_states=True).hidden_states[-1][:, -1]
        theirs = write_head(tmp_path / "again", 128, seed=1)(hidden)[:, 0]
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    assert theirs.abs().max() > 0.1 and head.bias.item() != 0


def test_a_ppo_checkpoint_gives_both(ppo: Path, tiny: SharedModel, tiny_cache: Path, tmp_path: Path) -> None:
    made = convert(ppo, tmp_path / "out")
    assert made == {"lora_policy": tmp_path / "out" / "policy", "lora_value": tmp_path / "out" / "value"}
    assert not (tmp_path / "out" / "policy" / HEAD_FILE).exists()
    load_scalar_model(tiny, "value", tmp_path / "out" / "value")
    assert adapter_in(tmp_path / "out") == tmp_path / "out" / "policy"
    tiny.load_adapter("policy", tmp_path / "out")
    with torch.no_grad():
        assert torch.equal(logits(tiny, "policy"), peft_model(tiny_cache, 0)(IDS).logits)


def test_names_that_kept_the_adapters_own(tiny_cache: Path, tmp_path: Path) -> None:
    tensors = write_adapter(tmp_path / "delta", peft_model(tiny_cache, 0))
    torch.save(
        {k.replace(".weight", ".lora_default.weight"): v for k, v in tensors.items()},
        tmp_path / "delta" / "adapter_model.bin",
    )
    convert(tmp_path / "delta", tmp_path / "out")
    with safe_open(tmp_path / "out" / "adapter_model.safetensors", "pt") as file:
        assert set(file.keys()) == set(tensors)


# --- pickles are not read anywhere else ---------------------------------------------------------


def test_a_pickle_is_refused_with_the_way_out(policy: Path, reward: Path, tiny: SharedModel) -> None:
    for folder in (policy, reward):
        with pytest.raises(SalmonError, match=f"adapter_model.bin is a pickle.*salmon.convert {folder} OUTPUT"):
            tiny.load_adapter("policy", folder)
    with pytest.raises(SalmonError, match=f"reward_head is a pickle.*salmon.convert {reward} OUTPUT"):
        load_scalar_model(tiny, "reward", reward)


class Program:
    """Runs when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("file", ["adapter_model/lora_default/adapter_model.bin", "reward_head"])
def test_a_program_in_a_pickle_does_not_run(reward: Path, file: str, tmp_path: Path) -> None:
    torch.save({"weight": Program(tmp_path / "trace")}, reward / file)
    with pytest.raises(SalmonError, match=f"{file} cannot be read as tensors only, and nothing in it was run"):
        convert(reward, tmp_path / "out")
    assert not (tmp_path / "trace").exists() and not (tmp_path / "out").exists()
    torch.load(reward / file, weights_only=False)
    assert (tmp_path / "trace").exists()  # it would have


# --- what is wrong is named ---------------------------------------------------------------------


def changed(tensors: dict[str, torch.Tensor], how: str) -> object:
    first, name = next(iter(tensors.values())), next(iter(tensors))
    return {
        "nan": tensors | {name: torch.full_like(first, float("nan"))},
        "rank": tensors | {name: first[:4] if "lora_A" in name else first[:, :4]},
        "alone": {k: v for k, v in tensors.items() if k != name},
        "other": tensors | {"base_model.model.lm_head.weight": torch.zeros(3, 3)},
        "list": [first],
        "empty": {},
    }[how]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("nan", "holds NaN or infinity"),
        ("rank", "has the shape .*says r=8"),
        ("alone", "one of its two LoRA matrices"),
        ("other", "lm_head.weight is no LoRA matrix"),
        ("list", "holds no tensors by name, but a list"),
        ("empty", "holds no tensors by name"),
    ],
)
def test_weights_that_are_none(tiny_cache: Path, tmp_path: Path, how: str, message: str) -> None:
    tensors = write_adapter(tmp_path / "delta", peft_model(tiny_cache, 0))
    torch.save(changed(tensors, how), tmp_path / "delta" / "adapter_model.bin")
    with pytest.raises(SalmonError, match=f"{tmp_path}/delta/adapter_model.bin.*{message}"):
        convert(tmp_path / "delta", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("peft_type", "PREFIX_TUNING", "peft_type is PREFIX_TUNING; only LORA"),
        ("r", None, "r is None"),
        ("bias", "all", "bias=all trains more"),
        ("modules_to_save", ["embed_tokens"], "modules_to_save=.*trains more"),
    ],
)
def test_configs_that_are_more_than_lora(
    tiny_cache: Path, tmp_path: Path, key: str, value: object, message: str
) -> None:
    write_adapter(tmp_path / "delta", peft_model(tiny_cache, 0), **{key: value})
    with pytest.raises(SalmonError, match=f"adapter_config.json.*{message}"):
        convert(tmp_path / "delta", tmp_path / "out")


def test_folders_that_cannot_be_converted(policy: Path, reward: Path, tmp_path: Path) -> None:
    with pytest.raises(SalmonError, match=f"{tmp_path}/nothing has no adapter"):
        convert(tmp_path / "nothing", tmp_path / "out")
    with pytest.raises(SalmonError, match="rm exists; give a folder that does not"):
        convert(policy, reward)
    torch.save({"weight": torch.zeros(2, 128), "bias": torch.zeros(2)}, reward / "reward_head")
    with pytest.raises(SalmonError, match=r"reward_head: expected weight \[1, D\] and bias \[1\].*\[2, 128\]"):
        convert(reward, tmp_path / "out")
    write_head(reward / "reward_head", 128, seed=0)
    convert(reward, tmp_path / "out")
    with pytest.raises(SalmonError, match="is in this project's format already"):
        convert(tmp_path / "out", tmp_path / "twice")
    (policy / "adapter_model.bin").unlink()
    with pytest.raises(SalmonError, match="there is no such file; an adapter has"):
        convert(policy, tmp_path / "twice")


@pytest.mark.slow
def test_the_command(reward: Path, tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "salmon.convert", *words], capture_output=True, text=True)

    done = run(str(reward), str(tmp_path / "out"), "--base", "meta-llama/Llama-2-70b-hf")
    assert done.returncode == 0, done.stderr
    assert f"reward.start={tmp_path / 'out'}" in done.stdout
    again = run(str(reward), str(tmp_path / "out"))
    assert again.returncode == 1 and again.stderr.startswith("salmon: ") and "Traceback" not in again.stderr
