"""The paper's tables: published values (PAPER.md 1), ours from hand-made results with known differences."""

import csv
import io
import json
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from pytest import approx

from eval.provenance import Provenance
from eval.results import Row, write_results
from eval.tables.__main__ import main
from eval.tables.lines import compare_with_published
from eval.tables.measured import read_results
from eval.tables.published import load_published
from eval.tables.render import FORMATS, comparison_markdown
from salmon.errors import SalmonError

PAPER_BBH = Provenance("lm-eval 0.4.13", "bbh_fewshot", "2.0", 3, False, "27 of 27 tasks", 64, data="hub")
PAPER_MT = Provenance("FastChat", "mt_bench", scope="80 questions", judge="gpt-4", references="gpt-4")
FACTS = {
    "model": "llama2_70b",
    "base": {"path": "meta/llama", "revision": "abc"},
    "seed": 7,
    "git": "0123456789abcdef",
    "checkpoints": {"ppo_best": "c0ffee", "sft": "decade"},
    "command": "python -m eval checkpoint=x_y",
}


def bbh(checkpoint="ppo_best", how=PAPER_BBH, value=0.5):
    return Row(checkpoint, "bbh_direct", "accuracy", value, 0.01, 6511, "note", provenance=how)


def mt_bench(checkpoint="ppo_best", how=PAPER_MT, value=7.0, metric="score"):
    return Row(checkpoint, "mt_bench", metric, value, 0.1, 160, "note", provenance=how)


def results(folder: Path, *rows: Row, facts=FACTS) -> Path:
    write_results(folder, rows, facts)
    return folder


def compared(*folders: Path, **chosen: str):
    return compare_with_published(load_published(), read_results(folders), chosen)


def line_of(comparison, checkpoint, metric):
    (line,) = (x for x in comparison.lines if x.checkpoint == checkpoint and x.metric.title == metric)
    return line


# --- published values ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "model", "value", "mark"),
    [
        ("average", "Dromedary-2-70b", 7.37, "s"),
        ("turn 1", "Dromedary-2-70b", 7.77, "r"),
        ("average", "GPT-4", 9.0, "v"),
        ("average", "Dromedary-2-70b before PPO", 6.91, "s"),
        ("BBH direct", "Dromedary-2-70b", 51.4, "s"),
        ("BBH chain of thought", "LLaMA-2-70b", 67.7, "r"),
        ("HumanEval pass@1", "Dromedary-2-70b", 40.6, "s"),
        ("TyDiQA gold passage", "LLaMA-2-Chat-70b", 27.9, "s"),
        ("generation, truthful and informative", "Dromedary-2-70b", 0.84, "r"),
    ],
)
def test_published_values_and_their_sources(metric, model, value, mark):
    metrics = {m.title: m for table in load_published().tables for m in table.metrics}
    published = metrics[metric].values[model]
    assert (published.value, published.source.mark) == (value, mark)


def test_no_value_is_taken_for_one_read_in_the_paper():
    values = [v for table in load_published().tables for m in table.metrics for v in m.values.values()]
    assert len(values) == 56 and {value.source.mark for value in values} == {"s", "r", "v"}


def test_a_misspelt_model_is_refused(tmp_path):
    from eval.tables.published import PUBLISHED

    path = tmp_path / "p.yaml"
    path.write_text(PUBLISHED.read_text().replace("          Claude-1: [7.90", "          Claude-2: [7.90"))
    with pytest.raises(SalmonError, match="Claude-2"):
        load_published(path)


# --- ours beside them ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hashes", "labels"),
    [
        ({"ppo_best": "c0ffee", "ppo_last": "c0ffee"}, {"ppo_best and ppo_last"}),
        ({"ppo_best": "c0ffee", "ppo_last": "decade"}, {"ppo_best", "ppo_last"}),
        ({}, {"ppo_best", "ppo_last"}),
    ],
)
def test_checkpoints_with_the_same_weights_are_one_line(tmp_path, hashes, labels):
    folder = results(tmp_path, bbh(), bbh("ppo_last"), mt_bench(), facts=FACTS | {"checkpoints": hashes})
    lines = compared(folder).lines
    assert {line.checkpoint for line in lines if line.metric.title == "BBH direct" and line.value} == labels
    assert {line.checkpoint for line in lines if line.metric.title == "average" and line.value} == {"ppo_best"}


def test_the_same_weights_beside_two_published_models_are_two_lines(tmp_path):
    facts = FACTS | {"checkpoints": {"ppo_best": "c0ffee", "ppo_last": "c0ffee"}}
    comparison = compared(results(tmp_path, bbh(), bbh("ppo_last"), facts=facts), ppo_last="GPT-4")
    assert line_of(comparison, "ppo_best", "BBH direct").model == "Dromedary-2-70b"
    assert line_of(comparison, "ppo_last", "BBH direct").model == "GPT-4"


def test_difference_and_interval_in_published_units(tmp_path):
    comparison = compared(results(tmp_path, bbh(), mt_bench()))
    line = line_of(comparison, "ppo_best", "BBH direct")
    assert (line.model, line.value, line.difference) == ("Dromedary-2-70b", approx(50.0), approx(50.0 - 51.4))
    assert line.interval == approx((50 - 1.96, 50 + 1.96), abs=1e-3) and line.n == 6511
    assert line.origin.unlike_published == ()
    assert line_of(comparison, "ppo_best", "average").difference == approx(7.0 - 7.37)
    shown = comparison_markdown(comparison)
    assert (
        "| Dromedary-2-70b | BBH direct | 51.4 [s] | ppo_best | 50.0 [P2] | -1.4 | 48.0 to 52.0 | 6511 | items |"
        in shown
    )
    assert "†" not in shown
    for fact in (
        "meta/llama at abc",
        "c0ffee",
        "seed 7",
        "python -m eval checkpoint=x_y",
        "0123456789ab",
        "version 2.0",
        "3-shot",
        "chat template off",
        "judged by gpt-4",
        "references by gpt-4",
    ):
        assert fact in shown, fact


def test_the_tasks_own_interval_is_taken_where_there_is_one(tmp_path):
    row = replace(bbh(), low=0.4, high=0.7)
    assert line_of(compared(results(tmp_path, row)), "ppo_best", "BBH direct").interval == approx((40, 70))


def test_truthfulqa_generation_is_marked_where_the_judge_is_another(tmp_path):
    how = Provenance("lm-eval", "truthfulqa_gen", scope="817 questions", judge="yes/no of a judge")
    row = Row("ppo_best", "truthfulqa_gen", "truthful_informative", 0.8, 0.01, 817, "note", provenance=how)
    comparison = compared(results(tmp_path, row))
    line = line_of(comparison, "ppo_best", "generation, truthful and informative")
    assert (line.value, line.difference) == (approx(0.8), approx(0.8 - 0.84))
    assert line.origin.unlike_published == ("judge yes/no of a judge instead of fine-tuned GPT-3",)
    assert "-0.04†" in comparison_markdown(comparison)


def test_what_was_not_run_is_empty(tmp_path):
    without = Row("ppo_best", "mt_bench", "score", None, None, 0, "no key")
    shown = comparison_markdown(compared(results(tmp_path, bbh(), without)))
    assert "| Dromedary-2-70b | average | 7.37 [s] |  |  |  |  |  |  |" in shown
    assert "| Dromedary-2-70b | HumanEval pass@1 | 40.6 [s] |  |  |  |  |  |  |" in shown
    assert "| Dromedary-2-70b | MC1 |  |  |  |  |  |  |  |" in shown
    assert "- Not measured: ppo_best: no mt_bench: no key" in shown


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"judge": "local"}, "judge local instead of gpt-4"),
        ({"references": "corrected"}, "references corrected instead of gpt-4"),
        ({"scope": "12 questions"}, "scope 12 questions instead of 80 questions"),
        ({"limit": 32}, "limit 32 instead of none"),
        ({"limit": 1}, "limit 1 instead of none"),
        ({"smoke_test": True}, "smoke_test yes instead of no"),
    ],
)
def test_unlike_conditions_are_marked(tmp_path, change, said):
    shown = comparison_markdown(compared(results(tmp_path, mt_bench(how=replace(PAPER_MT, **change)))))
    assert "7.00 [P1] | -0.37† |" in shown and f"Not as published: {said}." in shown
    assert "† not measured as the published value was" in shown


def test_rows_that_say_nothing_of_how_they_were_measured_are_marked(tmp_path):
    old = {key: value for key, value in asdict(bbh(how=None)).items() if key != "provenance"}
    (tmp_path / "results.json").write_text(json.dumps({"suite": "paper", "rows": [old]}))
    shown = comparison_markdown(compared(tmp_path))
    assert "50.0 [P1] | -1.4† |" in shown and "how it was measured is not recorded" in shown
    assert "checkpoint hash not recorded" in shown


def test_figures_of_different_judges_or_versions_have_different_marks(tmp_path):
    first = results(tmp_path / "a", mt_bench(), mt_bench(metric="score_turn_1"), bbh())
    second = results(
        tmp_path / "b", mt_bench(how=replace(PAPER_MT, judge="other")), bbh(how=replace(PAPER_BBH, task_version="3.0"))
    )
    lines = [line for line in compared(first, second).lines if line.origin]
    marks = {(line.metric.title, line.checkpoint): line.origin.mark for line in lines}
    a, b = f"ppo_best in {first}", f"ppo_best in {second}"
    assert marks["average", a] == marks["turn 1", a] != marks["average", b]
    assert marks["BBH direct", a] != marks["BBH direct", b]


def test_counterparts(tmp_path):
    rows = [mt_bench(name) for name in ("sft", "base", "ppo_last", "sft-0123abcd", "mine")]
    models = {x.checkpoint: x.model for x in compared(results(tmp_path, *rows), mine="LLaMA-2-Chat-70b").lines}
    before = "Dromedary-2-70b before PPO"
    assert models["sft"] == before == models["sft-0123abcd"] and models["base"] == "LLaMA-2-70b"
    assert models["ppo_last"] == "Dromedary-2-70b" and models["mine"] == "LLaMA-2-Chat-70b"
    base = line_of(compared(tmp_path), "base", "average")
    assert base.published is None and base.difference is None, "the paper's base has no MT-Bench score"
    for chosen in ({"mine": "GPT-5"}, {"yours": "GPT-4"}):
        with pytest.raises(SalmonError, match="there are: "):
            compared(tmp_path, **chosen)


# --- folders and formats -------------------------------------------------------------------------


def test_folders_of_jobs_and_multiruns(tmp_path):
    store = results(tmp_path / "store" / "eval" / "f1", bbh())
    job = tmp_path / "sweep" / "job_1"
    (job / "artifacts").mkdir(parents=True)
    (job / "artifacts" / "eval_of_ppo").symlink_to(store)
    (job / "results.json").write_text(json.dumps({"ppo": {"reward": 1.0}}))  # a job's own: no rows
    for folders in ([job], [tmp_path / "sweep"], [store, job, tmp_path / "store" / "eval"]):
        (found,) = read_results(folders)
        assert found.label == "ppo_best" and found.row == bbh()


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SalmonError, match=f"{tmp_path}: no results.json"):
        read_results([tmp_path])
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(SalmonError, match=r"results\.json, line 1: not valid JSON"):
        read_results([tmp_path])
    (tmp_path / "results.json").write_text('{"rows": [{"x": 1}]}')
    with pytest.raises(SalmonError, match="a row is not of this program"):
        read_results([tmp_path])


def test_csv_has_the_numbers_of_the_other_formats_and_empty_cells(tmp_path):
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](compared(results(tmp_path, bbh(value=0.51234)))))))
    (ours,) = (row for row in rows if row["checkpoint"])
    assert [ours[name] for name in ("ours", "difference", "low", "high", "over")] == [
        "51.2",
        "-0.2",
        "49.3",
        "53.2",
        "items",
    ]
    assert "second-hand" in ours["published_source"] and "c0ffee" in ours["provenance"]
    assert ours["not_as_published"] == ""
    assert {row["ours"] for row in rows} == {"", ours["ours"]}
    assert [row["published"] for row in rows if row["metric"] == "MC1"] == [""]


def test_latex_is_escaped(tmp_path):
    text = FORMATS["latex"](compared(results(tmp_path, bbh(how=replace(PAPER_BBH, limit=5)))))
    assert r"ppo\_best & 50.0 [P1] & -1.4$\dagger$ & 48.0 to 52.0 & 6511 & items \\" in text
    assert r"checkpoint=x\_y" in text and "95 \\% interval" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 3


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_compiles(tmp_path):
    text = FORMATS["latex"](compared(results(tmp_path, bbh(), mt_bench(how=replace(PAPER_MT, judge="a<b~c^{d}\\e")))))
    head = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
    (tmp_path / "t.tex").write_text(head + text + "\\end{document}\n")
    done = subprocess.run(["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]


def test_the_command(tmp_path, capsys):
    main([str(results(tmp_path, mt_bench("mine"))), "--as", "mine=GPT-4"])
    shown = capsys.readouterr().out
    assert "| GPT-4 | average | 9.00 [v] | mine | 7.00 [P1] | -2.00 |" in shown
    main(["--format", "csv"])
    assert "Dromedary-2-70b,average,7.37" in capsys.readouterr().out, "without results: what is published"
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path / "nowhere")])
    assert "salmon: " in str(stopped.value.code)
