"""Every planned job is there, in its order, with what became of it."""

import json
import math

import pytest

from salmon.errors import SalmonError
from salmon.runtime.files import file_digest
from sweeps.arms import group_by_arm
from sweeps.collect import planned_overrides, read_sweep
from sweeps.curves import Curve, read_curve, read_table
from sweeps.settings import read_settings
from tests.sweeps.sweep_folders import add_artifact, add_job, arm_config, make_sweep

AXES = {"principles": ["concise", "blank"], "ppo.seed": [0, 1]}


@pytest.fixture
def sweep(tmp_path):
    """Four jobs planned: one finished, one failed, one killed, one never started."""
    folder = make_sweep(tmp_path / "sweep", AXES, ["+experiment=x"], kind="controllability")
    ppo = add_artifact(tmp_path / "ppo", {"held_out/length": {0: 10.0, 5: 12.0}})
    add_job(
        folder,
        "0_a",
        ["principles=concise", "ppo.seed=0", "+experiment=x"],
        arm_config("concise", 0, ["Concise"]),
        ppo=ppo,
        eval_of_ppo=ppo,
    )
    add_job(
        folder,
        "10_d",
        ["principles=blank", "ppo.seed=1", "+experiment=x"],
        arm_config("blank", 1, rl=None),
        {"state": "running", "stage": "ppo", "error": None},
    )
    add_job(
        folder,
        "1_b",
        ["principles=concise", "ppo.seed=1", "+experiment=x"],
        arm_config("concise", 1),
        {"state": "failed", "stage": "ppo", "error": "NaN"},
    )
    return folder


def test_jobs_keep_their_plan_and_their_errors(sweep):
    jobs = read_sweep(sweep)
    assert [(job.name, job.state, job.error) for job in jobs] == [
        ("0_a", "finished", None),
        ("1_b", "failed", "NaN"),
        ("principles=blank ppo.seed=0 +experiment=x", "not started", None),
        ("10_d", "running", None),
    ]
    assert set(jobs[0].artifacts) == {"ppo", "eval of ppo"}


def test_a_job_without_status_has_begun(sweep):
    (sweep / "1_b" / "status.json").unlink()
    assert read_sweep(sweep)[1].state == "running"


def test_config_values(sweep):
    job = read_sweep(sweep)[0]
    assert job.value("ppo.seed") == 0
    assert job.value("principles.include") == ["Concise"]
    assert job.value("hydra.runtime.choices.ppo") == "laptop"
    assert job.value("no.such.key") is None


def test_interpolations_are_resolved(tmp_path):
    folder = make_sweep(tmp_path / "sweep", {"seed": [3]}, kind="ablations")
    add_job(folder, "0", ["seed=3"], {"seed": 3, "ppo": {"seed": "${seed}"}, "cache": "${oc.env:NOT_THERE}"})
    assert read_sweep(folder)[0].value("ppo.seed") == 3


def test_an_artifact_that_was_deleted_is_an_error(sweep, tmp_path):
    (tmp_path / "ppo").rename(tmp_path / "elsewhere")
    job = read_sweep(sweep)[0]
    assert (job.state, str(tmp_path / "ppo") in str(job.error)) == ("failed", True)


def test_figures_of_a_changed_artifact_are_not_shown(sweep, tmp_path):
    record = tmp_path / "ppo" / "metrics.jsonl"
    files = {"metrics.jsonl": file_digest(record)}
    manifest = {"stage": "ppo", "fingerprint": "f", "files": files, "metrics": {}, "checkpoints": {}}
    (tmp_path / "ppo" / "manifest.json").write_text(json.dumps(manifest))
    assert read_sweep(sweep)[0].state == "finished"
    record.write_text(record.read_text().replace("12.0", "99.0"))
    job = read_sweep(sweep)[0]
    assert (job.state, "metrics.jsonl was changed" in str(job.error)) == ("failed", True)


def test_other_folders_and_damaged_files_are_said(sweep, tmp_path):
    with pytest.raises(SalmonError, match="multirun.yaml"):
        read_sweep(tmp_path)
    (sweep / "0_a" / "status.json").write_text('{"state": "fin')
    with pytest.raises(SalmonError, match="0_a/status.json, line 1: not valid JSON .* It was damaged"):
        read_sweep(sweep)


def test_the_plan_is_hydras_grid(tmp_path):
    from omegaconf import OmegaConf

    plan = OmegaConf.create(
        {"hydra": {"sweeper": {"params": {"a": "x,y", "b": "range(0,2)"}}, "overrides": {"task": ["+c=1", "b=5"]}}}
    )
    assert planned_overrides(plan) == [("a=x", "b=5", "+c=1"), ("a=y", "b=5", "+c=1")], "the command line replaces"
    pattern = OmegaConf.create({"hydra": {"sweeper": {"params": {"a": "glob(*)"}}, "overrides": {"task": []}}})
    assert planned_overrides(pattern) == []


def test_curve(tmp_path):
    artifact = add_artifact(
        tmp_path / "a",
        {"m": {0: 1.0, 10: 4.0, 5: 2.0}, "late": {1: 1.0, 2: 2.0}, "nan": {0: 1.0, 3: None}, "once": {0: 1.0}},
    )
    assert read_curve(artifact, "m") == Curve({0: 1.0, 5: 2.0, 10: 4.0})
    curve = read_curve(artifact, "m")
    assert (curve.start, curve.end, curve.change) == (1, 4, 3)
    assert (read_curve(artifact, "late").start, read_curve(artifact, "late").change) == (None, None)
    assert math.isnan(read_curve(artifact, "nan").change), "a diverged end is not replaced by an earlier value"
    assert read_curve(artifact, "once").change is None
    assert read_curve(artifact, "absent") == Curve({})
    assert read_curve(tmp_path, "m").end is None


def test_tables_by_step_not_by_name(tmp_path):
    artifact = add_artifact(tmp_path / "a", {}, {5: {"p": "five"}, 10: {"p": "ten\u2028more"}, 0: {"p": "zero"}})
    assert [read_table(artifact, "responses", last)[0]["response"] for last in (False, True)] == [
        "zero",
        "ten\u2028more",
    ]
    assert read_table(artifact, "other", last=True) == []


def test_arms(sweep):
    arms = group_by_arm(read_sweep(sweep), read_settings({"kind": "controllability"}))
    assert [(arm.name, arm.asked, arm.seeds, list(arm.jobs)) for arm in arms] == [
        ("concise", ("Concise",), "1 of 2", [0, 1]),
        ("blank", (), "0 of 1", [1]),
    ]


def test_two_jobs_of_one_arm_and_seed_are_not_mixed(sweep, tmp_path):
    add_job(
        sweep,
        "9",
        ["principles=concise", "ppo.seed=0", "+x=1"],
        arm_config("concise", 0),
        {"state": "failed", "stage": None, "error": "x"},
    )
    with pytest.raises(SalmonError, match="0_a and 9 are both arm 'concise' with ppo.seed=0"):
        group_by_arm(read_sweep(sweep), read_settings({"kind": "controllability"}))


def test_several_keys_name_an_arm(sweep):
    arms = group_by_arm(read_sweep(sweep), read_settings({"kind": "ablations", "arm": ["principles.name", "seed"]}))
    assert [arm.name for arm in arms] == ["concise, 7", "blank, 7"]
    with pytest.raises(SalmonError, match="no.key"):
        group_by_arm(read_sweep(sweep), read_settings({"kind": "ablations", "arm": "no.key"}))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "controlability"}, "choose one of"),
        ({"kind": 3}, "choose one of"),
        ({"kind": "ablations", "arms": "name"}, "unknown option arms"),
        ({"kind": "ablations", "samples": "3"}, "samples='3'"),
        ({"kind": "ablations", "checks": [1]}, "checks="),
    ],
)
def test_wrong_options(options, said):
    with pytest.raises(SalmonError, match=said):
        read_settings(options)


def test_the_jobs_are_json(sweep):
    from sweeps.reports.document import jobs_of, json_ready

    assert json.loads(json.dumps(json_ready({"jobs": jobs_of(read_sweep(sweep)), "x": math.nan})))["x"] is None
