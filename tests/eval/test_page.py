"""What a job's page shows of its evaluations: the figures of results.json, published values, and the matrix."""

import json
import re
from pathlib import Path
from typing import Any

from eval.page.sections import evaluation_sections
from salmon.runtime.store import Store
from salmon.view.job.record import JobRecord, StageRecord

HOW = {"harness": "lm-eval 0.4.13", "task": "bbh_fewshot", "limit": 2, "smoke_test": True}
MATRIX = {
    "names": ["Concise", "<b>Formal</b>"],
    "measured": [[0.875, 0.5], [None, 0.25]],
    "reference": [[1.0, 0.5], [0.5, 1.0]],
    "counts": [8, 3],
}


def row(checkpoint: str, task: str, metric: str, value: float | None, **more: Any) -> dict[str, Any]:
    base = {"checkpoint": checkpoint, "task": task, "metric": metric, "value": value, "stderr": None, "n": 8}
    return base | {"note": "made up", "provenance": HOW} | more


def job(folder: Path, rows: list[dict[str, Any]], matrix: dict[str, Any] | None = None) -> JobRecord:
    store = Store(folder)
    work = store.work_dir("eval", "e" * 16)
    (work / "results.json").write_text(json.dumps({"rows": rows}))
    if matrix:
        (work / "reward" / "principle_following").mkdir(parents=True)
        report = work / "reward" / "principle_following" / "report.json"
        report.write_text(json.dumps({"checkpoint": "reward", "matrix": matrix}))
    artifact = store.commit("eval", "e" * 16, {})
    return JobRecord([StageRecord("eval of ppo", artifact.path, artifact=artifact)], {})


def charts(html: str) -> list[dict[str, Any]]:
    return [json.loads(data) for data in re.findall(r"class=\"data\">(.*?)</script>", html, re.DOTALL)]


def test_benchmarks_have_their_intervals_and_published_values(tmp_path: Path) -> None:
    rows = [
        row("sft", "bbh_direct", "accuracy", 0.25, low=0.125, high=0.5),
        row("ppo_best", "bbh_direct", "accuracy", 0.375, low=0.25, high=0.625),
        row("ppo_best", "bbh_direct", "n_unparsed", 3.0),
        row("ppo_best", "mt_bench", "score", None, note="no judge"),
    ]
    (section,) = evaluation_sections(job(tmp_path, rows))
    assert section.title == "Benchmarks"
    assert "0.250 [0.125, 0.500] (n=8)" in section.html and "0.375 [0.250, 0.625] (n=8)" in section.html
    traces = {trace["name"]: trace for trace in charts(str(section.html))[0]["traces"]}
    best = traces["ppo_best"]
    assert (best["x"], best["error_x"]["array"], best["error_x"]["arrayminus"]) == ([0.375], [0.25], [0.125])
    assert "51.4" in section.html and "37.5 [P" in section.html and "-13.9†" in section.html
    assert "mt_bench of ppo_best: no judge" in section.html


def test_what_the_figures_allow_to_conclude_is_said(tmp_path: Path) -> None:
    scores = {"sft": {"a": 0.0, "b": 1.0, "c": 0.0}, "ppo_last": {"a": 1.0, "b": 1.0, "c": 0.0}}
    rows = [row(name, "bbh_direct", "accuracy", 0.5, items=items) for name, items in scores.items()]
    (section,) = evaluation_sections(job(tmp_path, rows))
    said = section.html.partition("What these figures allow to conclude")[2].partition("</ul>")[0]
    assert "bbh_direct/accuracy: ppo_last - sft is +0.333 [" in said and "not told apart" in said


def test_the_matrix_of_principles_is_a_heat_map(tmp_path: Path) -> None:
    rows = [row("reward", "principle_following", "flip_rate", 0.5, low=0.25, high=0.75)]
    (section,) = evaluation_sections(job(tmp_path, rows, MATRIX))
    assert section.title == "Principle following" and "0.500 [0.250, 0.750] (n=8)" in section.html
    measured, reference = (chart["traces"][0] for chart in charts(str(section.html)))
    assert (measured["z"], reference["z"]) == (MATRIX["measured"], MATRIX["reference"])
    assert measured["y"] == ["Concise", "&lt;b&gt;Formal&lt;/b&gt;"] and measured["x"][0] == "Concise (n=8)"


def test_what_a_reward_model_obeys_comes_first(tmp_path: Path) -> None:
    rows = [
        row("reward", "principle_following", f"unedited_{figure}", value, low=0.25, high=0.875)
        for figure, value in (("accuracy_asserted", 0.75), ("accuracy_negated", 0.625), ("flip_rate", 0.5))
    ]
    (section,) = evaluation_sections(job(tmp_path, rows))
    table = section.html.partition("What reward obeys")[2].partition("</table>")[0]
    assert "the same, on unedited answers" in table and "0.5 is chance" not in section.html
    places = [table.index(f"{value} [0.250, 0.875] (n=8)") for value in ("0.750", "0.625", "0.500")]
    assert places == sorted(places) and section.html.index("What reward obeys") < section.html.index("<details>")


def test_a_job_without_evaluation_has_no_such_section(tmp_path: Path) -> None:
    assert list(evaluation_sections(JobRecord([], {}))) == []
