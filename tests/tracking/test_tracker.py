"""Tracking without W&B; tests/tracking/test_wandb_run.py has the rest."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from salmon.config.run import TrackingConfig, WandbMode
from salmon.tracking.run_description import RunDescription
from salmon.tracking.tracker import Tracker, read_metrics, start_tracking


def start(work: Path) -> Tracker:
    work.mkdir(exist_ok=True)
    tracking = TrackingConfig(wandb=WandbMode.disabled, project="p", group=None, tags=[], sample_rows=2)
    return start_tracking(tracking, RunDescription("ppo", work, {"a": 1}, "group", "name", ["tag"]), work / "unused")


def test_everything_works_without_wandb_and_leaves_the_local_record(tmp_path: Path) -> None:
    with start(tmp_path) as tracker:
        tracker.log(1, {"objective/kl": 0.5})
        tracker.table("samples", ["a"], [[1]], 1)
        tracker.image("matrix", tmp_path / "matrix.png", 1)
        tracker.summary({"held_out/score": 1.0})
        tracker.output("ppo-0", tmp_path)
        assert tracker.run_id is None
    assert sorted(item.name for item in tmp_path.iterdir()) == ["metrics.jsonl", "tables"]
    assert read_metrics(tmp_path / "metrics.jsonl")[0]["objective/kl"] == 0.5


def test_wandb_is_not_imported_when_disabled(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from salmon.config.run import TrackingConfig, WandbMode\nimport salmon.tracking.tracker as t\n"
        f"work = Path({str(tmp_path)!r})\n"
        "settings = TrackingConfig(wandb=WandbMode.disabled, project='p', tags=[], sample_rows=2)\n"
        "t.start_tracking(settings, t.RunDescription('sft', work, {}, 'g', 'n'), work).log(1, {'sft/loss': 1.0})\n"
        "assert 'wandb' not in sys.modules and 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_numbers_of_any_kind_become_floats(tmp_path: Path) -> None:
    with start(tmp_path) as tracker:
        tracker.log(1, {"objective/kl": torch.tensor(0.5), "policy/ratio": np.float32(1.5), "value/loss": 2})
    row = read_metrics(tmp_path / "metrics.jsonl")[0]
    assert (row["objective/kl"], row["policy/ratio"], row["value/loss"]) == (0.5, 1.5, 2.0)


@pytest.mark.parametrize("name", ["objective/k1", "sft/loss", "kl"])
def test_a_metric_that_is_not_in_the_stages_glossary_is_a_bug(tmp_path: Path, name: str) -> None:
    tracker = start(tmp_path)
    with pytest.raises(ValueError, match=f"'{name}' is no metric of stage 'ppo'"):
        tracker.log(1, {"objective/kl": 0.5, name: 1.0})
    with pytest.raises(ValueError, match="glossary"):
        tracker.summary({name: 1.0})
    assert not (tmp_path / "metrics.jsonl").exists()  # nothing of a refused line is written


def test_a_resumed_stage_continues_its_file(tmp_path: Path) -> None:
    with start(tmp_path) as tracker:
        for step in (1, 2, 3):
            tracker.log(step, {"objective/kl": float(step)})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "obj')  # killed
    with start(tmp_path) as tracker:
        assert [row["step"] for row in read_metrics(tmp_path / "metrics.jsonl")] == [1, 2, 3]
        tracker.rewind(2)
        tracker.log(3, {"objective/kl": 3.0})
    assert [row["step"] for row in read_metrics(tmp_path / "metrics.jsonl")] == [1, 2, 3]


def test_the_work_folder_may_be_renamed_before_the_end(tmp_path: Path) -> None:
    """``Store.commit`` renames it; nothing may be written there afterwards."""
    with start(tmp_path / "x.partial") as tracker:
        tracker.log(1, {"objective/kl": 0.5})
        (tmp_path / "x.partial").rename(tmp_path / "x")
        tracker.summary({"held_out/score": 1.0})
        tracker.output("ppo-0", tmp_path / "x", {"best": 1})
    assert not (tmp_path / "x.partial").exists()
    assert [item.name for item in (tmp_path / "x").iterdir()] == ["metrics.jsonl"]
