"""The page of a job: its figures are those of the files, and whatever is missing or broken is said."""

import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir

from salmon.config.register import CONF
from salmon.errors import SalmonError
from salmon.runtime.store import Store
from salmon.view.job import settings
from salmon.view.job.page import artifact_page, job_page
from salmon.view.page import Page
from tests.view.job_folders import (
    EVIL,
    PPO_ROWS,
    PRAISE,
    PROMPT,
    add_stage,
    answers,
    make_job,
    make_ppo_job,
    make_watched_job,
    ppo_config,
)

REAL_DEFAULTS = settings.default_config


@pytest.fixture(autouse=True)
def _defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Composing the real ones takes a second; one test does."""
    monkeypatch.setattr(settings, "default_config", lambda: {"seed": 0, "model": {"name": "tiny", "dtype": "auto"}})


def section(page: Page, title: str) -> str:
    return next(str(part.html) for part in page.sections if part.title == title)


def charts(text: str) -> dict[str, dict[str, Any]]:
    """What the charts of a section are drawn from, by title."""
    found = re.findall(r"<figcaption>(.*?)</figcaption>.*?class=\"data\">(.*?)</script>", text, re.DOTALL)
    return {html.unescape(title): json.loads(data) for title, data in found}


def points(page: Page, chart: dict[str, Any], axis: str) -> list[list[tuple[Any, Any]]]:
    """(x, y) of each trace as the page's script puts them together."""
    columns = page.all_columns
    return [
        list(zip(columns[x], columns[y["column"]] if isinstance(y := trace["y"], dict) else y, strict=True))
        for trace, x in zip(chart["traces"], chart["axes"][axis]["columns"], strict=True)
    ]


def test_curves_are_the_values_of_the_files_on_every_axis(tmp_path: Path) -> None:
    page = job_page(make_ppo_job(tmp_path))
    drawn = charts(section(page, "Curves"))
    kl = drawn["KL from the reference"]
    assert [trace["name"] for trace in kl["traces"]] == ["objective/kl", "held_out/kl", "diagnosis"]
    assert points(page, kl, "update")[:2] == [[(1, 0.125), (2, 0.5), (3, 0.75)], [(0, 0), (3, 0.7)]]
    assert [x for x, _ in points(page, kl, "samples")[0]] == [16, 32, 48]
    assert [x for x, _ in points(page, kl, "time")[1]] == [0, pytest.approx(181 / 60, rel=1e-5)]
    assert points(page, drawn["Reward"], "kl")[0] == [(0, -1), (0.7, 0.5)]
    assert points(page, drawn["Loss"], "update")[0] == [(1, 2.5)]
    assert list(drawn["Loss"]["axes"]) == ["update", "time"], "SFT has no KL and samples nothing"


def test_a_diagnosis_is_marked_where_it_begins(tmp_path: Path) -> None:
    page = job_page(make_ppo_job(tmp_path))
    for title in ("KL from the reference", "Reward"):
        chart = charts(section(page, "Curves"))[title]
        assert chart["traces"][-1]["text"] == ["x"]
        assert [x for x, _ in points(page, chart, "update")[-1]] == [2]


def test_an_alarm_is_shown_with_evidence_principle_samples_and_proposal_all_escaped(tmp_path: Path) -> None:
    text = section(job_page(make_watched_job(tmp_path, alarm=True)), "Sentinel")
    assert re.findall("<h3>(.*?)</h3>", text) == ["Alarm at update 2, until update 3"]
    assert "found no sign" not in text and "The reward may be hacked" in text
    cells = re.findall("<t[hd][^>]*>(.*?)</t[hd]>", text.partition("<tbody>")[2].partition("</tbody>")[0])
    assert cells[:7] == ["objective/score", "", "0.1", "0.5", "+0.4", "+0.2 and +0.6", ""]
    assert cells[7:9] == ["violations/No Self-Praise", "No Self-Praise"]
    assert cells[9:] == ["0.05", "0.35", "+0.3", "+0.1 and +0.5", "+2 (at least +1.5)"]
    assert "<dt>No Self-Praise</dt><dd>does not &lt;i&gt;praise&lt;/i&gt; itself.</dd>" in text
    assert "<h4>violates No Self-Praise: score 2.5</h4>" in text
    assert "<script" not in text and html.escape(PROMPT) in text
    assert html.escape(PRAISE) in re.sub("</?mark[^>]*>", "", text)
    assert re.findall('<mark title="counted by the check of (.*?)">', text) == ["No Self-Praise"]


def test_an_alarm_is_marked_on_every_axis_where_it_begins(tmp_path: Path) -> None:
    page = job_page(make_watched_job(tmp_path, alarm=True))
    curves = section(page, "Curves")
    chart = charts(curves)["KL from the reference"]
    marks = chart["traces"][-1]
    assert [x for x, _ in points(page, chart, "update")[-1]] == [2]
    assert [x for x, _ in points(page, chart, "samples")[-1]] == [32]
    assert marks["marker"]["symbol"] == ["diamond"]
    assert marks["text"][0].startswith("reward_hacked (violations/No Self-Praise 0.05 -> 0.35")
    assert "principles.interventions" in curves.partition("Diagnoses, where each begins")[2]


def test_a_run_without_an_alarm_says_so_and_one_that_was_not_watched_says_nothing(tmp_path: Path) -> None:
    page = job_page(make_watched_job(tmp_path / "watched", alarm=False))
    assert "watched 4 updates and found no sign that the reward is hacked" in section(page, "Sentinel")
    assert "Alarm at" not in section(page, "Sentinel")
    (kl,) = charts(section(page, "Curves")).values()
    assert [trace["name"] for trace in kl["traces"]] == ["objective/kl"], "no mark"
    unwatched = job_page(make_ppo_job(tmp_path / "unwatched"))
    assert "Sentinel" not in [part.title for part in unwatched.sections]


def test_an_alarm_whose_evidence_is_damaged_is_named_and_its_curves_are_shown(tmp_path: Path) -> None:
    folder = make_watched_job(tmp_path, alarm=True)
    table = tmp_path / "store" / "ppo" / ("c" * 16) / "tables" / "alarm_evidence_2.jsonl"
    table.write_text('{"metric": "x"}\n', encoding="utf-8")
    page = job_page(folder)
    assert any("alarm_evidence_2.jsonl" in notice for notice in page.notices)
    assert charts(section(page, "Curves"))["KL from the reference"]["traces"][-1]["text"] == ["reward_hacked"]


def test_a_value_that_is_not_finite_is_a_gap_and_is_said(tmp_path: Path) -> None:
    page = job_page(make_ppo_job(tmp_path))
    curves = section(page, "Curves")
    assert [y for _, y in points(page, charts(curves)["Error of the value model"], "update")[0]] == [2, None, 1]
    assert "value/error from step 2 on" in curves


def test_headline_figures_and_time_are_the_manifest_s(tmp_path: Path) -> None:
    page = job_page(make_ppo_job(tmp_path))
    assert re.search(r"held_out/reward_last</td>\s*<td class=\"right\">0.5</td>", section(page, "Headline figures"))
    pipeline = section(page, "Pipeline")
    bars = {trace["name"]: trace["x"] for trace in charts(pipeline)["Time of each stage"]["traces"]}
    assert bars == {"whole stage": [1.5, 0.0], "sampling": [0.0, 0.2], "other": [0.0, 1.3]}
    assert "1m 30s" in pipeline and "before this job" in pipeline


def test_responses_stand_side_by_side_escaped_and_with_the_words_that_a_check_counted(tmp_path: Path) -> None:
    text = section(job_page(make_ppo_job(tmp_path)), "Responses to held-out prompts")
    assert re.findall("<h4>(.*?)</h4>", text) == [
        "before ppo: score -1.5",
        "last and best, after 3 updates: score 0.75",
    ]
    assert "<script>alert" not in text and html.escape(PROMPT) in text
    assert re.findall('<mark title="counted by the check of Formal">(.*?)</mark>', text) == ["Hey", "furthermore"]
    assert html.unescape(re.sub("</?mark[^>]*>", "", text)).count(EVIL) == 1
    assert "formal" in text.partition("Texts of the principles shown")[2], "what the principle says"
    assert "0.25" in text and "0.875" in text, "means of the check over all held-out prompts, before and after"


def test_a_policy_under_other_principles_stands_beside_it(tmp_path: Path) -> None:
    folder = make_ppo_job(tmp_path)
    store = Store(tmp_path / "store")
    upstream = {"sft": f"sft-{'a' * 16}"}
    tables = {"responses_2": answers("Long, indeed.", principles="Comprehensive")}
    for number, (name, made_from) in enumerate(
        [("other", upstream), ("verifiable", upstream), ("third", {"sft": "?"}), ("other", upstream)]
    ):
        add_stage(store, "ppo", str(number) * 16, [], tables, upstream=made_from, config=ppo_config(name))
    text = section(job_page(folder), "Responses to held-out prompts")
    titles = re.findall("<h4>(.*?): score", text)
    assert titles == ["before ppo", "last and best, after 3 updates", "last, under other principles: other"], (
        "not the same principles, not from another SFT policy, and one of two runs under the same others"
    )
    verdicts = [" ".join(found.split()) for found in re.findall(r"Checks: (.*?)</p>", text, re.DOTALL)]
    assert all("Formal" in verdict and "Comprehensive" in verdict for verdict in verdicts), "the same checks for all"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (
            {"state": "failed", "stage": "ppo", "error": "score is nan"},
            r"failed in stage ppo: score is nan\nThe same com",
        ),
        ({"state": "interrupted", "stage": "ppo", "error": "by SIGINT"}, "was interrupted in stage ppo: by SIGINT"),
        ({"state": "running", "stage": "ppo", "process": 2**22 + 1}, "was killed in stage ppo"),
        (
            {
                "state": "running",
                "stage": "eval",
                "progress": {"done": 3, "total": 9, "unit": "updates", "seconds_left": None, "columns": {}},
            },
            "still runs in stage eval, 3 of 9 updates",
        ),
    ],
    ids=["failed", "interrupted", "killed", "running"],
)
def test_a_job_that_has_not_finished_says_so(status: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert re.search(said, job_page(make_ppo_job(tmp_path, status)).notices[0])


def test_the_stage_that_failed_has_its_curves(tmp_path: Path) -> None:
    work = tmp_path / "ppo.partial"
    work.mkdir()
    (work / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PPO_ROWS[:3]) + '{"torn')
    folder = make_job(tmp_path / "job", {"state": "failed", "stage": "ppo", "error": "nan", "work": str(work)})
    page = job_page(folder)
    assert points(page, charts(section(page, "Curves"))["KL from the reference"], "update")[0] == [(1, 0.125), (2, 0.5)]
    assert "not finished" in section(page, "Pipeline")


def test_a_store_half_deleted_leaves_the_rest(tmp_path: Path) -> None:
    folder = make_ppo_job(tmp_path)
    shutil.rmtree(tmp_path / "store" / "sft")
    page = job_page(folder)
    assert len(page.notices) == 1 and re.match(r"sft: .*/sft/a+ is no longer there", page.notices[0])
    assert "KL from the reference" in section(page, "Curves")


@pytest.mark.parametrize("file", ["manifest.json", "metrics.jsonl", "tables/responses_3.jsonl"])
def test_a_damaged_file_of_an_artifact_is_named_and_the_rest_is_shown(file: str, tmp_path: Path) -> None:
    folder = make_ppo_job(tmp_path)
    (tmp_path / "store" / "ppo" / ("b" * 16) / file).write_text("{]\n")
    page = job_page(folder)
    assert len([notice for notice in page.notices if file in notice]) == 1
    assert "sft/loss" in section(page, "Headline figures") and "salmon model=tiny" in section(page, "How to repeat it")


def test_only_settings_that_differ_are_listed(tmp_path: Path) -> None:
    rows = re.findall(
        r'<th scope="row">(.*?)</th>\s*<td>(.*?)</td>\s*<td>(.*?)</td>',
        section(job_page(make_ppo_job(tmp_path)), "Settings"),
    )
    assert rows == [("seed", "7", "0"), ("model.dtype", "(not set)", "auto"), ("name", "tiny-test", "(not set)")]


def test_the_real_defaults_compose() -> None:
    defaults = REAL_DEFAULTS()
    assert defaults["name"] == f"{defaults['model']['name']}-{defaults['principles']['name']}"
    assert settings.changed_settings({**defaults, "seed": 5}, defaults) == {"seed": ("5", "0")}


def test_of_lists_of_settings_the_entries_that_differ_are_listed() -> None:
    def config(*lessons: dict) -> dict:
        return {"reward": {"lessons": list(lessons), "layers": [1, 2]}}

    here, there = config({"pairs": 8, "words": 0.5}, {"pairs": 9}), config({"pairs": 8, "words": 0.4})
    assert settings.changed_settings(here, there) == {
        "reward.lessons[0].words": ("0.5", "0.4"),
        "reward.lessons[1].pairs": ("9", "(not set)"),
    }
    assert settings.changed_settings({"layers": [1, 2]}, {"layers": [1, 3]}) == {"layers": ("[1, 2]", "[1, 3]")}


def test_the_defaults_compose_within_a_job_of_hydra_too() -> None:
    alone = REAL_DEFAULTS()
    REAL_DEFAULTS.cache_clear()
    with initialize_config_dir(CONF, version_base="1.3"):
        assert REAL_DEFAULTS() == alone


def test_how_to_repeat_it(tmp_path: Path) -> None:
    text = section(job_page(make_ppo_job(tmp_path)), "How to repeat it")
    assert "<code>salmon model=tiny seed=7</code>" in text and "c0ffee" in text and "9.9" in text


def test_an_artifact_has_a_page_with_what_it_was_made_from(tmp_path: Path) -> None:
    make_ppo_job(tmp_path)
    page = artifact_page(tmp_path / "store" / "ppo" / ("b" * 16))
    pipeline = section(page, "Pipeline")
    assert pipeline.index(">sft<") < pipeline.index(">ppo<")
    assert page.title == f"ppo {'b' * 16}" and not page.notices


def test_an_artifact_without_manifest_has_none(tmp_path: Path) -> None:
    with pytest.raises(SalmonError, match="manifest.json"):
        artifact_page(tmp_path)
