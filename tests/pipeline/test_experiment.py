"""A study on the tiny model, from its command to its report."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    env = os.environ | {"OMP_NUM_THREADS": "1", "SALMON_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "salmon.cli",
            "-m",
            "+experiment=controllability",
            "model=tiny",
            "principles=concise,blank",
            "ppo.seed=0",
            "ppo.eval_every=9",
            "tracking=disabled",
        ],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (folder / "stdout.txt").write_text(done.stdout)
    return folder


def test_it_ends_with_its_report(folder: Path) -> None:
    made = folder / "runs/experiments/controllability"
    text = (made / "report.md").read_text()
    assert "Jobs: 2 of 2 finished." in text
    assert "\n| concise | 1 of 1 | **0." in text and "\n| blank | 1 of 1 | " in text
    assert (made / "report.png").stat().st_size > 1000
    assert text.splitlines()[0] in (folder / "stdout.txt").read_text()  # it is shown, too


def test_the_arms_shared_everything_but_ppo(folder: Path) -> None:
    made = {stage.name: len(list(stage.glob("*/manifest.json"))) for stage in (folder / "runs/store").iterdir()}
    assert made == {"sft": 1, "reward": 1, "ppo": 2}


def test_the_checks_were_measured_on_held_out_prompts(folder: Path) -> None:
    for path in (folder / "runs/store/ppo").glob("*/metrics.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        measured = [row["step"] for row in rows if "held_out/check/Concise" in row]
        assert measured == sorted(measured) and measured[0] == 0 and measured[-1] >= 1
        assert all("check/Concise" in row for row in rows if "objective/score" in row)
