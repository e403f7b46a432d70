"""The reward stage from outside: lessons, then the judged rows; an adapter with its head; what it refuses."""

import json

import pytest
import torch
from safetensors.torch import load_file

from salmon.errors import SalmonError
from tests.tiny_run import metrics_of, rows_of, run_tiny, tiny_config

pytestmark = pytest.mark.slow


def test_lessons_come_before_the_judged_rows_and_are_recorded(tiny_run):
    rows = metrics_of(tiny_run["reward"])
    first, judged = ([row["step"] for row in rows if f"{name}/loss" in row] for name in ("parametric", "reward"))
    assert first and judged and max(first) < min(judged)
    record = json.loads((tiny_run["reward"].artifact.path / "universe.json").read_text(encoding="utf-8"))
    assert record["principles"] > 1000 and not set(record["unseen"]) & set(record["trained"]["families"])
    assert [row["step"] for row in rows if "probe_unread/asserted" in row]


def test_the_model_is_an_adapter_and_its_head(tiny_run, tmp_path):
    cfg, _ = tiny_config(tmp_path)
    folder = tiny_run["reward"].artifact.path / "reward"
    assert {path.name for path in folder.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "scalar_head.safetensors",
    }
    assert json.loads((folder / "adapter_config.json").read_text())["r"] == cfg.model.lora.r
    head = load_file(folder / "scalar_head.safetensors")
    assert sorted(tensor.shape for tensor in head.values()) == [torch.Size([]), torch.Size([128])]
    adapter = load_file(folder / "adapter_model.safetensors")
    assert all(tensor.abs().max() > 0 for name, tensor in adapter.items() if "lora_B" in name), "they start at 0"


def test_accuracy_is_of_the_held_out_rows_and_of_each_principle_alone(tiny_run):
    metrics = tiny_run["reward"].artifact.metrics
    held_out = [row for row in rows_of(tiny_run["preferences"], "rows") if row["split"] == "held_out"]
    probes = rows_of(tiny_run["preferences"], "probes")
    asked = {("not " if g["negated"] else "") + g["name"] for row in probes for g in row["guidelines"]}
    assert (metrics["held_out/rows"], metrics["held_out/probes"]) == (len(held_out), len(probes))
    assert {name for name in metrics if name.startswith("held_out/accuracy/")} == {
        f"held_out/accuracy/{name}" for name in asked
    }
    assert all(0 <= metrics[name] <= 1 for name in metrics if name.startswith("held_out/accuracy"))


def test_nothing_was_cut_and_the_learning_curve_was_drawn(tiny_run):
    assert tiny_run["reward"].artifact.metrics["reward/cut_rows"] == 0
    assert [row["step"] for row in metrics_of(tiny_run["reward"]) if "probe/asserted" in row]


def test_pretraining_data_that_is_not_there_is_refused_before_anything_runs(tiny_cache, tmp_path):
    with pytest.raises(SalmonError, match="absent.jsonl"):
        run_tiny(
            tmp_path, tiny_cache, "stages=[sft,preferences,reward]", f"reward.pretrain.data={tmp_path}/absent.jsonl"
        )
    assert not list(tmp_path.rglob("manifest.json"))
