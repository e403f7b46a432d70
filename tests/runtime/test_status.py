"""status.json: what a stage logs as progress reaches it, seldom enough and at the end for certain."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from salmon.errors import SalmonError
from salmon.runtime import status as module
from salmon.runtime.progress import Progress
from salmon.runtime.status import StatusFile


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def read(tmp_path: Path) -> dict[str, Any]:
    return json.loads((tmp_path / "status.json").read_text())


@pytest.fixture
def log() -> logging.Logger:
    log = logging.Logger("of this test")
    log.setLevel(logging.INFO)
    return log


def test_a_job_begins_as_running(tmp_path: Path) -> None:
    StatusFile(tmp_path / "status.json")
    status = read(tmp_path)
    assert (status["state"], status["stage"], status["progress"], status["process"]) == (
        "running",
        None,
        None,
        os.getpid(),
    )


def test_steps_are_kept_once_a_second_and_the_last_one_always(tmp_path: Path, log: logging.Logger) -> None:
    clock = Clock()
    log.addHandler(StatusFile(tmp_path / "status.json", clock))
    progress = Progress(4, "updates", log, clock=clock)
    seen = []
    for seconds, score in ((2.0, 0.1), (0.5, 0.2), (0.6, 0.3), (0.1, 0.4)):
        clock.now += seconds
        progress.advance(score=score, kl=0.5)
        seen.append(read(tmp_path)["progress"])
    assert [(step["done"], step["columns"]["score"]) for step in seen] == [(1, 0.1), (1, 0.1), (3, 0.3), (4, 0.4)]
    assert seen[0] == {
        "unit": "updates",
        "done": 1,
        "total": 4,
        "seconds_left": 6.0,
        "columns": {"score": 0.1, "kl": 0.5},
    }


def test_other_lines_change_nothing(tmp_path: Path, log: logging.Logger) -> None:
    log.addHandler(StatusFile(tmp_path / "status.json"))
    before = read(tmp_path)
    log.info("updates 3/10 | score 1")
    assert read(tmp_path) == before


def test_a_full_disk_stops_the_job_where_its_state_changes_and_not_at_each_step(
    tmp_path: Path, log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = StatusFile(tmp_path / "status.json")
    log.addHandler(status)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_json_atomic", full)
    Progress(2, "updates", log).advance()
    with pytest.raises(SalmonError, match="disk is full"):
        status.save(state="finished")
