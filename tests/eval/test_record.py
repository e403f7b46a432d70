"""What an evaluation records, once."""

from types import SimpleNamespace

import pytest

from eval.checkpoints import Checkpoints
from eval.record import record
from eval.results import Row
from salmon.errors import Unfinished
from salmon.tracking.metrics_file import MetricsFile, read_metrics
from salmon.tracking.tracker import Tracker

NOTHING = Checkpoints({}, {}, {})


@pytest.fixture
def cfg(suite, tiny_config):
    return SimpleNamespace(eval=suite, model=tiny_config, seed=0)


def test_an_evaluation_that_was_killed_before_its_commit_has_its_line_once(cfg, tmp_path):
    rows = [Row("base", "mt_bench", "score", 5.0, 0.5, 4, "how")]
    for _ in range(2):
        record(cfg, NOTHING, rows, tmp_path, Tracker("eval", MetricsFile(tmp_path), None))
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["eval/base/mt_bench/score"] for line in lines] == [5.0]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (Row("base", "mt_bench", "n_failed", 3.0, None, 9, "how"), "base, mt_bench: 3 calls failed"),
        (Row("base", "bbh", "accuracy", None, None, 0, "no network", pending=True), "base, bbh: no network"),
    ],
)
def test_nothing_is_recorded_of_an_unfinished_one(cfg, tmp_path, row, said):
    with pytest.raises(Unfinished, match=said):
        record(cfg, NOTHING, [row], tmp_path, Tracker("eval", MetricsFile(tmp_path), None))
    assert (tmp_path / "results.md").exists() and read_metrics(tmp_path / "metrics.jsonl") == []


@pytest.mark.parametrize(
    "row",
    [
        Row("base", "mt_bench", "n_unparsed", 3.0, None, 9, "a judge that writes no verdict gives a result"),
        Row("base", "mt_bench", "n_failed", 0.0, None, 9, "none failed"),
        Row("base", "mt_bench", "score", None, None, 0, "answers written, no judge (kind=none)"),
    ],
)
def test_results_are_results(cfg, tmp_path, row):
    record(cfg, NOTHING, [row], tmp_path, Tracker("eval", None, None))
