"""The paper's tables of a study: means over seeds, and what one run allows to say, from hand-made folders."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from pytest import approx

from eval.provenance import Provenance
from eval.results import Row, write_results
from eval.tables.lines import compare_with_published
from eval.tables.published import load_published
from eval.tables.render import FORMATS, ONE_SEED
from eval.tables.study import is_study, study_figures
from salmon.errors import SalmonError
from salmon.runtime.artifact import sealed
from tests.sweeps.sweep_folders import add_artifact, add_job, make_sweep

HOW = Provenance("lm-eval 0.4.13", "bbh_fewshot", "2.0", 3, False, "27 of 27 tasks", 64, data="hub")
SEED = "ppo.seed"
BBH = {"paper": (0.50, 0.52, 0.57), "honest": (0.40,)}  # of each seed that has finished


def evaluation(folder: Path, checkpoint: str, value: float | None, **facts: object) -> Path:
    row = Row(checkpoint, "bbh_direct", "accuracy", value, 0.01, 6511, "note", provenance=HOW)
    base = {"path": "small", "revision": None}
    known = {
        "model": "smollm2_135m",
        "base": base,
        "seed": 0,
        "settings": {"limit": None},
        "command": "salmon +sweeps=x",
    }
    write_results(folder, [row], known | {"checkpoints": {checkpoint: "c0ffee"}} | facts)
    manifest = {"stage": "eval", "fingerprint": folder.name, "files": {}, "metrics": {}, "checkpoints": {}}
    (folder / "manifest.json").write_text(json.dumps(sealed(manifest)), encoding="utf-8")
    return folder


@pytest.fixture
def study(tmp_path) -> Path:
    """Two principle sets x three seeds, of which one set has one finished job; all share one SFT policy."""
    sweep = make_sweep(tmp_path / "study", {"principles": list(BBH), SEED: [0, 1, 2]})
    store = tmp_path / "store"
    sft = evaluation(store / "eval" / "sft", "sft", 0.30)
    for bank, values in BBH.items():
        for seed in range(3):
            name, words = f"{bank}_{seed}", [f"principles={bank}", f"{SEED}={seed}"]
            if seed >= len(values):
                add_job(sweep, name, words, {}, {"state": "failed", "stage": "ppo", "error": "no memory"})
                continue
            ppo = evaluation(store / "eval" / name, "ppo_best", values[seed], command=f"salmon {name}")
            policy = add_artifact(store / "ppo" / name, {})
            add_job(sweep, name, words, {}, ppo=policy, eval_of_sft=sft, eval_of_ppo=ppo)
    return sweep


def compared(study: Path):
    found = study_figures(study)
    return compare_with_published(load_published(), found.rows, {}, found.notes)


def line_of(comparison, checkpoint: str):
    (line,) = (line for line in comparison.lines if line.checkpoint == checkpoint)
    return line


def test_a_figure_is_the_mean_over_the_seeds_of_a_cell(study):
    line = line_of(compared(study), "ppo_best, paper")
    # mean 53, standard deviation of 50, 52 and 57: sqrt(13); t(0.975, 2) = 4.30265
    assert (line.value, line.seeds, line.over) == (approx(53.0), 3, "3 seeds")
    half = 4.30265 * (13 / 3) ** 0.5
    assert line.interval == approx((53 - half, 53 + half), abs=1e-3)
    assert line.difference == approx(53.0 - 51.4)
    for said in (
        "training seed 0 and 1 and 2",
        "command salmon paper_0 and salmon paper_1",
        "configuration ",
        "c0ffee",
    ):
        assert said in line.origin.text, said
    assert re.search("configuration [0-9a-f]{16}", line.origin.text)


def test_one_seed_is_said_in_words(study):
    comparison = compared(study)
    line = line_of(comparison, "ppo_best, honest")
    assert (line.value, line.seeds, line.over) == (approx(40.0), 1, "items, n = 1 seed")
    assert line.interval == approx((40 - 1.96, 40 + 1.96), abs=1e-3), "that of the benchmark's items"
    for form in ("markdown", "latex"):
        assert ONE_SEED[:40] in FORMATS[form](comparison)


def test_what_cells_share_is_one_measurement(study):
    """One SFT policy is measured once, however many cells and seeds there are."""
    line = line_of(compared(study), "sft")
    assert (line.value, line.seeds, line.model) == (approx(30.0), 1, "Dromedary-2-70b before PPO")


def test_unfinished_jobs_and_unlike_seeds_are_named(study):
    shown = FORMATS["markdown"](compared(study))
    assert "- honest_1: failed, no memory" in shown and "- honest_2: failed, no memory" in shown
    assert "The finished seeds differ: 0, 1, 2 (paper); 0 (honest)" in shown


def test_the_formats_agree_to_the_digit(study):
    comparison = compared(study)
    (ours,) = (
        row for row in csv.DictReader(io.StringIO(FORMATS["csv"](comparison))) if row["checkpoint"] == "ppo_best, paper"
    )
    cells = ours["published"], ours["ours"], ours["difference"], ours["low"], ours["high"], ours["items"], ours["over"]
    assert cells == ("51.4", "53.0", "+1.6", "44.0", "62.0", "6511", "3 seeds")
    number = r"(-?[0-9.]+)"
    for form, end in (("markdown", r" \|"), ("latex", " &")):
        pattern = (
            rf"{number} \[s\]{end} ppo.{{1,2}}best, paper{end} {number} \[P\d\]{end} \+{number}.*?{end} "
            rf"{number} to {number}"
        )
        (found,) = re.findall(pattern, FORMATS[form](comparison))
        assert found == ("51.4", "53.0", "1.6", "44.0", "62.0"), form


def test_benchmarks_of_the_finished_sweep_take_the_place_of_those_of_the_jobs(study, tmp_path):
    for seed in (0, 1):
        folder = evaluation(study / "benchmarks" / f"ppo-paper_{seed}", "ppo_best", 0.6 + 0.1 * seed)
        (folder / "metrics.json").write_text(json.dumps({"eval/ppo_best/bbh_direct/accuracy": 0.6 + 0.1 * seed}))
    comparison = compared(study)
    assert {line.checkpoint for line in comparison.lines if line.checkpoint} == {"ppo_best, paper"}, "not mixed"
    line = line_of(comparison, "ppo_best, paper")
    assert (line.value, line.seeds) == (approx(65.0), 2)


def test_a_policy_that_is_best_and_last_in_all_seeds_is_one_line(study):
    for seed in range(3):
        path = study.parent / "store" / "eval" / f"paper_{seed}" / "results.json"
        content = json.loads(path.read_text())
        content["rows"].append(content["rows"][0] | {"checkpoint": "ppo_last"})
        content["checkpoints"]["ppo_last"] = content["checkpoints"]["ppo_best"]
        path.write_text(json.dumps(content))
    line = line_of(compared(study), "ppo_best and ppo_last, paper")
    assert (line.value, line.seeds) == (approx(53.0), 3)


def test_a_study_without_seeds_says_so(tmp_path):
    sweep = make_sweep(tmp_path / "study", {"principles": list(BBH)})
    for bank in BBH:
        found = evaluation(tmp_path / "store" / "eval" / bank, "ppo_best", 0.5)
        add_job(sweep, bank, [f"principles={bank}"], {}, eval_of_ppo=found)
    shown = FORMATS["markdown"](compared(sweep))
    assert "No seed is swept, so every cell is one run (n = 1)" in shown and "items, n = 1 seed" in shown


def test_studies_without_anything_to_show_are_refused(tmp_path):
    sweep = make_sweep(tmp_path / "study", {"principles": ["paper"]})
    job = add_job(sweep, "paper", ["principles=paper"], {}, {"state": "failed", "stage": "sft", "error": "x"})
    assert is_study(sweep) and not is_study(job)
    with pytest.raises(SalmonError, match=f"no job of this study has finished; python -m sweeps.status {sweep}"):
        study_figures(sweep)
    other = make_sweep(tmp_path / "other", {"principles": ["paper"]})
    add_job(other, "paper", ["principles=paper"], {}, ppo=add_artifact(tmp_path / "store" / "ppo" / "a", {}))
    with pytest.raises(SalmonError, match=f"python -m eval sweep={other}"):
        study_figures(other)
