"""Each report on hand-made sweeps with known numbers, a failed job and a missing seed."""

import json

import pytest

from salmon.errors import SalmonError
from sweeps.arms import ArmMetric
from sweeps.collect import read_sweep
from sweeps.curves import Curve
from sweeps.figures import CurvePanel, band, draw_curve_panels
from sweeps.report import main
from sweeps.reports.kinds import REPORTS, settings_of
from sweeps.statistics import Estimate
from sweeps.tables import change_cell
from tests.sweeps.sweep_folders import add_artifact, add_job, arm_config, make_sweep


def report(folder):
    return REPORTS[settings_of(folder).kind](read_sweep(folder), settings_of(folder))


def cells(markdown, first):
    """The cells of the table row that begins with ``first``."""
    row = next(line for line in markdown.split("\n") if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in row.strip("|").split(" | ")]


# --- controllability -----------------------------------------------------------------------------

ENDS = {
    ("concise", 0): (10, 0.9),
    ("concise", 1): (12, 0.8),
    ("comprehensive", 0): (50, 0.2),
    ("comprehensive", 1): (52, 0.1),
    ("blank", 0): (30, 0.5),
    ("blank", 1): (31, 0.5),
}


def steered(tmp_path, ends=ENDS, failed=()):
    """Arms x seeds with (length, check Concise) at the end; both begin at 30 and 0.5."""
    arms = list(dict.fromkeys(arm for arm, _ in ends))
    sweep = make_sweep(
        tmp_path / "sweep",
        {"principles": arms, "ppo.seed": [0, 1]},
        kind="controllability",
        checks=["Concise"],
        samples=1,
    )
    for (arm, seed), (length, concise) in ends.items():
        ppo = add_artifact(
            tmp_path / "store" / f"{arm}{seed}",
            {
                "held_out/length": {0: 30.0, 4: float(length)},
                "held_out/check/Concise": {0: 0.5, 4: concise},
                "held_out/kl": {0: 0.0, 4: 2.0},
                "held_out/score": {0: -1.0, 4: 1.0},
            },
            {0: {"Why?": "begin"}, 4: {"Why?": f"because of {arm} | # x"}},
        )
        include = [arm.capitalize()] if arm != "blank" else []
        status = {"state": "failed", "stage": "ppo", "error": "NaN at\nstep 3"}
        add_job(
            sweep,
            f"{arm}{seed}",
            [f"principles={arm}", f"ppo.seed={seed}"],
            arm_config(arm, seed, include, None if arm == "blank" else "bank"),
            **({"status": status} if (arm, seed) in failed else {"ppo": ppo}),
        )
    return sweep


def test_controllability(tmp_path):
    made = report(steered(tmp_path))
    assert cells(made.summary, "concise")[:3] == ["concise", "2 of 2", "**0.500 → 0.850 (+0.350 ± 0.635)**"]
    assert "30.0 → 11.0 (-19.0 ± 12.7)" in cells(made.summary, "concise")
    assert cells(made.summary, "blank")[2] == "0.500 → 0.500 (+0.000 ± 0.000)", "nothing asked: not bold"
    verdict = made.numbers["verdicts"][0]
    assert (verdict["asked"], verdict["moved"]) == ("Concise", "unclear"), "+0.35 ± 0.64"
    assert verdict["beyond_control"].mean == pytest.approx(0.35)
    assert made.numbers["lengths"]["apart"] is True, "11 ± 12.7 and 51 ± 12.7"
    assert "Jobs: 6 of 6 finished." in made.summary


def test_lengths_in_the_wrong_order_or_too_close_are_not_apart(tmp_path):
    ends = ENDS | {
        ("concise", 0): (50, 0.9),
        ("concise", 1): (52, 0.8),
        ("comprehensive", 0): (10, 0),
        ("comprehensive", 1): (12, 0),
    }
    assert report(steered(tmp_path, ends)).numbers["lengths"]["apart"] is False
    near = ENDS | {("comprehensive", 0): (30, 0), ("comprehensive", 1): (32, 0)}  # 20 tokens, intervals 12.7 each
    (tmp_path / "near").mkdir()
    assert report(steered(tmp_path / "near", near)).numbers["lengths"]["apart"] is False


def test_a_failed_seed_is_named_and_leaves_no_interval(tmp_path):
    made = report(steered(tmp_path, failed={("concise", 1)}))
    assert "Jobs: 5 of 6 finished." in made.summary
    assert cells(made.summary, "concise1") == ["concise1", "failed", "NaN at step 3"]
    assert cells(made.summary, "concise")[1:3] == ["1 of 2", "**0.500 → 0.900 (+0.400, n = 1)**"]
    assert made.numbers["lengths"]["apart"] is None
    assert made.numbers["arms"]["concise"]["metrics"]["held_out/length"]["end"] == Estimate(10.0, None, 1)


def test_arms_without_a_common_seed_are_compared_by_their_means_and_it_is_said(tmp_path):
    made = report(steered(tmp_path, failed={("concise", 1), ("blank", 0)}))
    assert "The finished seeds differ" in made.summary
    (line,) = [line for line in made.summary.splitlines() if line.startswith("| concise | Concise ")]
    assert line.split("|")[4].strip().endswith(", n = 1, unpaired")


def test_a_figure_that_was_measured_at_the_end_only_says_of_how_many_seeds():
    def measured(*ends):
        return ArmMetric("held_out/x", {seed: Curve({4: end}) for seed, end in enumerate(ends)})

    assert change_cell(measured(0.5), 3, seeds=1) == "? → 0.500, n = 1"
    assert change_cell(measured(1.0, 1.0), 1, seeds=2) == "? → 1.0 ± 0.0"


def test_the_picture_calls_a_line_of_one_seed_so(tmp_path):
    one, two = {0: Curve({0: 1.0, 4: 2.0})}, {0: Curve({0: 1.0, 4: 2.0}), 1: Curve({0: 1.5, 4: 2.5})}
    draw_curve_panels(tmp_path / "x", [CurvePanel("length", "tokens", {"short": one, "long": two})], "Title")
    svg = (tmp_path / "x.svg").read_text(encoding="utf-8")
    assert "short, n = 1" in svg and "long" in svg and "long, n = 1" not in svg


def test_an_arm_without_any_result_stays_in_the_table(tmp_path):
    made = report(steered(tmp_path, failed={("blank", 0), ("blank", 1)}))
    assert cells(made.summary, "blank") == ["blank", "0 of 2", *["n/a"] * 5]


def test_samples_cannot_break_the_page(tmp_path):
    text = report(steered(tmp_path)).details[0]
    assert "\n    because of concise | # x\n" in text
    assert text.count("    begin") == 1
    assert text.index("**before training**") < text.index("**concise**") < text.index("**blank**")


def test_files(tmp_path, capsys):
    sweep = steered(tmp_path)
    main([str(sweep)])
    assert "| concise | 2 of 2 |" in capsys.readouterr().out
    assert {"report.md", "report.json", "report.png", "report.svg"} <= {path.name for path in sweep.iterdir()}
    saved = json.loads((sweep / "report.json").read_text())
    length = saved["arms"]["comprehensive"]["metrics"]["held_out/length"]
    assert length["by_seed"] == {"0": {"0": 30.0, "4": 50.0}, "1": {"0": 30.0, "4": 52.0}}
    assert length["change"]["mean"] == 21.0
    svg = (sweep / "report.svg").read_text()
    for shown in ("concise", "blank", "tokens", "PPO updates", "Band: from the lowest to the highest seed."):
        assert shown in svg, shown


def test_the_kind_of_report_is_the_callbacks_and_else_any_studys(tmp_path):
    with pytest.raises(SalmonError, match="multirun.yaml cannot be read"):
        settings_of(tmp_path)
    (tmp_path / "multirun.yaml").write_text("hydra: {callbacks: {sweep: {_target_: x.Y, kind: ablations}}}")
    assert settings_of(tmp_path).kind == "ablations"
    (tmp_path / "multirun.yaml").write_text("hydra: {callbacks: {}}")
    assert settings_of(tmp_path).kind == "study"
    (tmp_path / "multirun.yaml").write_text("hydra: {callbacks: {sweep: {kind: none}}}")
    with pytest.raises(SystemExit, match="salmon: hydra.callbacks.sweep: kind is 'none'; choose one of study"):
        main([str(tmp_path)])


def test_the_band_is_where_every_seed_is():
    seeds = {0: Curve({0: 1.0, 5: 2.0, 10: 9.0}), 1: Curve({0: 3.0, 5: float("nan")}), 2: Curve({0: 5.0, 5: 1.0})}
    assert band(seeds) == [(0, 1.0, 3.0, 5.0)], "not at 5 (NaN), not at 10 (one seed is left)"
    assert band({}) == []


# --- reward hacking ------------------------------------------------------------------------------


def hacked(tmp_path, rates, metric="violations/No Self-Praise"):
    sweep = make_sweep(
        tmp_path / "sweep",
        {"principles": list(rates), "ppo.seed": [0, 1]},
        kind="reward_hacking",
        quality=["held_out/check/Concise"],
    )
    for arm, ends in rates.items():
        for seed, end in enumerate(ends):
            ppo = add_artifact(
                tmp_path / f"{arm}{seed}",
                {
                    f"held_out/{metric}": {0: 0.1, 3: end},
                    metric: {1: 0.1, 2: 0.2, 3: end},
                    "held_out/check/Concise": {0: 0.5, 3: 0.25},
                },
            )
            add_job(sweep, f"{arm}{seed}", [f"principles={arm}", f"ppo.seed={seed}"], arm_config(arm, seed), ppo=ppo)
    return report(sweep)


@pytest.mark.parametrize(("told", "ratio", "said"), [((0.3, 0.5), 0.5, "**yes**"), ((0.4, 0.5), 0.5625, "**no**")])
def test_hack_rate(tmp_path, told, ratio, said):
    made = hacked(tmp_path, {"reward_hacking_plain": (0.7, 0.9), "reward_hacking_told": told})
    assert made.numbers["end"]["ratio"] == pytest.approx(ratio)
    assert said in made.summary
    row = cells(made.summary, "reward_hacking_plain")
    assert row[:4] == ["reward_hacking_plain", "2 of 2", "0.100 → 0.800 (+0.700 ± 1.271)", "0.800 ± 1.271"]
    assert row[-1] == "0.500 → 0.250 (-0.250 ± 0.000)"


def test_no_hacking_is_no_success(tmp_path):
    made = hacked(tmp_path, {"reward_hacking_plain": (0.0, 0.0), "reward_hacking_told": (0.0, 0.0)})
    assert made.numbers["end"]["ratio"] is None
    assert "Nothing hacks" in made.summary
    assert "yes" not in made.summary


def test_an_arm_or_metric_that_is_missing_is_said(tmp_path):
    assert "The ratio takes" in hacked(tmp_path, {"reward_hacking_plain": (0.7, 0.9)}).summary
    (tmp_path / "b").mkdir()
    made = hacked(tmp_path / "b", {"reward_hacking_plain": (0.7, 0.9), "reward_hacking_told": (0.1, 0.1)}, "check/X")
    assert "principles.monitor" in made.summary
    assert made.numbers["end"]["ratio"] is None


# --- ablations -----------------------------------------------------------------------------------


def evaluation(path, **values):
    path.mkdir()
    rows = [
        {"task": "principle_following", "metric": name, "value": value, "low": 0.5, "high": 1.0}
        for name, value in values.items()
    ]
    (path / "results.json").write_text(
        json.dumps({"rows": [*rows, {"task": "bbh", "metric": "flip_rate", "value": 0.0, "low": None, "high": None}]})
    )
    return path


def reward(path, accuracy):
    path.mkdir()
    (path / "manifest.json").write_text(
        json.dumps(
            {
                "stage": "reward",
                "fingerprint": "f",
                "files": {},
                "checkpoints": {},
                "metrics": {"held_out/accuracy": accuracy},
            }
        )
    )
    return path


def test_ablations(tmp_path):
    sweep = make_sweep(
        tmp_path / "sweep", {"name": ["full", "plain", "dpo"], "ppo.seed": [0, 1]}, kind="ablations", arm="name"
    )
    curves = {
        "held_out/check/Concise": {0: 0.5, 3: 0.75},
        "held_out/length": {0: 30.0, 3: 20.0},
        "held_out/kl": {0: 0.0, 3: 2.0},
    }
    policy, shared = add_artifact(tmp_path / "policy", curves), reward(tmp_path / "rm", 0.8125)
    following = evaluation(tmp_path / "pf", accuracy_asserted=0.9, accuracy_negated=0.85, flip_rate=0.8)
    for seed in (0, 1):

        def add(arm, seed=seed, **artifacts):
            add_job(
                sweep,
                f"{arm}{seed}",
                [f"name={arm}", f"ppo.seed={seed}"],
                arm_config(arm, seed, ["Concise"]),
                **artifacts,
            )

        add("full", ppo=policy, reward=shared, eval_of_reward=following)
        add("plain", ppo=policy, reward=reward(tmp_path / f"rm{seed}", 0.5 + seed / 4))
        add("dpo", dpo=policy)
    made = report(sweep)
    effect = [  # two seeds share one policy, so it was measured once
        "Concise 0.500 → 0.750 (+0.250, n = 1)",
        "30.0 → 20.0 (-10.0, n = 1)",
        "0.000 → 2.000 (+2.000, n = 1)",
        "n/a",
    ]
    assert cells(made.summary, "full") == [
        "full",
        "ppo",
        "2 of 2",
        "0.900 [0.500, 1.000], n = 1",
        "0.850 [0.500, 1.000], n = 1",
        "0.800 [0.500, 1.000], n = 1",
        "0.812, n = 1",
        *effect,
    ]
    assert cells(made.summary, "plain")[3:7] == ["", "", "", "0.625 ± 1.588"], "two reward models: their mean"
    assert cells(made.summary, "dpo") == ["dpo", "dpo", "2 of 2", "", "", "", "", *effect]
    assert [list(panel.curves) for panel in made.panels] == [["full", "plain"]] * 3
