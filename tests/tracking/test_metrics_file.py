import errno
import json
import time
from pathlib import Path

import pytest

from salmon.errors import SalmonError
from salmon.tracking.metrics_file import MetricsFile, read_metrics


def steps(work: Path) -> list[int]:
    return [row["step"] for row in read_metrics(work / "metrics.jsonl")]


def test_a_line_for_each_call(tmp_path: Path) -> None:
    local = MetricsFile(tmp_path)
    before = time.time()
    local.append(1, {"sft/loss": 2.5, "sft/tokens": 100.0})
    local.append(2, {"sft/loss": float("nan"), "optim/grad_norm": float("inf")})
    first, second = read_metrics(tmp_path / "metrics.jsonl")
    assert abs(first.pop("time") - before) < 5
    assert first == {"step": 1, "sft/loss": 2.5, "sft/tokens": 100.0}
    # JSON has no NaN: other programs could not read the file
    assert second["sft/loss"] is None
    assert second["optim/grad_norm"] is None
    assert "NaN" not in (tmp_path / "metrics.jsonl").read_text()


def test_rewind_drops_later_lines_and_tables_only(tmp_path: Path) -> None:
    local = MetricsFile(tmp_path)
    for step in (1, 2, 3, 10):
        local.append(step, {"sft/loss": float(step)})
        local.table("samples", ["a"], [[step]], step)
    kept = (tmp_path / "metrics.jsonl").read_text().splitlines()[:2]
    local.rewind(2)
    assert (tmp_path / "metrics.jsonl").read_text().splitlines() == kept  # their times included
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == [
        "samples_1.jsonl",
        "samples_2.jsonl",
    ]
    local.append(3, {"sft/loss": 3.0})
    assert steps(tmp_path) == [1, 2, 3]
    local.rewind(-1)
    assert steps(tmp_path) == []
    assert list((tmp_path / "tables").iterdir()) == []


def test_rewind_before_anything_was_recorded(tmp_path: Path) -> None:
    MetricsFile(tmp_path).rewind(3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("torn", ['{"step": 3, "ti', '{"step": 3, "time": 1.0}', '{"step": 3, "x": "\\u00'])
def test_a_line_that_a_kill_cut_off_is_not_read_and_not_continued(tmp_path: Path, torn: str) -> None:
    local = MetricsFile(tmp_path)
    local.append(1, {})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write(torn)
    assert steps(tmp_path) == [1]
    local.rewind(float("inf"))
    local.append(2, {})
    assert steps(tmp_path) == [1, 2]


def test_tables_have_a_row_a_line(tmp_path: Path) -> None:
    local = MetricsFile(tmp_path)
    local.table("samples", ["prompt", "score"], [["Wie groß?", 1.5], ["x\ny", None]], 7)
    lines = (tmp_path / "tables/samples_7.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"prompt": "Wie groß?", "score": 1.5},
        {"prompt": "x\ny", "score": None},
    ]
    local.table("samples", ["prompt"], [], 7)
    assert (tmp_path / "tables/samples_7.jsonl").read_text() == ""


def test_wrong_tables_are_refused(tmp_path: Path) -> None:
    local = MetricsFile(tmp_path)
    with pytest.raises(ValueError, match="table name '../x'"):
        local.table("../x", ["a"], [], 1)
    with pytest.raises(ValueError, match="1 values for 2 columns"):
        local.table("x", ["a", "b"], [["only one"]], 1)


def test_a_full_disk_is_reported_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(SalmonError, match="disk is full"):
        MetricsFile(tmp_path).append(1, {"sft/loss": 1.0})
