import json
import math
from dataclasses import asdict, replace

import pytest
from pytest import approx

from eval.intervals import proportion_interval
from eval.provenance import Provenance
from eval.results import Row, load_rows, mean_and_stderr, metrics_of_rows, results_markdown, save_rows, write_results


def row(checkpoint="sft", task="mt_bench", metric="score", value=5.0, stderr=0.5, n=4, note="how"):
    return Row(checkpoint, task, metric, value, stderr, n, note)


def test_mean_and_stderr_literal():
    # mean of 1, 2, 3, 6 is 3; squared deviations 4 + 1 + 0 + 9 = 14; variance 14 / 3; stderr sqrt(14 / 3 / 4)
    mean, stderr = mean_and_stderr([1.0, 2.0, 3.0, 6.0])
    assert mean == approx(3.0)
    assert stderr == approx(1.0801234497346435)
    assert stderr != approx(math.sqrt(14 / 4 / 4)), "the variance over n instead of n - 1"
    assert stderr != approx(math.sqrt(14 / 3)), "the deviation instead of the error of the mean"


@pytest.mark.parametrize(("values", "expected"), [([], (None, None)), ([2.0], (2.0, None))])
def test_mean_and_stderr_where_undefined(values, expected):
    assert mean_and_stderr(values) == expected


def test_metrics_are_the_figures_that_exist():
    rows = [row(), row(metric="score_turn_1", value=None), row(checkpoint="ppo_best", value=6.0)]
    assert metrics_of_rows(rows) == {"eval/sft/mt_bench/score": 5.0, "eval/ppo_best/mt_bench/score": 6.0}


def test_table_has_a_column_a_checkpoint_and_every_note():
    rows = [
        row(),
        row(metric="n_failed", value=3.0, stderr=None),
        row(checkpoint="ppo", value=6.0, stderr=None),
        row(checkpoint="ppo", metric="n_failed", value=None, note="hub unreachable"),
    ]
    table = results_markdown(rows).splitlines()
    assert table[0] == "| task | metric | sft | ppo |"
    assert table[2] == "| mt_bench | score | 5.000 ± 0.500 (n=4) | 6.000 (n=4) |"
    assert table[3] == "| mt_bench | n_failed | 3 | n/a |"
    assert "- mt_bench: how" in table
    assert "- mt_bench (ppo): hub unreachable" in table


def test_an_interval_is_shown_in_the_place_of_the_error():
    rows = [Row("reward", "principle_following", "ece", 0.25, 0.03, 40, "how", 0.2, 0.3125)]
    assert "| principle_following | ece | 0.250 [0.200, 0.312] (n=40) |" in results_markdown(rows)


def test_saved_rows_are_found_again_with_the_same_settings_only(tmp_path):
    intervals = Row("reward", "principle_following", "ece", 0.25, 0.03, 40, "how", 0.2, 0.3)
    path, rows = tmp_path / "a" / "bbh.json", [row(), row(value=None, stderr=None), intervals]
    assert load_rows(path, {"limit": 3}) is None
    save_rows(path, {"limit": 3}, rows)
    assert load_rows(path, {"limit": 3}) == rows
    assert load_rows(path, {"limit": 4}) is None


@pytest.mark.parametrize("content", ["", '{"version": 2, "key": {}, "rows": [', "[]", '{"rows": 3}', "\0" * 9])
def test_a_damaged_task_is_set_aside_and_measured_again(tmp_path, caplog, content):
    path = tmp_path / "bbh.json"
    path.write_text(content)
    assert load_rows(path, {}) is None
    assert not path.exists() and (tmp_path / ".bbh.json.damaged").read_text() == content
    assert str(path) in caplog.text and "measured again" in caplog.text


def test_figures_of_an_earlier_rule_are_not_taken(tmp_path, monkeypatch):
    save_rows(tmp_path / "bbh.json", {}, [row()])
    monkeypatch.setattr("eval.results.VERSION", 99)
    assert load_rows(tmp_path / "bbh.json", {}) is None


def test_saved_rows_keep_how_they_were_measured(tmp_path):
    how = Provenance("lm-eval 0.4.13", "bbh_fewshot", "2.0", 3, False)
    rows = [replace(row(), provenance=how), row()]
    save_rows(tmp_path / "bbh.json", {}, rows)
    assert load_rows(tmp_path / "bbh.json", {}) == rows
    old = {key: value for key, value in asdict(row()).items() if key != "provenance"}
    assert Row.of(old) == row(), "rows of before there was such a thing"


@pytest.mark.parametrize(
    ("given", "interval"),
    [
        (row(value=5.0, stderr=0.5), (approx(4.0200, abs=1e-4), approx(5.9800, abs=1e-4))),
        (replace(row(), low=4.5, high=5.25), (4.5, 5.25)),
        (row(stderr=None), None),
        (row(value=None), None),
    ],
)
def test_interval(given, interval):
    assert given.interval == interval


@pytest.mark.parametrize(
    ("right", "n", "interval"),
    [
        (10, 10, (0.7225, 1.0)),
        (0, 10, (0.0, 0.2775)),
        (5, 10, (0.2366, 0.7634)),  # of Wilson's formula by hand
    ],
)
def test_interval_of_a_proportion(right, n, interval):
    assert proportion_interval(right, n) == approx(interval, abs=1e-4)


def test_results_files(tmp_path):
    rows = [row(), row(value=None, note="no data")]
    write_results(tmp_path, rows, {"suite": "mini"})
    saved = json.loads((tmp_path / "results.json").read_text())
    assert saved["suite"] == "mini"
    assert [Row(**r) for r in saved["rows"]] == rows
    assert (tmp_path / "results.md").read_text() == results_markdown(rows)


def test_renamed_row_says_whose_figure_it_is():
    renamed = row().renamed("ppo_last")
    assert (renamed.checkpoint, renamed.value, renamed.note) == ("ppo_last", 5.0, "how; same adapter as sft")
