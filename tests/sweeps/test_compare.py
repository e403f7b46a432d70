"""``python -m sweeps.compare``: only what differs, in a job's folder and in an artifact's."""

import json

import pytest
import yaml

from sweeps import compare
from tests.sweeps.sweep_folders import add_artifact, add_job, arm_config, make_sweep


def row(out, key):
    line = next(line for line in out.split("\n") if line.startswith(f"| {key} |"))
    return [cell.strip() for cell in line.strip("|").split(" | ")][1:]


@pytest.fixture
def jobs(tmp_path):
    sweep = make_sweep(tmp_path / "sweep", {"principles": ["concise", "blank"]})
    folders = []
    for number, (name, reward) in enumerate([("concise", 1.5), ("blank", 1.0)]):
        ppo = add_artifact(tmp_path / "store" / name, {"held_out/reward": {0: 0.0, 4: reward}})
        config = {**arm_config(name, number), "paths": {"store": f"/{name}"}, "double": "${ppo.seed}"}
        folder = add_job(sweep, name, [f"principles={name}"], config, ppo=ppo)
        (folder / "results.json").write_text(
            json.dumps({"ppo": {"held_out/reward": reward, "objective/updates": 4, "time/total_s": 9.0 * reward}})
        )
        folders.append(folder)
    return folders


def said(capsys, *arguments):
    compare.main([str(argument) for argument in arguments])
    return capsys.readouterr().out


def test_what_differs_is_shown_and_what_agrees_is_not(jobs, capsys):
    out = said(capsys, *jobs)
    assert "| setting | concise | blank |" in out
    assert row(out, "principles.name") == ['"concise"', '"blank"']
    assert row(out, "double") == ["0", "1"], "interpolations are resolved"
    assert row(out, "ppo: held_out/reward") == ["1.5", "1", "-0.5"]
    for same in ("seed |", "objective/updates", "time/total_s", "paths.store"):
        assert f"| {same}" not in out


def test_three_runs_and_a_plot(jobs, tmp_path, capsys):
    third = tmp_path / "sweep" / "third"
    jobs[0].rename(third)
    config = yaml.safe_load((third / ".hydra/config.yaml").read_text())
    (third / ".hydra/config.yaml").write_text(yaml.safe_dump(config | {"extra": {"list": [1, 2]}}))
    add = add_job(tmp_path / "sweep", "again", [], arm_config("blank", 1))
    (add / "results.json").write_text("{}")
    out = said(capsys, third, jobs[1], add, "--plot", tmp_path / "plot")
    assert row(out, "extra.list") == ["[1, 2]", "", ""]
    assert row(out, "ppo: objective/updates") == ["4", "4", "", ""]
    assert (tmp_path / "plot.png").stat().st_size > 0
    svg = (tmp_path / "plot.svg").read_text()
    assert "third" in svg and "blank" in svg and "again" not in svg, "no curve, no name"


def test_artifacts_are_runs_too(tmp_path, capsys):
    for name, rate in (("a", 0.1), ("b", 0.2)):
        folder = add_artifact(tmp_path / name, {"held_out/reward": {0: 0.0}})
        (folder / "manifest.json").write_text(
            json.dumps(
                {
                    "stage": "ppo",
                    "fingerprint": name,
                    "files": {},
                    "metrics": {"held_out/kl": rate},
                    "checkpoints": {},
                    "config": {"ppo": {"optim": {"lr": rate}}},
                }
            )
        )
    out = said(capsys, tmp_path / "a", tmp_path / "b")
    assert row(out, "ppo.optim.lr") == ["0.1", "0.2"] and row(out, "held_out/kl") == ["0.1", "0.2", "+0.1"]


@pytest.mark.parametrize(
    ("given", "said"),
    [(["."], "give two runs"), ([".", "."], "given twice"), (["a", "b"], "a: is neither the folder of a finished job")],
)
def test_bad_input(tmp_path, monkeypatch, given, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=f"salmon: .*{said}"):
        compare.main(given)
