"""The report of any study, on a hand-made grid with known numbers: a failed job and a cell that never began."""

import csv
import io
import json

import pandas as pd
import pytest
from PIL import Image

from sweeps.cells import cells_of
from sweeps.collect import read_sweep
from sweeps.ranking import rewarded_alike
from sweeps.report import main
from sweeps.reports.kinds import REPORTS, settings_of
from sweeps.reports.study import columns, short
from tests.sweeps.sweep_folders import add_artifact, add_job, arm_config, make_sweep

pytestmark = pytest.mark.slow

REWARDS = {
    ("small", "paper", 0): 1.0,
    ("small", "paper", 1): 3.0,
    ("big", "paper", 0): 5.0,
    ("small", "honest", 0): 2.0,
}


def table_row(markdown, *first):
    row = next(line for line in markdown.split("\n") if line.startswith("| " + " | ".join(first) + " |"))
    return [cell.strip() for cell in row.strip("|").split(" | ")][len(first) :]


@pytest.fixture
def sweep(tmp_path):
    """2 models x 2 principle sets x 2 seeds: four jobs finished, one failed, three never began."""
    folder = make_sweep(
        tmp_path / "sweep",
        {"model": ["small", "big"], "principles": ["paper", "honest"], "ppo.seed": [0, 1]},
        ["+sweeps=x"],
    )
    for (model, principles, seed), reward in REWARDS.items():
        ppo = add_artifact(
            tmp_path / "store" / f"{model}{principles}{seed}",
            {
                "held_out/reward": {0: 0.0, 4: reward},
                "held_out/kl": {0: 0.0, 4: 2.0 * reward},
                "held_out/length": {0: 30.0, 4: 20.0},
                "objective/kl": {1: 9.0},
            },
        )
        add_job(
            folder,
            f"{model}-{principles}-{seed}",
            overrides(model, principles, seed),
            arm_config(principles, seed),
            ppo=ppo,
        )
    add_job(
        folder,
        "broken",
        overrides("big", "paper", 1),
        arm_config("paper", 1),
        {"state": "failed", "stage": "ppo", "error": "NaN at\nstep 3"},
    )
    return folder


def overrides(model, principles, seed):
    return [f"model={model}", f"principles={principles}", f"ppo.seed={seed}", "+sweeps=x"]


def test_cells_are_the_grid_without_its_seeds(sweep):
    cells = cells_of(read_sweep(sweep))
    assert [(cell.name, cell.seeds) for cell in cells] == [
        ("small, paper", "2 of 2"),
        ("small, honest", "1 of 2"),
        ("big, paper", "1 of 2"),
        ("big, honest", "0 of 2"),
    ]
    assert list(cells[0].axes) == ["model", "principles"], "what all jobs share is no axis, nor is the seed"
    assert {name: one.value for name, one in cells[0].figures[1].items()} == {
        "held_out/reward": 3.0,
        "held_out/kl": 6.0,
        "held_out/length": 20.0,
    }


def test_means_have_intervals_and_missing_cells_are_missing(sweep):
    made = REPORTS["study"](read_sweep(sweep), settings_of(sweep))
    # 1 and 3: mean 2, t(1) = 12.706, deviation sqrt(2) / sqrt(2)
    assert table_row(made.summary, "small", "paper") == ["2 of 2", "2.000 ± 12.706", "4.000 ± 25.412", "20.000 ± 0.000"]
    assert table_row(made.summary, "small", "honest") == ["1 of 2", "2.000, n = 1", "4.000, n = 1", "20.000, n = 1"]
    assert table_row(made.summary, "big", "honest") == ["0 of 2", "n/a", "n/a", "n/a"]
    assert "The finished seeds differ: 0, 1 (small, paper); 0 (small, honest; big, paper); none (big, honest)" in (
        made.summary
    )
    assert (
        "reward: big, paper has the highest mean; not told apart, since one of the two has n = 1, from small, paper."
        in made.summary
    )
    assert "from small, honest" not in made.summary, "rewarded by other principles"
    assert "kl: " not in made.summary, "more of it is not better"
    assert "Jobs: 4 of 8 finished." in made.summary and "| broken | failed | NaN at step 3 |" in made.summary


def test_rewards_are_compared_where_principles_and_reward_model_are_the_same(tmp_path):
    folder = make_sweep(tmp_path / "sweep", {"x": ["a", "b", "c", "d", "e"], "ppo.seed": [0, 1]})
    models = [("a", 0, "one"), ("a", 1, "two"), ("b", 0, "one"), ("c", 0, "three"), ("d", 0, "one"), ("e", 0, "one")]
    for cell, seed, model in models:
        path = tmp_path / f"{cell}{seed}"
        ppo = add_artifact(path, {"held_out/reward": {0: 0.0, 4: float("abcde".index(cell))}})
        reward = tmp_path / model
        reward.mkdir(exist_ok=True)
        config = arm_config("other" if cell == "d" else "paper", seed)
        if cell == "e":
            config["ppo"]["shaping"] = {"scale": 10.0}
        add_job(folder, path.name, [f"x={cell}", f"ppo.seed={seed}"], config, ppo=ppo, reward=reward)
    cells = cells_of(read_sweep(folder))
    assert [[cell.name for cell in group] for group in rewarded_alike(cells)] == [["a", "b"], ["c"], ["d"], ["e"]]
    said = REPORTS["study"](read_sweep(folder), settings_of(folder)).summary
    assert "reward: b has the highest mean; not told apart, since one of the two has n = 1, from a." in said
    assert said.count("has the highest mean") == 1


def test_the_files_can_be_read_elsewhere(sweep, capsys):
    main([str(sweep)])
    assert "Jobs: 4 of 8 finished." in capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO((sweep / "report.csv").read_text())))
    assert len(rows) == 8 and [row["state"] for row in rows].count("not started") == 3
    assert [row["held_out/reward"] for row in rows if row["job"] == "small-paper-1"] == ["3.0"]
    assert [row["held_out/reward"] for row in rows if row["job"] == "broken"] == [""], "missing is empty, not 0"
    tex = (sweep / "report.tex").read_text()
    assert tex.startswith("\\begin{tabular}") and "2.000 $\\pm$ 12.706" in tex and "ppo.seed" not in tex
    saved = json.loads((sweep / "report.json").read_text())
    assert saved["cells"][3] == {
        "axes": {"model": "big", "principles": "honest"},
        "seeds": "0 of 2",
        "figures": {
            name: {"mean": None, "half_width": None, "n": 0}
            for name in ("held_out/reward", "held_out/kl", "held_out/length")
        },
    }
    report = (sweep / "report.md").read_text()
    for name in ("report", "report_frontier", "report_heat_map", "report_scaling"):
        assert f"]({name}.png)" in report and (sweep / f"{name}.svg").stat().st_size > 0
        with Image.open(sweep / f"{name}.png") as picture:
            assert len(picture.convert("L").getcolors()) > 8, "something is drawn"
    pictures = {name: (sweep / f"report_{name}.svg").read_text(encoding="utf-8") for name in ("scaling", "heat_map")}
    assert "paper (n = 1 at big)" in pictures["scaling"] and "honest (n = 1 at small)" in pictures["scaling"]
    assert "n = 1" in pictures["heat_map"]


def test_the_layers_of_the_reward_model_are_a_size_too(tmp_path):
    folder = make_sweep(tmp_path / "sweep", {"reward.layers": [12, 18], "ppo.seed": [0, 1]})
    for layers in (12, 18):
        for seed in (0, 1):
            ppo = add_artifact(tmp_path / f"{layers}{seed}", {"held_out/reward": {0: 0.0, 4: layers + seed}})
            words = [f"reward.layers={layers}", f"ppo.seed={seed}"]
            add_job(folder, f"{layers}{seed}", words, arm_config("x", seed), ppo=ppo)
    made = REPORTS["study"](read_sweep(folder), settings_of(folder))
    (picture,) = made.pictures["scaling"](tmp_path / "scaling")[1:]
    text = picture.read_text(encoding="utf-8")
    assert "By reward.layers" in text and "n = 1" not in text


def test_without_a_finished_job_there_is_a_report_all_the_same(tmp_path):
    sweep = make_sweep(tmp_path / "sweep", {"principles": ["a", "b"]})
    made = REPORTS["study"](read_sweep(sweep), settings_of(sweep))
    made.write(sweep)
    assert "Jobs: 0 of 2 finished." in (sweep / "report.md").read_text()


def test_headline_figures_get_a_column_and_details_do_not():
    names = [
        "job",
        "held_out/kl",
        "held_out/check/Formal",
        "held_out/reward",
        "held_out/violations/Formal",
        "eval/ppo-best/truthfulqa_mc1/acc",
        "eval/ppo-last/truthfulqa_mc1/acc",
        "eval/ppo-best/mt_bench/n_failed",
        "eval/reward/principle_following/flip_rate",
        "eval/reward/principle_following/flip_rate/Formal",
    ]
    found = columns(pd.DataFrame(columns=names))
    assert found == [
        "held_out/reward",
        "held_out/kl",
        "held_out/check/Formal",
        "eval/ppo-best/truthfulqa_mc1/acc",
        "eval/reward/principle_following/flip_rate",
    ]
    assert short(found[-1]) == "reward/flip_rate"
