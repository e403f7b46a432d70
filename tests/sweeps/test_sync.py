"""Real offline runs, uploaded by W&B's own command to a stand-in for its server."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from salmon.config.run import SweepStage, TrackingConfig, WandbMode
from salmon.runtime.store import Artifact, Store
from salmon.tracking.run_description import RunDescription
from salmon.tracking.tracker import start_tracking
from sweeps import sync
from tests.tracking.wandb_server import KEY, WandbServer

pytestmark = pytest.mark.slow

OFFLINE = TrackingConfig(WandbMode.offline, "proj", None, [], 2, SweepStage.ppo)


def write_run(root: Path, stage: str, inputs: dict[str, Artifact], step: int, made: Artifact | None) -> str:
    work = root / f"{stage}-work"
    work.mkdir(exist_ok=True)
    with start_tracking(
        OFFLINE, RunDescription(stage, work, {}, "g", f"the-{stage}", [], inputs), root / "job"
    ) as tracker:
        tracker.log(step, {"optim/lr": 1.0})
        if made:
            tracker.output(made.name, made.path)
    return str(tracker.run_id)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """SFT, interrupted and continued, and PPO, which uses its artifact but whose folder says that it is older."""
    root = tmp_path_factory.mktemp("offline")
    store = Store(root / "store")
    (store.work_dir("sft", "a" * 16) / "adapter.bin").write_text("weights")
    made = store.commit("sft", "a" * 16, {})
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("WANDB_DATA_DIR", str(root / "job/wandb/data"))
        ids = {"sft": write_run(root, "sft", {}, 1, None)}
        assert write_run(root, "sft", {}, 2, made) == ids["sft"]
        ids["ppo"] = write_run(root, "ppo", {"sft": made}, 1, None)
    (ppo,) = (root / "job/wandb").glob(f"offline-run-*-{ids['ppo']}")
    ppo.rename(ppo.with_name(f"offline-run-20200101_000000-{ids['ppo']}"))
    return root, ids


@pytest.fixture
def unsynced(runs: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, str]]:
    for mark in runs[0].rglob("*.synced"):
        mark.unlink()
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    return runs


@pytest.fixture(scope="module")
def parts(runs: tuple[Path, dict[str, str]]) -> list[sync.OfflinePart]:
    return sync.in_order(sync.find_parts([runs[0], runs[0] / "job"]))


@pytest.fixture
def stand_in(tmp_path: Path) -> Callable[[str], tuple[list[str], Path]]:
    """A command in W&B's place that notes what it is asked for, marks it, and fails for one id."""

    def make(fails: str) -> tuple[list[str], Path]:
        calls, script = tmp_path / "calls.txt", tmp_path / "wandb.py"
        script.write_text(
            "import sys\nfrom pathlib import Path\nfolder = Path(sys.argv[2])\n"
            f"print(*sys.argv[1:], file=open({str(calls)!r}, 'a'))\n"
            f"if folder.name.endswith({fails!r}):\n    print('wandb: it broke')\nelse:\n"
            "    [file.with_suffix('.wandb.synced').touch() for file in folder.glob('*.wandb')]\n"
        )
        return [sys.executable, str(script)], calls

    return make


def test_makers_come_first_and_the_parts_of_a_run_in_their_order(
    runs: tuple[Path, dict[str, str]], parts: list[sync.OfflinePart]
) -> None:
    ids = runs[1]
    assert [(part.run_id, part.name) for part in parts] == [
        (ids["sft"], "the-sft"),
        (ids["sft"], "the-sft"),
        (ids["ppo"], "the-ppo"),
    ]
    assert parts[0].folder.name < parts[1].folder.name
    assert (parts[0].made, parts[1].made, parts[2].used) == (set(), {"sft-" + "a" * 16}, {"sft-" + "a" * 16})
    assert parts[2].folder.name < parts[0].folder.name, "by time alone it would be the first"


def test_runs_that_use_each_others_artifacts_end(tmp_path: Path) -> None:
    names = (frozenset({"x"}), frozenset({"y"}))
    parts = [
        sync.OfflinePart(tmp_path / "1", "a", "", names[0], names[1]),
        sync.OfflinePart(tmp_path / "2", "b", "", names[1], names[0]),
    ]
    assert sorted(part.run_id for part in sync.in_order(parts)) == ["a", "b"]


def test_a_failed_run_does_not_stop_the_others_and_a_second_time_takes_up_what_is_left(
    unsynced: tuple[Path, dict[str, str]],
    parts: list[sync.OfflinePart],
    stand_in: Callable[[str], tuple[list[str], Path]],
) -> None:
    command, calls = stand_in(unsynced[1]["sft"])
    failed = sync.sync(parts, command)
    assert failed == {parts[0].folder: "it broke", parts[1].folder: "an earlier part of the run failed"}
    assert calls.read_text().splitlines() == [f"sync {parts[0].folder}", f"sync {parts[2].folder}"]
    calls.unlink()
    command, calls = stand_in("none")
    assert sync.sync(parts, command) == {}
    assert calls.read_text().splitlines() == [f"sync {part.folder}" for part in parts[:2]]


def test_wandbs_own_command_uploads_them(
    unsynced: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To a stand-in: no account was at hand."""
    root, ids = unsynced
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with WandbServer() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setattr(sync, "require_login", lambda: None)  # W&B's session of this process is another's
        sync.main([str(root)])
        assert "3 of 3 parts of runs are uploaded" in capsys.readouterr().out
        steps = [row["sft/step"] for row in server.history(ids["sft"])]
        assert steps == [1, 2]
        entered = [variables["name"] for variables in server.operations("UpsertBucket")]
        assert list(dict.fromkeys(entered)) == [ids["sft"], ids["ppo"]]
        assert len(server.operations("UseArtifact")) == 1
        before = len(server.requests)
        sync.main([str(root)])
        assert len(server.requests) == before, "nothing twice"


def test_a_server_that_refuses_is_told_at_the_end(
    unsynced: tuple[Path, dict[str, str]], parts: list[sync.OfflinePart], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, ids = unsynced
    for part in parts[:2]:
        (part.folder / f"run-{part.run_id}.wandb.synced").touch()
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with WandbServer(refused={ids["ppo"]}) as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setattr(sync, "require_login", lambda: None)
        with pytest.raises(SystemExit, match=f"not uploaded:\n.*{ids['ppo']}: ") as stopped:
            sync.main([str(root)])
    assert ids["sft"] not in str(stopped.value)


def test_a_dry_run_shows_the_order_and_needs_no_login(
    unsynced: tuple[Path, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    root = unsynced[0]
    sync.main(["--dry-run", str(root)])
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["the-sft", "the-sft", "the-ppo"]
    assert not list(root.rglob("*.synced"))


def test_without_a_login_or_a_folder_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    wandb.teardown()
    with pytest.raises(SystemExit, match="salmon: W&B has no login here.*wandb login"):
        sync.main([str(tmp_path)])
    with pytest.raises(SystemExit, match="salmon: .*nowhere: no such folder"):
        sync.main([str(tmp_path / "nowhere")])
    wandb.teardown()
