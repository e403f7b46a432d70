"""The page of a study: what is thinned, paired, escaped and said, on hand-made sweeps with known numbers."""

import base64
import html
import json
import re

import numpy as np
import pytest

from salmon.errors import SalmonError
from salmon.view.render import html_of
from sweeps.cells import Cell, cells_of
from sweeps.collect import NOT_STARTED, SweepJob, read_sweep
from sweeps.page.axes import swept_axes
from sweeps.page.charts import cell_style
from sweeps.page.record import differing
from sweeps.page.results import differences
from sweeps.page.samples import BEFORE, samples_of
from sweeps.page.series import Series, curves_of, thin
from sweeps.page.study import STUDY, study_page
from sweeps.report import write_report
from sweeps.reports.kinds import settings_of
from tests.sweeps.sweep_folders import add_artifact, add_job, arm_config, make_sweep

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def study(folder, ends, failed=(), responses=None, kind="study"):
    """A sweep over principle sets and seeds with held_out/reward and KL at the end, both 0 before training."""
    sets, seeds = list(dict.fromkeys(name for name, _ in ends)), sorted({seed for _, seed in ends})
    sweep = make_sweep(folder / "sweep", {"principles": sets, "ppo.seed": seeds}, ["+sweeps=mine"], kind=kind)
    for (name, seed), reward in ends.items():
        overrides = [f"principles={name}", f"ppo.seed={seed}", "+sweeps=mine"]
        policy = add_artifact(
            folder / f"{name}{seed}",
            {
                "held_out/reward": {0: 0.0, 4: reward},
                "held_out/kl": {0: 0.0, 4: 2 * reward},
                "objective/score": {1: 0.1, 2: None, 3: 0.3},
            },
            responses
            and {step: {p: f"{text} {name}{seed}" for p, text in by.items()} for step, by in responses.items()},
        )
        status = {"state": "failed", "stage": "ppo", "error": f"NaN at\nstep 3 {EVIL}"}
        more = {"status": status} if (name, seed) in failed else {"ppo": policy}
        add_job(sweep, f"{name}{seed}", overrides, arm_config(name, seed, ["Concise"] if name == "a" else []), **more)
    return sweep


ENDS = {("a", 0): 1.0, ("a", 1): 3.0, ("b", 0): 2.0, ("b", 1): 4.0}


# --- curves --------------------------------------------------------------------------------------


def test_a_thinned_curve_keeps_its_ends_and_its_spikes():
    mean = np.zeros(1000)
    mean[500], mean[-1] = 9.0, 7.0
    found = thin(Series(np.arange(1, 1001), mean - 1, mean, mean + 1), 60)
    assert len(found.steps) == len(found.mean) == 60
    assert (found.steps[0], found.steps[-1]) == (1, 1000) and (found.mean[0], found.mean[-1]) == (0.0, 7.0)
    assert found.mean[1:-1].max() < 1.0, "the mean of some 17 steps"
    assert found.high.max() == 10.0 and found.low.min() == -1.0, "the band has what the mean smooths"
    assert (np.diff(found.steps) > 0).all()


def test_a_short_curve_stays_as_it_is():
    short = Series(np.arange(3), np.zeros(3), np.ones(3), np.ones(3))
    assert thin(short, 60) is short


def test_curves_are_means_of_seeds_with_their_range(tmp_path):
    curves = curves_of(cells_of(read_sweep(study(tmp_path, ENDS))))
    reward = curves.series["held_out/reward"][0]
    assert [reward.steps.tolist(), reward.low.tolist(), reward.mean.tolist(), reward.high.tolist()] == [
        [0, 4],
        [0.0, 1.0],
        [0.0, 2.0],
        [0.0, 3.0],
    ]
    assert curves.series["objective/score"][0].steps.tolist() == [1, 3], "not where a seed has NaN"
    number, mean = curves.data["metrics"]["objective/score"][0]
    assert (curves.data["steps"][number], mean) == ([1, 3], [0.1, 0.3]), "no band where all seeds are equal"
    assert curves.note == "", "nothing was thinned"


def test_many_long_curves_are_thinned_more_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("sweeps.page.series.NUMBERS", 0)
    policy = add_artifact(tmp_path / "long", {"objective/score": {step: 0.0 for step in range(100)}})
    job = SweepJob("j", (), "finished", artifacts={"ppo": policy})
    curves = curves_of([Cell({}, (job,), ({},))])
    assert len(curves.series["objective/score"][0].steps) == 60
    assert "more than 60 steps (here up to 100) are thinned" in curves.note


# --- cells ---------------------------------------------------------------------------------------


def test_every_cell_against_every_baseline(tmp_path):
    cells = cells_of(read_sweep(study(tmp_path, ENDS)))
    found = differences(cells, ["held_out/reward", "held_out/none"])
    assert found[0][1] == ["▲ +1.000 ± 0.000", ""]
    assert found[1][0] == ["▼ -1.000 ± 0.000", ""]
    assert found[0][0] == [], "of itself"


def test_a_difference_of_one_pair_is_not_told_apart(tmp_path):
    cells = cells_of(read_sweep(study(tmp_path, ENDS, failed={("b", 1)})))
    assert differences(cells, ["held_out/reward"])[0][1] == ["≈ +1.000, n = 1"]


def test_settings_that_differ_are_neither_seeds_nor_names(tmp_path):
    keys, rows = differing(cells_of(read_sweep(study(tmp_path, ENDS))))
    assert keys == ["principles.name", "principles.include"]
    assert rows == [["a", "['Concise']"], ["b", "[]"]]


def test_28_cells_look_different():
    assert len({tuple(cell_style(place).items()) for place in range(28)}) == 28


# --- axes ----------------------------------------------------------------------------------------


def cells_with(key, *values, path=None):
    config = arm_config("x", 0) | ({"model": {"path": path}} if path else {})
    from omegaconf import OmegaConf

    job = SweepJob("j", (), NOT_STARTED, config=OmegaConf.create(config))
    return [Cell({key: value}, (job,), ({},)) for value in values]


def test_numbers_stand_where_they_are():
    (axis,) = swept_axes(cells_with("ppo.kl.coefficient", "0.3", "0.01"))
    assert (axis.values, axis.places, axis.log, axis.ordinal) == (("0.01", "0.3"), (0.01, 0.3), True, False)
    (layers,) = swept_axes(cells_with("reward.layers", "6", "12"))
    assert (layers.places, layers.log) == ((6.0, 12.0), False)


def test_names_stand_in_the_order_of_the_sweep():
    (axis,) = swept_axes(cells_with("principles", "paper", "honest"))
    assert (axis.values, axis.places, axis.ordinal) == (("paper", "honest"), (0.0, 1.0), True)


def test_models_stand_by_their_parameters():
    small, large = (
        cells_with("model", "small", path="random:tiny"),
        cells_with("model", "a", path="wheel:smollm2-135m-instruct"),
    )
    (axis,) = swept_axes([*large, *small])
    assert axis.values == ("small", "a") and axis.log
    assert axis.labels[1] == "a (135M)"
    (unknown,) = swept_axes([*small, *cells_with("model", "b", path="/nowhere")])
    assert unknown.ordinal


# --- samples -------------------------------------------------------------------------------------


def test_responses_of_every_cell_to_the_same_prompts(tmp_path):
    sweep = study(tmp_path, ENDS, failed={("b", 0)}, responses={0: {"Why?": "begin"}, 4: {"Why?": "end", "How?": "so"}})
    samples = samples_of(cells_of(read_sweep(sweep)))
    assert list(samples.answers) == [BEFORE, "a", "b"]
    assert samples.prompts == ["Why?", "How?"]
    assert samples.answers[BEFORE] == {0: samples.answers[BEFORE][0]}, "one prompt was kept before training"
    assert samples.answers["b"][1].response == "so b1", "of the first finished seed"
    assert samples.label("b") == "b (seed 1)"


# --- the whole page ------------------------------------------------------------------------------


def downloads(page):
    return {
        name: base64.b64decode(data).decode()
        for name, data in re.findall(r'<a download="([^"]+)" href="data:[^,]+;base64,([^"]+)"', page)
    }


def test_what_can_be_downloaded_is_what_the_report_wrote(tmp_path):
    sweep = study(tmp_path, ENDS, failed={("b", 1)})
    write_report(sweep, settings_of(sweep), last=False)
    found = downloads(html_of(study_page(sweep)))
    assert found == {name: (sweep / name).read_text(encoding="utf-8") for name in ("report.csv", "report.tex")}


def test_the_figures_are_those_of_the_report(tmp_path):
    sweep = study(tmp_path, ENDS, failed={("a", 1)})
    page = html_of(study_page(sweep))
    tex = (downloads(page)["report.tex"]).replace(r"$\pm$", "±")
    values = re.findall(r'<span class="value">([^<]*)</span>', page)
    assert values == ["1.000, n = 1", "2.000, n = 1", "3.000 ± 12.706", "6.000 ± 25.412"]
    assert all(value in tex for value in values)
    assert "The finished seeds differ: 0 (a); 0, 1 (b)." in page
    assert "3 of 4 jobs finished" in page
    assert "has the highest mean" not in page, "each is rewarded by its own principles"


def test_the_page_says_which_cell_is_highest(tmp_path):
    sweep = make_sweep(tmp_path / "sweep", {"ppo.kl.coefficient": [0.1, 0.3], "ppo.seed": [0]}, ["+sweeps=mine"])
    for kl in (0.1, 0.3):
        policy = add_artifact(tmp_path / f"kl{kl}", {"held_out/reward": {0: 0.0, 4: kl}})
        add_job(
            sweep,
            f"kl{kl}",
            [f"ppo.kl.coefficient={kl}", "ppo.seed=0", "+sweeps=mine"],
            arm_config("paper", 0),
            ppo=policy,
        )
    said = "reward: 0.3 has the highest mean; not told apart, since one of the two has n = 1, from 0.1."
    assert said in html_of(study_page(sweep))


def test_what_failed_is_shown_with_its_error_as_text(tmp_path):
    sweep = study(tmp_path, ENDS, failed={("b", 1)}, responses={4: {f"Why? {EVIL}": EVIL}})
    page = html_of(study_page(sweep))
    assert f'<th scope="row">b1</th>\n<td>failed</td>\n<td>{html.escape(f"NaN at step 3 {EVIL}")}' in page.replace(
        "&#34;", "&quot;"
    )
    assert "<img" not in page and "<script>alert" not in page
    (data,) = re.findall(r'<script type="application/json" id="study">(.*?)</script>', page)
    samples = json.loads(data)["samples"]
    assert samples["prompts"] == [f"Why? {EVIL}"] and samples["answers"]["a"]["0"]["response"] == f"{EVIL} a0"


def test_a_study_of_which_nothing_finished_has_a_page(tmp_path):
    page = html_of(study_page(study(tmp_path, ENDS, failed=set(ENDS))))
    assert "0 of 4 jobs finished" in page and "No finished cell recorded its responses." in page


def test_a_study_without_seeds_says_so(tmp_path):
    page = study_page(study(tmp_path, {("a", 0): 1.0, ("b", 0): 2.0}))
    assert any("every cell is one run (n = 1)" in notice for notice in page.notices)


def test_a_report_of_its_own_kind_is_on_the_page(tmp_path):
    page = html_of(study_page(study(tmp_path, ENDS, kind="controllability")))
    assert "The report of this kind of experiment (controllability), as text" in page


def test_a_folder_without_a_job_is_refused(tmp_path):
    sweep = make_sweep(tmp_path / "sweep", {"principles": ["glob(*)"]})
    assert STUDY.takes(sweep) and not STUDY.takes(tmp_path)
    with pytest.raises(SalmonError, match="no job of this multirun has begun"):
        study_page(sweep)
