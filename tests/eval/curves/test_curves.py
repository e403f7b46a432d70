import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from eval.curves import CURVES
from eval.curves.__main__ import main
from eval.curves.figure import figure_of
from eval.curves.files import draw_learning_curves
from eval.curves.panels import caveat, panels_of
from eval.provenance import Provenance
from eval.results import Row, metrics_by_step, run_names, write_results

RUN = "ppo-0123456789abcdef"


def row(
    step: int | None,
    value: float | None,
    task="bbh_direct",
    metric="accuracy",
    series: str | None = RUN,
    checkpoint: str | None = None,
) -> Row:
    name = checkpoint or (f"ppo_step_{step}" if step is not None else "sft")
    return Row(name, task, metric, value, 0.02, 50, "how", series=None if step is None else series, step=step)


ROWS = [
    row(20, 0.4),
    row(10, 0.3),
    row(20, 0.4, checkpoint="ppo_best"),
    row(None, 0.25),
    row(10, None, metric="other"),
    row(10, 3.0, metric="n_unparsed"),
    row(20, 2.0, metric="n_unparsed"),
    row(10, 0.5, metric="f1/english"),
    row(20, 0.6, metric="f1/english"),
    row(10, 5.0, "mt_bench", "score"),
    row(None, 0.5, "humaneval", "pass@1"),
]


def test_a_metric_of_a_run_is_one_line_over_its_steps():
    assert metrics_by_step([*ROWS[:4], row(None, 0.2, checkpoint="base")]) == {
        0: {"eval/sft/bbh_direct/accuracy": 0.25, "eval/base/bbh_direct/accuracy": 0.2},
        10: {"eval/ppo/bbh_direct/accuracy": 0.3},
        20: {"eval/ppo/bbh_direct/accuracy": 0.4},
    }
    assert list(metrics_by_step(ROWS)) == [0, 10, 20]


def test_runs_of_one_stage_are_told_apart_by_fingerprint():
    other = "ppo-fedcba9876543210"
    rows = [*ROWS, row(10, 0.9, series=other)]
    assert run_names(rows) == {RUN: "ppo-01234567", other: "ppo-fedcba98"}
    assert metrics_by_step(rows)[10]["eval/ppo-fedcba98/bbh_direct/accuracy"] == 0.9
    assert metrics_by_step(rows)[10]["eval/ppo-01234567/bbh_direct/accuracy"] == 0.3


def test_panels_are_the_figures_at_several_steps():
    (panel,) = panels_of(ROWS)  # not: counts, parts, one step only, references only, without a value
    assert (panel.task, panel.metric, list(panel.curves)) == ("bbh_direct", "accuracy", ["ppo"])
    assert [(r.step, r.value) for r in panel.curves["ppo"]] == [(10, 0.3), (20, 0.4)]
    assert [r.checkpoint for r in panel.references] == ["sft"]


def test_files_hold_every_point_and_are_made_again_alike(tmp_path):
    assert draw_learning_curves(tmp_path, ROWS) == tmp_path / f"{CURVES}.png"
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(first) == {f"{CURVES}.{ending}" for ending in ("png", "svg", "csv")}
    assert first[f"{CURVES}.png"].startswith(b"\x89PNG") and b"Benchmarks over training" in first[f"{CURVES}.svg"]
    lines = list(csv.DictReader((tmp_path / f"{CURVES}.csv").open()))
    assert [(line["run"], line["step"], line["checkpoint"], line["value"]) for line in lines] == [
        ("ppo", "10", "ppo_step_10", "0.3"),
        ("ppo", "20", "ppo_step_20", "0.4"),
        ("", "", "sft", "0.25"),
    ]
    assert float(lines[0]["low"]) == pytest.approx(0.2608, abs=1e-4)  # 0.3 - 1.96 x 0.02
    draw_learning_curves(tmp_path, ROWS)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_the_picture_has_lines_bands_and_references():
    figure = figure_of(panels_of(ROWS), "LIMITED to the first 2 items")
    (axes,) = figure.axes
    line, flat = axes.lines
    assert (list(line.get_xdata()), list(line.get_ydata()), line.get_label()) == ([10, 20], [0.3, 0.4], "ppo")
    assert (list(flat.get_ydata()), flat.get_label()) == ([0.25, 0.25], "sft")
    (band,) = axes.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (pytest.approx(0.2608, abs=1e-4), pytest.approx(0.4392, abs=1e-4))
    assert "LIMITED to the first 2 items" in figure.get_suptitle()


def test_nothing_is_drawn_without_two_steps(tmp_path):
    assert draw_learning_curves(tmp_path, [row(10, 0.3), row(None, 0.2)]) is None
    assert list(tmp_path.iterdir()) == []


def test_what_makes_figures_less_is_said_in_the_picture(tmp_path):
    how = Provenance("lm-eval", "bbh", limit=32, smoke_test=True)
    rows = [replace(r, provenance=how) for r in ROWS]
    assert caveat(rows) == "SMOKE TEST on the mini set, not a benchmark; LIMITED to the first 32 items of each task"
    assert caveat(ROWS) == ""


def test_results_of_several_evaluations(tmp_path, capsys):
    """The moments of one run in two folders are one line; SFT was evaluated by itself."""
    for name, rows in (("a", ROWS[:1]), ("b", ROWS[1:2]), ("sft", ROWS[3:4])):
        write_results(tmp_path / name, rows, {})
    main([*(str(tmp_path / name) for name in ("a", "b", "sft")), "--output", str(tmp_path / "out")])
    assert capsys.readouterr().out.strip() == str(tmp_path / "out" / f"{CURVES}.png")
    lines = list(csv.DictReader((tmp_path / "out" / f"{CURVES}.csv").open()))
    assert [(line["run"], line["step"]) for line in lines] == [("ppo", "10"), ("ppo", "20"), ("", "")]


@pytest.mark.parametrize(("rows", "message"), [(ROWS[:1], "ppo.keep_every=N"), (None, "no results.json")])
def test_nothing_to_draw_is_one_message(tmp_path, rows, message):
    if rows:
        write_results(tmp_path, rows, {})
    with pytest.raises(SystemExit, match=f"^salmon: .*{message}"):
        main([str(tmp_path)])
    assert not list(Path().glob(f"{CURVES}*"))


def test_results_of_before_there_were_steps_can_be_read(tmp_path):
    old = {key: value for key, value in asdict(row(10, 0.3)).items() if key not in ("series", "step")}
    (tmp_path / "results.json").write_text(json.dumps({"rows": [old]}))
    with pytest.raises(SystemExit, match=r"keep_every"):
        main([str(tmp_path)])
