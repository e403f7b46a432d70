"""The SFT stage from outside: what it trains on, what it leaves, what it refuses."""

import json

import pytest
from safetensors.torch import load_file

from salmon.data.split import is_held_out
from salmon.errors import SalmonError
from salmon.principles.exemplars import load_exemplars
from tests.tiny_run import metrics_of, rows_of, run_tiny, tiny_config

pytestmark = pytest.mark.slow


def test_the_exemplars_are_its_demonstrations(tiny_run, tmp_path):
    cfg, _ = tiny_config(tmp_path)
    turns = [turn for exemplar in load_exemplars(cfg.principles.exemplars) for turn in exemplar.turns]
    rows = rows_of(tiny_run["sft"], "demonstrations")
    turns = [turn for turn in turns if not is_held_out(turn.user, cfg.prompts.held_out)]
    assert [(row["prompt"], row["response"]) for row in rows] == [(turn.user, turn.answer) for turn in turns]
    assert tiny_run["sft"].artifact.metrics["selfalign/demonstrations"] == len(turns)


def test_each_is_learned_from_once_an_epoch(tiny_run, tmp_path):
    cfg, _ = tiny_config(tmp_path)
    rows, metrics = rows_of(tiny_run["sft"], "demonstrations"), metrics_of(tiny_run["sft"])
    tokens = [min(len(row["response"].encode()) + 1, cfg.sft.max_response_tokens) for row in rows]  # bytes and the end
    assert sum(row["sft/tokens"] for row in metrics) == sum(tokens)
    assert [row["step"] for row in metrics] == list(range(1, -(-len(rows) // cfg.sft.train.batch_size) + 1))


def test_its_policy_is_an_adapter_that_has_moved(tiny_run, tmp_path):
    cfg, _ = tiny_config(tmp_path)
    folder = tiny_run["sft"].artifact.checkpoints["sft"]
    assert folder == tiny_run["sft"].artifact.path / "policy"
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["peft_type"], config["r"], config["lora_alpha"]) == ("LORA", cfg.model.lora.r, cfg.model.lora.alpha)
    tensors = load_file(folder / "adapter_model.safetensors")
    moved = {name for name, tensor in tensors.items() if "lora_B" in name and tensor.abs().max() > 0}
    assert moved == {name for name in tensors if "lora_B" in name}, "they start at 0"


def test_fewer_demonstrations_are_the_first_ones(tiny_run, tiny_cache, tmp_path):
    made = run_tiny(tmp_path, tiny_cache, "stages=[sft]", "sft.num_prompts=2")
    assert rows_of(made["sft"], "demonstrations") == rows_of(tiny_run["sft"], "demonstrations")[:2]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("prompts.max_tokens=8000", r"the Self-Align prompt has \d+ tokens.*exceeds model.context=8192"),
        ("sft.num_prompts=2", r"no Self-Align answer passed the filters \({'no_answer': 2}\)"),  # it writes rubbish
    ],
)
def test_self_align_without_an_answer_is_refused(tiny_cache, tmp_path, given, message):
    words = ("stages=[sft]", "sft.source=self_align", "sft.sampling.max_new_tokens=4", given)
    with pytest.raises(SalmonError, match=message):
        run_tiny(tmp_path, tiny_cache, *words)
    assert not list(tmp_path.rglob("manifest.json"))
