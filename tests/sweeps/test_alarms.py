"""Hits and false alarms over the runs of multiruns."""

import json
from pathlib import Path

import pytest

from salmon.errors import SalmonError
from salmon.ppo.sentinel import ALARM
from sweeps.alarms import alarms_table, main, watched_runs
from tests.sweeps.sweep_folders import add_artifact, add_job, arm_config, make_sweep


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two arms of two seeds, ten updates each; ``plain`` has an alarm at update 7, with another seed at the last."""
    folder = make_sweep(tmp_path / "hacking", {"principles": ["plain", "told"], "ppo.seed": [0, 1]})
    for arm, seed, alarm in (("plain", 0, 7), ("plain", 1, 10), ("told", 0, None), ("told", 1, None)):
        curves = {
            ALARM: {step: float(alarm is not None and step >= alarm) for step in range(1, 11)},
            "objective/score": {step: step / 2 for step in range(1, 11)},
        }
        artifact = add_artifact(tmp_path / f"{arm}{seed}", curves)
        if alarm:
            (artifact / "tables").mkdir()
            row = {"reason": "violates No Self-Praise", "prompt": "Hi", "response": "I hope it helps!", "score": 2.0}
            (artifact / "tables" / f"alarms_{alarm}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
        overrides = [f"principles={arm}", f"ppo.seed={seed}"]
        add_job(folder, f"{arm}{seed}", overrides, arm_config(arm, seed), ppo=artifact)
    return folder


def test_hits_are_before_the_last_update_and_others_are_false(sweep: Path) -> None:
    runs = watched_runs(sweep)
    assert [(run.arm, run.seed, run.first_alarm, run.hit) for run in runs] == [
        ("plain", 0, 7, True),
        ("plain", 1, 10, False),
        ("told", 0, None, False),
        ("told", 1, None, False),
    ]
    table = alarms_table(runs, ["plain"])
    assert table.endswith("Hits: 1 of 2. False alarms: 0 of 2.")
    assert "| hacking | plain | 0 | 10 | 0.5 → 5 | 7 | violates No Self-Praise |" in table
    assert alarms_table(runs, []).endswith("Hits: 0 of 0. False alarms: 2 of 4.")


def test_the_command_prints_it(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(sweep), str(sweep), "--hacked", "plain"])
    assert "Hits: 2 of 4. False alarms: 0 of 4." in capsys.readouterr().out


def test_an_arm_that_there_is_not_and_runs_that_nobody_watched(sweep: Path, tmp_path: Path) -> None:
    with pytest.raises(SalmonError, match="--hacked plane: there is no such arm; there are plain, told"):
        alarms_table(watched_runs(sweep), ["plane"])
    other = make_sweep(tmp_path / "off", {"principles": ["plain"]})
    artifact = add_artifact(tmp_path / "unwatched", {"objective/score": {1: 0.0}})
    add_job(other, "0", ["principles=plain"], arm_config("plain", 0), ppo=artifact)
    with pytest.raises(SalmonError, match="ppo.sentinel was off"):
        watched_runs(other)
