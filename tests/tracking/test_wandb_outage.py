"""W&B online, and its server going away: training goes on, the end does not wait for ever, nothing is lost."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from salmon.config.run import SweepStage, TrackingConfig, WandbMode
from salmon.errors import SalmonError
from salmon.runtime.store import Artifact, Store
from salmon.tracking import wandb_run
from salmon.tracking.run_description import RunDescription
from salmon.tracking.tracker import Tracker, read_metrics, start_tracking
from tests.tracking.offline_runs import read_back
from tests.tracking.wandb_server import KEY, WandbServer

pytestmark = pytest.mark.slow

ONLINE = TrackingConfig(
    wandb=WandbMode.online, project="proj", group=None, tags=[], sample_rows=2, sweep_stage=SweepStage.ppo
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WandbServer]:
    """A server that W&B's session of this process talks to, and a session of its own for the test."""
    import wandb

    wandb.teardown()
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setattr(wandb_run, "RETRIES", {"x_graphql_retry_max": 1, "x_graphql_retry_wait_max_seconds": 1.0})
    with WandbServer() as running:
        monkeypatch.setenv("WANDB_BASE_URL", running.url)
        yield running
    wandb.teardown()


def start(tmp_path: Path, inputs: dict[str, Artifact]) -> Tracker:
    work = tmp_path / "work"
    work.mkdir()
    return start_tracking(
        ONLINE, RunDescription("ppo", work, {"a": {"b": 1}}, "group", "name", ["tag"], inputs), tmp_path / "logs"
    )


def made(tmp_path: Path) -> Artifact:
    store = Store(tmp_path / "store")
    (store.work_dir("reward", "a" * 16) / "head.safetensors").write_text("weights")
    return store.commit("reward", "a" * 16, {})


def test_online_everything_arrives_and_nothing_says_where_things_lie(server: WandbServer, tmp_path: Path) -> None:
    with start(tmp_path, {"reward": made(tmp_path)}) as tracker:
        tracker.log(1, {"objective/kl": 0.5})
        tracker.table("responses", ["text"], [["hello"]], 1)
        tracker.summary({"held_out/reward_best": 2.5})
        tracker.output("ppo-" + "b" * 16, made(tmp_path).path)
    assert [row["objective/kl"] for row in server.history(str(tracker.run_id)) if "objective/kl" in row] == [0.5]
    created = [variables["input"]["artifactCollectionName"] for variables in server.operations("CreateArtifact")]
    assert {"reward-" + "a" * 16, "ppo-" + "b" * 16} <= set(created)
    assert len(server.operations("UseArtifact")) == 1
    first = server.operations("UpsertBucket")[0]
    assert (first["name"], first["project"], first["jobType"]) == (tracker.run_id, "proj", "ppo")
    assert first["program"] == "salmon", "not the script's path, whichever way the tests were started"
    sent = b"".join(request.body for request in server.requests)
    sent = re.sub(rb'"local_path":"[^"]*"', b"", sent)  # W&B's own: where it keeps a table that waits for its upload
    assert b"weights" not in sent and KEY.encode() not in sent
    for path in (str(tmp_path), sys.prefix, os.getcwd()):
        assert path.encode() not in sent, path


def test_an_outage_in_the_middle(
    server: WandbServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_run, "FINISH_SECONDS", 3.0)
    tracker = start(tmp_path, {})
    tracker.log(1, {"objective/kl": 0.1})
    server.stop()
    began = time.monotonic()
    for step in range(2, 30):
        tracker.log(step, {"objective/kl": 0.1 * step})
    assert time.monotonic() - began < 60, "training does not wait"
    tracker.output("ppo-" + "b" * 16, made(tmp_path).path)
    tracker.summary({"held_out/reward_best": 2.5})
    tracker.finish(0)
    assert time.monotonic() - began < 120, "the end does not hang"

    (run_dir,) = (tmp_path / "logs/wandb").glob(f"run-*-{tracker.run_id}")
    assert f"wandb sync --include-online {run_dir}" in caplog.text
    (found,) = read_back([run_dir])
    assert [row["ppo/step"] for row in found.history] == list(range(1, 30))
    assert found.summary["held_out/reward_best"] == 2.5
    assert found.all("artifact") and found.all("exit")[0]["exit_code"] == 0
    assert [row["step"] for row in read_metrics(tmp_path / "work/metrics.jsonl")] == list(range(1, 30))

    with WandbServer() as again:  # the command that the log gives
        command = [sys.executable, "-m", "wandb", "sync", "--include-online", str(run_dir)]
        done = subprocess.run(
            command,
            env=os.environ | {"WANDB_BASE_URL": again.url},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        steps = [row["ppo/step"] for row in again.history(str(tracker.run_id))]
        assert steps == list(range(1, 30)), done.stderr


def test_no_server_from_the_start_means_offline(
    server: WandbServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_run, "START_SECONDS", 4.0)
    server.stop()
    with start(tmp_path, {"reward": made(tmp_path)}) as tracker:
        tracker.log(1, {"objective/kl": 0.5})
    (run_dir,) = (tmp_path / "logs/wandb").glob(f"offline-run-*-{tracker.run_id}")
    warnings = [record.getMessage() for record in caplog.records if record.name == "salmon"]
    assert len(warnings) == 2 and "does not answer" in warnings[0] and f"wandb sync {run_dir}" in warnings[1]
    (found,) = read_back([run_dir])
    assert [row["objective/kl"] for row in found.history] == [0.5]
    assert found.all("artifact")[0]["use_after_commit"] is True


def test_a_login_that_is_refused_stops_the_job(server: WandbServer, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(server, "take", lambda path, body: (401, {"errors": [{"message": "no such user"}]}))
    with pytest.raises(SalmonError, match="W&B refused.*wandb login"):
        start(tmp_path, {})


def test_the_stand_in_can_tell_a_path(tmp_path: Path) -> None:
    """The check above can fail: what is sent is kept as it came."""
    with WandbServer() as server:
        server.take("/upload", json.dumps({"root": str(tmp_path)}).encode())
        assert str(tmp_path).encode() in server.requests[0].body
