"""Offline W&B runs, read back from the files that W&B left, with W&B's own reader."""

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from salmon.config.run import SweepStage, TrackingConfig, WandbMode
from salmon.errors import SalmonError
from salmon.runtime.store import Store
from salmon.tracking.glossary import families
from salmon.tracking.metrics_file import read_metrics
from salmon.tracking.run_description import RunDescription
from salmon.tracking.tracker import Tracker, start_tracking
from tests.tracking.offline_runs import read_back

pytestmark = pytest.mark.slow

OFFLINE = TrackingConfig(
    wandb=WandbMode.offline, project="proj", group=None, tags=[], sample_rows=2, sweep_stage=SweepStage.ppo
)


def start(tmp_path: Path, work: Path, stage: str = "ppo", **options: Any) -> Tracker:
    work.mkdir(parents=True, exist_ok=True)
    given: dict[str, Any] = {
        "config": {},
        "group": "study",
        "tags": ["tiny", "salmon14"],
        "name": f"{stage}-tiny",
        "inputs": {},
    }
    return start_tracking(OFFLINE, RunDescription(stage, work, **given | options), tmp_path / "logs")


def run_dirs(tmp_path: Path, run_id: str | None) -> list[Path]:
    return sorted((tmp_path / "logs" / "wandb").glob(f"offline-run-*-{run_id}*"))


@pytest.fixture(autouse=True)
def fresh_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any WANDB_* variable."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_DATA_DIR", "")  # so that what the tracker sets is undone after the test
    monkeypatch.delenv("WANDB_DATA_DIR")


@pytest.mark.parametrize("damage", [b"", b"\0\0\0", b"\xff\xfe/x"], ids=["empty", "zeros", "not text"])
def test_a_damaged_id_is_replaced(tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (work := tmp_path / "work").mkdir()
    (work / "wandb_run_id").write_bytes(damage)
    with start(tmp_path, work) as tracker:
        assert tracker.run_id == (work / "wandb_run_id").read_text() and len(tracker.run_id) == 12
    assert f"{work}/wandb_run_id is damaged" in caplog.text


def test_a_run_leaves_everything_in_its_offline_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "store")
    (store.work_dir("reward", "a" * 16) / "head.safetensors").write_text("weights")
    reward = store.commit("reward", "a" * 16, {})
    work = tmp_path / "work"
    config = {"ppo": {"optim": {"lr": 2e-5}, "names": ["a", "b"], "target_kl": None}, "seed": 1}
    with start(tmp_path, work, config=config, inputs={"reward": reward}) as tracker:
        tracker.log(3, {"objective/kl": 0.25, "policy/loss": float("nan"), "principle/Honest/score": 1.5})
        tracker.table("samples", ["prompt", "score"], [["hello", 1.5], ["bye", None]], 3)
        picture = tmp_path / "picture.png"
        Image.new("RGB", (3, 2)).save(picture)
        tracker.image("matrix", picture, 3)
        tracker.log(2, {"objective/kl": 0.125})  # a lower step, as after a resume, is not dropped
        tracker.summary({"held_out/score": 2.5})
        made = tmp_path / "artifact"
        made.mkdir()
        (made / "adapter.bin").write_text("abc")
        tracker.output("ppo-" + "b" * 16, made, {"score": 2.5})
        run_id = tracker.run_id
    assert capfd.readouterr() == ("", "")  # the terminal belongs to the progress lines

    (run_dir,) = run_dirs(tmp_path, run_id)
    (found,) = read_back([run_dir])
    (run,) = found.all("run")
    assert run["run_id"] == run_id == (work / "wandb_run_id").read_text()
    assert (run["project"], run["run_group"], run["job_type"]) == ("proj", "study", "ppo")
    assert (run["display_name"], run["tags"]) == ("ppo-tiny", ["tiny", "salmon14"])
    sent = {key: value for key, value in run["config"]["update"].items() if key != "_wandb"}
    assert sent == config | {"inputs": {"reward": "a" * 16}}

    # Metrics on the stage's own axis, which every family of the glossary has.
    axes = {metric["glob_name"]: metric["step_metric"] for metric in found.all("metric") if "glob_name" in metric}
    assert axes == {f"{family}/*": "ppo/step" for family in families("ppo")}
    kl = [(row["ppo/step"], row["objective/kl"]) for row in found.history if "objective/kl" in row]
    assert kl == [(3, 0.25), (2, 0.125)]
    assert found.history[0]["principle/Honest/score"] == 1.5
    assert found.history[0]["policy/loss"] == "NaN"
    assert found.summary["held_out/score"] == 2.5

    # The sample table, with its rows.
    (table,) = [row for row in found.history if "samples/samples.path" in row]
    assert (table["samples/samples.nrows"], table["ppo/step"]) == (2, 3)
    rows = json.loads((run_dir / "files" / table["samples/samples.path"]).read_text())
    assert (rows["columns"], rows["data"]) == (["prompt", "score"], [["hello", 1.5], ["bye", None]])

    # The picture, copied into the run.
    (image,) = [row for row in found.history if "samples/matrix.path" in row]
    assert (image["samples/matrix.width"], image["samples/matrix.height"], image["ppo/step"]) == (3, 2, 3)
    assert (run_dir / "files" / image["samples/matrix.path"]).read_bytes() == picture.read_bytes()

    # Lineage: what was used and what was made, by reference.
    by_name = {artifact["name"]: artifact for artifact in found.all("artifact")}
    used, output = by_name["reward-" + "a" * 16], by_name["ppo-" + "b" * 16]
    assert used["use_after_commit"] is True
    assert used["type"] == "reward"
    assert "use_after_commit" not in output
    assert json.loads(output["metadata"]) == {"score": 2.5}
    (entry,) = output["manifest"]["contents"]
    assert (entry["path"], entry["ref"]) == ("adapter.bin", f"salmon://ppo-{'b' * 16}/adapter.bin")
    assert entry["digest"] == base64.b64encode(hashlib.md5(b"abc").digest()).decode()
    assert "local_path" not in entry  # nothing was copied for an upload

    # Waiting uploads lie beside the run, not in the home folder.
    staged = [e["local_path"] for a in found.all("artifact") for e in a["manifest"]["contents"] if "local_path" in e]
    assert staged
    assert all(path.startswith(str(tmp_path / "logs")) for path in staged)

    (end,) = found.all("exit")
    assert end["exit_code"] == 0


def test_two_runs_in_one_process_even_if_the_first_was_left_open(tmp_path: Path) -> None:
    first = start(tmp_path, tmp_path / "first", stage="sft", config={"which": 1})
    first.log(1, {"sft/loss": 1.0})
    second = start(tmp_path, tmp_path / "second", stage="reward", config={"which": 2})
    second.log(1, {"reward/loss": 2.0})
    first.log(2, {"sft/loss": 0.5})
    second.finish(0)
    first.finish(0)
    assert first.run_id != second.run_id
    folders = run_dirs(tmp_path, first.run_id) + run_dirs(tmp_path, second.run_id)
    found_first, found_second = read_back(folders)
    for found, which, metric, values in (
        (found_first, 1, "sft/loss", [1.0, 0.5]),
        (found_second, 2, "reward/loss", [2.0]),
    ):
        assert found.all("run")[0]["config"]["update"]["which"] == which
        assert [row[metric] for row in found.history] == values


def test_a_resumed_stage_keeps_its_id_and_a_failure_its_exit_code(tmp_path: Path) -> None:
    work = tmp_path / "work"
    with pytest.raises(KeyboardInterrupt), start(tmp_path, work) as tracker:
        tracker.log(1, {"objective/kl": 0.1})
        tracker.log(2, {"objective/kl": 0.2})
        raise KeyboardInterrupt
    first_id = tracker.run_id
    with start(tmp_path, work) as tracker:
        tracker.rewind(1)
        tracker.log(2, {"objective/kl": 0.2})
        tracker.log(3, {"objective/kl": 0.3})
    tracker.finish(5)  # too late: says nothing
    assert tracker.run_id == first_id
    interrupted, resumed = read_back(run_dirs(tmp_path, first_id))
    assert [run["run_id"] for found in (interrupted, resumed) for run in found.all("run")] == [first_id] * 2
    assert [found.all("exit")[0]["exit_code"] for found in (interrupted, resumed)] == [1, 0]
    assert [row["ppo/step"] for found in (interrupted, resumed) for row in found.history] == [1, 2, 2, 3]
    assert [row["step"] for row in read_metrics(work / "metrics.jsonl")] == [1, 2, 3]


def test_an_artifact_has_one_identity_as_output_and_as_input(tmp_path: Path) -> None:
    """Equal name, type and digest: so W&B draws one node between the two runs, wherever the second ran."""
    store = Store(tmp_path / "store")
    with start(tmp_path, store.work_dir("sft", "c" * 16), stage="sft") as maker:
        (store.work_dir("sft", "c" * 16) / "adapter.bin").write_text("weights")
        artifact = store.commit("sft", "c" * 16, {})
        maker.output(artifact.name, artifact.path, artifact.metrics)
    with start(tmp_path, tmp_path / "next", inputs={"sft": artifact}) as user:
        pass
    identity = [
        (found["name"], found["type"], found["digest"])
        for run in read_back(run_dirs(tmp_path, maker.run_id) + run_dirs(tmp_path, user.run_id))
        for found in run.all("artifact")
    ]
    assert identity[0][:2] == ("sft-" + "c" * 16, "sft")
    assert identity[0] == identity[1]
    artifact.verify()  # tracking wrote nothing into the finished artifact


SERVICE_DIES = """
import logging, sys
from pathlib import Path
import psutil
from salmon.config.run import SweepStage, TrackingConfig, WandbMode
from salmon.tracking.run_description import RunDescription
from salmon.tracking.tracker import read_metrics, start_tracking
logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
work = Path(sys.argv[1])
tracking = TrackingConfig(wandb=WandbMode.offline, project="p", group=None, tags=[], sample_rows=2,
                         sweep_stage=SweepStage.ppo)
with start_tracking(tracking, RunDescription("sft", work, {}, "g", "n"), work / "logs") as tracker:
    for child in psutil.Process().children(recursive=True):
        child.kill()
    psutil.wait_procs(psutil.Process().children(), timeout=5)
    for step in range(1, 4):
        tracker.log(step, {"sft/loss": float(step)})
print([row["step"] for row in read_metrics(work / "metrics.jsonl")])
"""


def test_the_stage_survives_the_death_of_wandbs_service(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVICE_DIES, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    warnings = [line for line in done.stdout.splitlines() if line.startswith("W&B stopped working")]
    assert len(warnings) == 1, done.stderr
    assert done.stdout.splitlines()[-1] == "[1, 2, 3]"


def test_a_log_folder_that_is_not_writable_is_named_instead_of_replaced_by_tmp(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    with pytest.raises(SalmonError, match="logs: cannot be written.*paths.wandb"):
        start(tmp_path, tmp_path / "work")


def test_online_without_a_login_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    online = TrackingConfig(
        wandb=WandbMode.online, project="p", group=None, tags=[], sample_rows=2, sweep_stage=SweepStage.ppo
    )
    (tmp_path / "work").mkdir()
    with pytest.raises(SalmonError, match="W&B could not start online.*wandb login.*tracking=offline"):
        start_tracking(online, RunDescription("sft", tmp_path / "work", {}, "g", "n"), tmp_path / "logs")
