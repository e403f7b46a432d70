"""What is wrong with a base's files is named, all of it, before the base is loaded."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)

from salmon.distributed.world import World, use_world
from salmon.errors import SalmonError
from salmon.models import loading
from salmon.models.base import SharedModel
from salmon.models.loading import load_base
from salmon.models.weights import resolve
from tests.models import made_tokenizers as made
from tests.models.made_tokenizers import byte_tokenizer

Load = Callable[..., SharedModel]


@pytest.fixture
def folder(tiny_cache: Path, tmp_path: Path) -> Path:
    """A copy of the tiny base, to be damaged."""
    return Path(shutil.copytree(resolve("random:tiny", tiny_cache), tmp_path / "base"))


@pytest.fixture
def load(folder: Path, tiny_config, tiny_cache: Path) -> Load:
    return lambda **changes: load_base(replace(tiny_config, path=str(folder), **changes), tiny_cache)


@pytest.fixture
def refused(load: Load) -> Callable[..., str]:
    """The message with which the base is refused."""

    def message(**changes: Any) -> str:
        with pytest.raises(SalmonError) as caught:
            load(**changes)
        assert str(caught.value).startswith("cannot load model.path=")
        return str(caught.value)

    return message


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def weights_of(folder: Path, change: Callable[[dict], dict]) -> None:
    file = folder / "model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})


# --- weights ---------------------------------------------------------------------------------------

NORM, GATE = "model.norm.weight", "model.layers.1.mlp.gate_proj.weight"
BIAS = "model.layers.0.self_attn.q_proj.bias"
WRONG_WEIGHTS: dict[str, tuple[dict, Callable[[dict], dict], tuple[str, ...]]] = {
    "fewer layers than the config": (
        {"num_hidden_layers": 4},
        lambda w: w,
        ("18 tensors are missing (they would be random): model.layers.2.input_layernorm.weight",),
    ),
    "one tensor": ({}, lambda w: {k: v for k, v in w.items() if k != GATE}, ("1 tensors are missing", GATE)),
    "no head": ({"tie_word_embeddings": False}, lambda w: w, ("are missing", "lm_head.weight")),
    "more layers than the config": (
        {"num_hidden_layers": 1},
        lambda w: w,
        ("9 tensors belong to a larger model than config.json describes", "model.layers.1.input_layernorm.weight"),
    ),
    "another shape": ({}, lambda w: w | {NORM: torch.ones(64)}, (f"{NORM} [64] instead of [128]",)),
    "a bias that the config denies": ({}, lambda w: w | {BIAS: torch.ones(128)}, ("larger model", BIAS)),
    "of another model": ({}, lambda w: {f"other.{k}": v for k, v in w.items()}, ("21 tensors are missing",)),
}


@pytest.mark.parametrize("name", WRONG_WEIGHTS)
def test_weights_that_are_not_the_models_are_refused(folder: Path, refused, name: str) -> None:
    config, change, expected = WRONG_WEIGHTS[name]
    edit(folder / "config.json", **config)
    weights_of(folder, change)
    message = refused()
    assert all(part in message for part in expected), message


def test_split_weights_are_checked_before_any_process_loads_them(folder: Path, refused, monkeypatch) -> None:
    here = World()
    here.lockstep = object()  # type: ignore[assignment]
    monkeypatch.setattr(loading, "load_zero3", lambda *_: pytest.fail("weights were loaded"))
    edit(folder / "config.json", num_hidden_layers=4)
    with use_world(here):
        assert "18 tensors are missing" in refused()


def test_a_model_with_another_head_is_refused(folder: Path, refused) -> None:
    for tied in (False, True):
        config = LlamaConfig(
            vocab_size=259, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
        )
        config.tie_word_embeddings = tied
        LlamaForSequenceClassification(config).save_pretrained(folder)
        assert "LlamaForSequenceClassification: it has no language-model head" in refused(context=64)


def test_tensors_that_change_nothing_are_left_out_with_a_warning(folder: Path, load: Load, caplog) -> None:
    with_more = {"v_head.weight": torch.ones(1, 128), "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(16)}
    weights_of(folder, lambda w: w | with_more)
    load()
    assert caplog.text.count("1 tensors of the base's file are not used: v_head.weight") == 1


def test_a_tied_head_is_not_missing_and_buffers_of_old_files_are_no_surprise(folder: Path, load: Load, caplog) -> None:
    config = GPT2Config(vocab_size=259, n_positions=64, n_embd=32, n_layer=1, n_head=2)
    GPT2LMHeadModel(config).save_pretrained(folder)
    mask = torch.ones(64, 64).tril().bool()[None, None]
    weights_of(folder, lambda w: w | {"transformer.h.0.attn.bias": mask})
    shared = load(context=64)
    assert shared.model.lm_head.weight is shared.model.transformer.wte.weight
    assert "not used" not in caplog.text


# --- what lies there -------------------------------------------------------------------------------


def test_an_adapter_is_refused_and_the_two_settings_are_named(
    tiny: SharedModel, tiny_config, tiny_cache: Path, tmp_path: Path
) -> None:
    tiny.add_adapter("policy", seed=0)
    tiny.save_adapter("policy", tmp_path / "plain")
    tiny.save_adapter("policy", tmp_path / "nested" / "adapter_model" / "lora_default")
    tiny.save_adapter("policy", tmp_path / "reward")
    (tmp_path / "reward" / "scalar_head.safetensors").touch()
    tiny.save_adapter("policy", tmp_path / "both")
    shutil.copytree(resolve("random:tiny", tiny_cache), tmp_path / "both", dirs_exist_ok=True)
    for name, start in {"plain": "sft", "nested": "sft", "reward": "reward", "both": "sft"}.items():
        path = str(tmp_path / name)
        with pytest.raises(SalmonError) as caught:
            load_base(replace(tiny_config, path=path), tiny_cache)
        settings = f"set model.path=random:tiny (what it was made for) and {start}.start={path}"
        assert f"it is an adapter, not a base: {settings}" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "config.json cannot be read"),
        ("[1]", "config.json cannot be read"),
        ('{"model_type": "nosuch"}', "nosuch"),
        ('{"model_type": "llama", "num_attention_heads": "x"}', "config.json cannot be read"),
        ('{"model_type": "llama", "num_attention_heads": 0}', "cannot be read"),
        ('{"model_type": "t5"}', "its weights cannot be read"),
    ],
)
def test_a_broken_or_foreign_config_is_refused(folder: Path, refused, content: str, expected: str) -> None:
    (folder / "config.json").write_text(content)
    assert expected in refused()


# --- tokenizers ------------------------------------------------------------------------------------


def torn(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")


def newer(folder: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["type"] = "Quantum"
    edit(folder / "tokenizer.json", **content)


def newer_version(folder: Path) -> None:
    edit(folder / "tokenizer.json", version="9.0")


def without(folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()


def config_is_a_list(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text("[]")


def eos_is_a_number(folder: Path) -> None:
    edit(folder / "tokenizer_config.json", eos_token=5)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (torn, "its tokenizer cannot be read"),
        (newer, "pip install -U tokenizers transformers"),
        (newer_version, "Unknown tokenizer version"),
        (without, "there is no tokenizer (tokenizer.json"),
        (config_is_a_list, "its tokenizer cannot be read"),
        (eos_is_a_number, "its tokenizer cannot be read"),
    ],
)
def test_a_tokenizer_that_cannot_be_read_is_refused(folder: Path, refused, damage, expected: str) -> None:
    damage(folder)
    assert expected in refused()


def test_a_vocabulary_without_embeddings_is_refused(folder: Path, refused) -> None:
    byte_tokenizer(added=["<|end|>", "word"]).save_pretrained(folder)
    assert "2 tokens of the tokenizer have no embedding (the weights have 259), e.g. '<|end|>'" in refused()


def test_a_special_token_of_the_template_without_embedding_is_refused(folder: Path, refused) -> None:
    byte_tokenizer(made.CHATML, special=["<|im_start|>", "<|im_end|>"]).save_pretrained(folder)
    assert "the chat template writes '<|im_start|>', which has no embedding" in refused()


def test_a_padding_token_without_embedding_is_not_needed(folder: Path, load: Load) -> None:
    byte_tokenizer(pad="[PAD]").save_pretrained(folder)
    shared = load()
    assert shared.tokenizer.pad_token_id == 259 == shared.vocabulary and shared.pad_id == 2
    assert shared.chat.decode(shared.chat.encode("a [PAD] in a text")) == "a [PAD] in a text"
    assert max(shared.chat.encode("a [PAD] in a text")) < 259


@pytest.mark.parametrize(
    ("tokenizer", "pad", "end"),
    [
        (byte_tokenizer(pad=None), 2, 2),
        (byte_tokenizer(made.CHATML.replace("<|im_end|>", "<pad>"), pad=None, special=[], eos=None), 0, 0),
    ],
)
def test_tokenizers_that_lack_names_work(folder: Path, load: Load, tokenizer, pad: int, end: int) -> None:
    tokenizer.save_pretrained(folder)
    edit(folder / "config.json", eos_token_id=None)
    (folder / "generation_config.json").unlink()
    if tokenizer.eos_token is None:
        edit_tokens(folder, ["<pad>"])
    shared = load()
    assert (shared.pad_id, shared.chat.end_id) == (pad, end)


def edit_tokens(folder: Path, added: list[str]) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer.add_tokens(added)
    tokenizer.save_pretrained(folder)


def test_the_models_own_configuration_names_end_tokens(folder: Path, load: Load) -> None:
    byte_tokenizer(eos=None, special=["</s>"]).save_pretrained(folder)  # the name is lost
    assert load().chat.end_ids == {2}
    edit(folder / "generation_config.json", eos_token_id=[2, 1, 7, 99999])  # 7 is a letter
    byte_tokenizer().save_pretrained(folder)
    assert load().chat.end_ids == {2, 1}


def test_no_end_at_all_is_refused(folder: Path, refused) -> None:
    byte_tokenizer(eos=None).save_pretrained(folder)
    edit(folder / "generation_config.json", eos_token_id=None)
    edit(folder / "config.json", eos_token_id=None)
    assert "nothing ends an answer" in refused()


# --- templates -------------------------------------------------------------------------------------


def templates() -> Iterator[tuple[str, str, str]]:
    yield made.GEMMA, "Be kind.", "model.system_prompt is set, and the chat template fails.*system_prompt=''"
    yield made.MISTRAL, "Be kind.", "model.system_prompt is set, and the chat template fails.*must alternate"
    yield made.MISTRAL.replace("!=", "and false and"), "Be kind.", "leaves it out: set model.system_prompt=''"
    yield "{% for m in messages %}", "", "the chat template fails on a conversation of user"
    yield "{{ messages[5]['content'] }}", "", "the chat template fails"
    yield "{{ nothing() }}", "", "the chat template fails"
    yield "{{ 1 / 0 }}", "", "the chat template fails"
    yield "{% for m in messages %}{{ m['content'][0]['text'] }}{% endfor %}", "", "leaves out what the user says"
    yield "Hello", "", "leaves out what the user says"


@pytest.mark.parametrize(("template", "system", "expected"), templates())
def test_templates_that_cannot_write_a_prompt_are_refused(
    folder: Path, refused, template: str, system: str, expected: str
) -> None:
    byte_tokenizer(template).save_pretrained(folder)
    assert re.search(expected, refused(system_prompt=system))


def test_without_a_system_prompt_a_template_that_refuses_one_works(folder: Path, load: Load) -> None:
    for template in (made.GEMMA, made.MISTRAL):
        byte_tokenizer(template).save_pretrained(folder)
        assert load().chat.user_ids("Hi")


def test_what_ends_an_answer_is_in_the_log(folder: Path, load: Load, caplog) -> None:
    caplog.set_level("INFO")
    load()
    assert "answers end with '</s>'" in caplog.text


# --- together --------------------------------------------------------------------------------------


def test_everything_is_named_at_once(folder: Path, refused) -> None:
    edit(folder / "config.json", num_hidden_layers=4)
    newer(folder)
    message = refused(context=9000)
    assert all(part in message for part in ("model.context=9000", "its tokenizer cannot be read", "18 tensors"))
    assert message.count("\n  - ") == 3
