"""Metrics of runs of earlier versions are read under today's names, wherever runs are compared."""

import json

import pytest

from salmon.tracking.glossary import find
from sweeps.compare import read_run
from sweeps.curves import read_curve
from sweeps.renamed_metrics import current_name, current_names
from tests.sweeps.sweep_folders import add_artifact, add_job, make_sweep

RECORDED = {
    "judge/flip_rate": "judge/order_disagreement_rate",
    "judge/No Self-Praise/flip_rate": "judge/No Self-Praise/order_disagreement_rate",
    "judge/and/or/flip_rate": "judge/and/or/order_disagreement_rate",
}
SAME = ("probe/flip_rate", "eval/reward/principle_following/flip_rate", "judge/tie_rate", "held_out/reward")


@pytest.mark.parametrize(("recorded", "today"), RECORDED.items())
def test_a_recorded_name_has_a_name_of_today(recorded, today):
    assert current_name(recorded) == today == current_name(today)
    assert find(today) is not None and find(recorded) is None


@pytest.mark.parametrize("name", SAME)
def test_other_names_stay(name):
    assert current_name(name) == name


def test_values_and_their_order_stay():
    assert list(current_names({"b": 2, "judge/flip_rate": 1, "a": 3}).items()) == [
        ("b", 2),
        ("judge/order_disagreement_rate", 1),
        ("a", 3),
    ]


def test_curves_and_runs_are_read_under_todays_names(tmp_path):
    artifact = add_artifact(tmp_path / "store", {"judge/flip_rate": {0: 0.25}})
    assert read_curve(artifact, "judge/order_disagreement_rate").values == {0: 0.25}
    job = add_job(make_sweep(tmp_path / "sweep", {}), "job", [], {"seed": 0}, preferences=artifact)
    (job / "results.json").write_text(json.dumps({"preferences": {"judge/flip_rate": 0.25}}))
    assert read_run(job, "job").figures == {"preferences: judge/order_disagreement_rate": 0.25}
    manifest = {
        "stage": "preferences",
        "fingerprint": "f",
        "files": {},
        "checkpoints": {},
        "metrics": {"judge/flip_rate": 0.25},
    }
    (artifact / "manifest.json").write_text(json.dumps(manifest))
    assert read_run(artifact, "artifact").figures == {"judge/order_disagreement_rate": 0.25}
