"""The store: one artifact a fingerprint, whole or not at all, whoever dies or fills the disk."""

import errno
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from salmon.config.run import OnDamage
from salmon.errors import SalmonError
from salmon.runtime import digests
from salmon.runtime import store as store_module
from salmon.runtime.artifact import sealed
from salmon.runtime.files import file_digest
from salmon.runtime.store import Artifact, Store, open_artifact

FP = "0123456789abcdef"


def make(store: Store, fp: str = FP, text: str = "weights") -> Artifact:
    work = store.work_dir("sft", fp)
    (work / "policy").mkdir(exist_ok=True)
    (work / "policy" / "adapter.bin").write_text(text)
    (work / "metrics.jsonl").write_text("{}\n")
    return store.commit("sft", fp, {"metrics": {"sft/loss": 1.5}, "checkpoints": {"sft": "policy"}, "config": {"a": 1}})


def test_a_finished_artifact_is_found_with_its_manifest(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "store")
    assert store.get("sft", FP) is None
    made = make(store)
    found = store.get("sft", FP)
    assert found == made == Artifact("sft", FP, tmp_path / "deep" / "store" / "sft" / FP)
    assert found.name == f"sft-{FP}"
    assert found.metrics == {"sft/loss": 1.5}
    assert found.checkpoints == {"sft": found.path / "policy"}
    assert found.manifest["config"] == {"a": 1}
    assert found.manifest["stage"] == "sft"
    assert found.manifest["fingerprint"] == FP
    assert sorted(found.manifest["files"]) == ["metrics.jsonl", "policy/adapter.bin"]
    # printf weights | sha256sum
    assert found.manifest["files"]["policy/adapter.bin"].startswith("9a129038d9a00aed")
    assert found.manifest["created"].endswith("+00:00")
    assert not (tmp_path / "deep/store/sft" / f"{FP}.partial").exists()
    assert store.get("sft", "f" * 16) is None
    assert store.get("ppo", FP) is None


def test_metrics_and_checkpoints_may_be_absent(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.work_dir("preferences", FP)
    artifact = store.commit("preferences", FP, {})
    assert artifact.metrics == artifact.checkpoints == artifact.steps == {}
    artifact.verify()


def test_a_checkpoint_that_was_not_written_is_a_bug(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.work_dir("sft", FP)
    with pytest.raises(ValueError, match="checkpoint 'sft' of sft: .*policy does not exist"):
        store.commit("sft", FP, {"checkpoints": {"sft": "policy"}})
    assert store.get("sft", FP) is None


def test_unfinished_work_is_kept_and_is_no_artifact(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (store.work_dir("sft", FP) / "step_3").write_text("state")
    (store.work_dir("sft", FP) / "manifest.json").write_text("{}")  # killed between the manifest and the rename
    assert store.get("sft", FP) is None
    assert (store.work_dir("sft", FP) / "step_3").read_text() == "state"
    (store.work_dir("sft", FP) / "step_3").unlink()
    assert make(store).manifest["fingerprint"] == FP


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (lambda path: (path / "policy/adapter.bin").write_text("weightz"), "policy/adapter.bin was changed"),
        (lambda path: (path / "policy/adapter.bin").unlink(), "policy/adapter.bin is missing"),
        (lambda path: (path / "policy/extra").touch(), "policy/extra was added"),
    ],
)
def test_verify_catches_what_was_changed_afterwards(tmp_path: Path, tamper, says: str) -> None:
    artifact = make(Store(tmp_path))
    artifact.verify()
    tamper(artifact.path)
    with pytest.raises(SalmonError, match=says) as caught:
        artifact.verify()
    assert f"salmon store repair {artifact.path}" in str(caught.value)


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])


def test_a_manifest_has_no_number_that_json_lacks() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        sealed({"metrics": {"loss": float("nan")}})


def reseal(path: Path, **changes: object) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(sealed({**manifest, **changes})))


DAMAGES = {
    "one byte of the weights": (lambda path: flip(path / "policy/adapter.bin"), "policy/adapter.bin was changed"),
    "half of a file": (lambda path: (path / "metrics.jsonl").write_text("{"), "metrics.jsonl was changed"),
    "no weights": (lambda path: (path / "policy/adapter.bin").unlink(), "policy/adapter.bin is missing"),
    "a folder in their place": (
        lambda path: ((path / "policy/adapter.bin").unlink(), (path / "policy/adapter.bin").mkdir()),
        "policy/adapter.bin is missing",
    ),
    "a figure in the manifest": (
        lambda path: (path / "manifest.json").write_text(
            (path / "manifest.json").read_text().replace('"sft/loss": 1.5', '"sft/loss": 1.4')
        ),
        "manifest.json was changed",
    ),
    "another stage's": (lambda path: reseal(path, stage="reward"), f"its manifest.json is of reward-{FP}"),
    "another fingerprint's": (lambda path: reseal(path, fingerprint="f" * 16), "its manifest.json is of sft-ffff"),
    "no manifest": (lambda path: (path / "manifest.json").unlink(), "salmon store repair"),
    "an empty manifest": (
        lambda path: (path / "manifest.json").write_text(""),
        "salmon store repair",
    ),
    "a list": (lambda path: (path / "manifest.json").write_text("[1]"), "must be an object with keys"),
    "deep": (lambda path: (path / "manifest.json").write_text("[" * 100_000), "salmon store repair"),
    "files as a list": (lambda path: reseal(path, files=["a"]), "files is"),
    "a file outside": (lambda path: reseal(path, files={"../x": "0"}), "does not lie in the folder"),
    "a file without a hash": (lambda path: reseal(path, files={"x": None}), "files"),
    "a metric as text": (lambda path: reseal(path, metrics={"sft/loss": "1"}), "sft/loss is"),
    "a step as text": (lambda path: reseal(path, steps={"sft": "1"}), "steps.sft is"),
    "a stage as number": (lambda path: reseal(path, stage=1), "stage is 1"),
}


@pytest.mark.parametrize(("damage", "says"), DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_artifact_is_not_used_and_can_be_made_again(tmp_path: Path, caplog, damage, says: str) -> None:
    artifact = make(Store(tmp_path))
    damage(artifact.path)
    for _ in range(2):
        with pytest.raises(SalmonError, match=says) as caught:
            Store(tmp_path).get("sft", FP)
        assert str(artifact.path) in str(caught.value)

    again = Store(tmp_path, OnDamage.remake)
    assert again.get("sft", FP) is None and artifact.path.exists(), "it is moved by who holds the lock"
    with again.lock("sft", FP):
        made = make(again)
    assert again.get("sft", FP) == made
    assert says.split()[0] in caplog.text and (tmp_path / "sft" / f"{FP}.damaged_1").is_dir()


def test_one_file_can_be_checked_alone(tmp_path: Path) -> None:
    artifact = make(Store(tmp_path))
    flip(artifact.path / "policy/adapter.bin")
    assert artifact.file("metrics.jsonl") == artifact.path / "metrics.jsonl"
    with pytest.raises(SalmonError, match=r"policy/adapter\.bin was changed"):
        artifact.file("policy/adapter.bin")
    (artifact.path / "new").touch()
    with pytest.raises(SalmonError, match="new is not one of its files"):
        artifact.file("new")


def test_a_file_is_read_once_while_it_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(digests, "file_digest", lambda path: (read.append(path.name), file_digest(path))[1])
    artifact = make(Store(tmp_path))
    for path in (weights := artifact.path / "policy/adapter.bin", artifact.path / "metrics.jsonl"):
        os.utime(path, (1e9, 1e9))
    monkeypatch.setattr(digests, "SETTLED_S", -1.0)  # a moment later
    artifact.check()
    artifact.check()
    assert sorted(read) == ["adapter.bin", "metrics.jsonl"]
    weights.write_text("weightz")
    os.utime(weights, (1e9, 1e9))  # of the same size and time
    with pytest.raises(SalmonError, match=r"adapter\.bin was changed"):
        artifact.check()


def test_what_a_stage_leaves_under_a_name_with_a_dot_is_no_part_of_its_artifact(tmp_path: Path) -> None:
    store = Store(tmp_path)
    work = store.work_dir("sft", FP)
    for name in (".state/state.pt", ".rows-x1/cache/a.lock", "deep/.rows.jsonl.7.tmp", "deep/rows.jsonl"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(name)
    artifact = store.commit("sft", FP, {})
    assert sorted(path.relative_to(artifact.path).as_posix() for path in artifact.path.rglob("*")) == [
        "deep",
        "deep/rows.jsonl",
        "manifest.json",
    ]
    artifact.verify()


@pytest.mark.parametrize("call", ["rename", "rmtree"])
def test_the_state_is_there_until_the_artifact_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """A kill just before the rename, and one just after it."""
    store = Store(tmp_path)
    work = store.work_dir("sft", FP)
    (work / ".state").mkdir()
    (work / ".state/state.pt").touch()

    def killed(*arguments: object, **keywords: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(store_module.os if call == "rename" else store_module.shutil, call, killed)
        store.commit("sft", FP, {})
    if call == "rename":
        assert (work / ".state/state.pt").exists() and store.get("sft", FP) is None
        store.commit("sft", FP, {})
    artifact = store.get("sft", FP)
    assert artifact is not None and [path.name for path in artifact.path.iterdir()] == ["manifest.json"]


def test_a_moved_artifact_opens_and_other_folders_do_not(tmp_path: Path) -> None:
    artifact = make(Store(tmp_path / "store"))
    moved = Path(shutil.move(artifact.path, tmp_path / "elsewhere"))
    assert open_artifact(moved).checkpoints == {"sft": moved / "policy"}
    open_artifact(moved).check()
    with pytest.raises(SalmonError, match="not an artifact"):
        open_artifact(tmp_path)
    (moved / "manifest.json").write_text("{")
    with pytest.raises(SalmonError, match="damaged"):
        open_artifact(moved)
    (moved / "manifest.json").write_text('{"stage": "sft"}')
    with pytest.raises(SalmonError, match="manifest.json: fingerprint is missing"):
        open_artifact(moved)


def test_a_damaged_artifact_is_reported_before_the_work_is_done_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (make(store).path / "manifest.json").unlink()
    with pytest.raises(SalmonError, match="salmon store repair"):
        store.get("sft", FP)


def test_where_the_lock_failed_the_first_finished_artifact_stays(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = make(store, text="first")
    again = make(store, text="second")
    assert again == first
    assert (again.path / "policy/adapter.bin").read_text() == "first"
    again.verify()
    assert not (tmp_path / "sft" / f"{FP}.partial").exists()


# --- storage that fails ------------------------------------------------------------------------


def test_a_root_that_is_not_writable_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file" / "store")
    assert store.get("sft", FP) is None
    with pytest.raises(SalmonError, match="cannot be written.*paths.store") as caught:
        store.work_dir("sft", FP)
    assert str(store.root) in str(caught.value)
    with pytest.raises(SalmonError, match="cannot be written"), store.lock("sft", FP):
        pass


@pytest.mark.parametrize("call", ["fsync", "rename", "replace"])
def test_a_full_disk_while_finishing_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    store = Store(tmp_path)
    finished = make(store, fp="f" * 16)

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(SalmonError, match="disk is full"):
            make(store, text="precious")
    assert store.get("sft", FP) is None
    finished.verify()
    assert (store.work_dir("sft", FP) / "policy/adapter.bin").read_text() == "precious"
    after = make(store, text="precious")  # space was freed
    after.verify()


# --- several processes -------------------------------------------------------------------------

WORKER = """
import logging, os, subprocess, sys, time
from pathlib import Path
from salmon.runtime.store import Store
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
root, mode = Path(sys.argv[1]), sys.argv[2]
store, fp = Store(root), "0123456789abcdef"
with store.lock("sft", fp):
    if store.get("sft", fp) is None:
        work = store.work_dir("sft", fp)
        with (root / "makers").open("a") as makers:
            makers.write(f"{os.getpid()}\\n")
        (work / "rows").write_text("first half\\n")
        if mode == "hang":
            subprocess.Popen(["sleep", "8"])  # like W&B's service: outlives us, must not hold the lock
            print("working", flush=True)
            time.sleep(60)
        time.sleep(0.3)
        with (work / "rows").open("a") as rows:
            rows.write("second half\\n")
        store.commit("sft", fp, {})
print((store.get("sft", fp).path / "rows").read_text(), flush=True)
"""


def worker(root: Path, mode: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WORKER, str(root), mode], stdout=subprocess.PIPE, text=True)


def test_processes_that_race_make_it_once_and_all_get_it(tmp_path: Path) -> None:
    racers = [worker(tmp_path, "make") for _ in range(3)]
    outputs = [racer.communicate(timeout=30)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert all(output.endswith("first half\nsecond half\n\n") for output in outputs)
    assert len((tmp_path / "makers").read_text().split()) == 1
    assert sum("waiting for another process that makes sft" in output for output in outputs) >= 1
    artifact = Store(tmp_path).get("sft", FP)
    assert artifact is not None
    artifact.verify()


def test_a_killed_maker_leaves_its_work_and_no_lock(tmp_path: Path) -> None:
    maker = worker(tmp_path, "hang")
    assert maker.stdout is not None
    assert maker.stdout.readline() == "working\n"
    waiter = worker(tmp_path, "make")
    assert waiter.stdout is not None
    assert waiter.stdout.readline() == f"waiting for another process that makes sft {FP}\n"
    maker.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    maker.wait(timeout=5)

    store = Store(tmp_path)
    # Before the waiter finishes it is no artifact, though half of the work is there.
    rows = store.root / "sft" / f"{FP}.partial" / "rows"
    assert rows.exists() or store.get("sft", FP) is not None
    output, _ = waiter.communicate(timeout=10)
    assert time.monotonic() - killed < 5
    assert waiter.returncode == 0
    assert output == "first half\nsecond half\n\n"
    assert len((tmp_path / "makers").read_text().split()) == 2
    maker.stdout.close()


def test_the_next_try_after_a_kill_sees_the_partial_work(tmp_path: Path) -> None:
    maker = worker(tmp_path, "hang")
    assert maker.stdout is not None
    maker.stdout.readline()
    maker.kill()
    maker.wait(timeout=5)
    store = Store(tmp_path)
    with store.lock("sft", FP):
        assert store.get("sft", FP) is None
        assert (store.work_dir("sft", FP) / "rows").read_text() == "first half\n"
    maker.stdout.close()


def test_a_free_lock_is_taken_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path)
    with caplog.at_level(logging.INFO, logger="salmon"):
        for _ in range(2):  # and it is free again afterwards, also after an error
            with pytest.raises(ZeroDivisionError), store.lock("sft", FP):
                raise ZeroDivisionError
        with store.lock("sft", "f" * 16), store.lock("sft", FP):  # other artifacts are not blocked
            pass
    assert caplog.messages == []


COMMITTER = """
import sys, time
from pathlib import Path
from salmon.runtime.store import Store
store, fp = Store(Path(sys.argv[1])), "0123456789abcdef"
with store.lock("sft", fp):
    work = store.work_dir("sft", fp)
    (work / "parts").mkdir(exist_ok=True)
    for index in range(80):
        (work / "parts" / str(index)).write_text(f"part {index}")
    print("committing", flush=True)
    store.commit("sft", fp, {"checkpoints": {"sft": "parts"}})
    print("done", flush=True)
    time.sleep(30)
"""


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.3])
def test_a_kill_at_any_moment_of_the_commit_leaves_all_or_nothing(tmp_path: Path, delay: float) -> None:
    process = subprocess.Popen([sys.executable, "-c", COMMITTER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "committing\n"
    time.sleep(delay)
    process.kill()
    process.wait(timeout=5)
    process.stdout.close()
    store = Store(tmp_path)
    artifact = store.get("sft", FP)
    if artifact is None:
        with store.lock("sft", FP):
            assert len(list((store.work_dir("sft", FP) / "parts").iterdir())) == 80
            artifact = store.commit("sft", FP, {"checkpoints": {"sft": "parts"}})
    artifact.verify()
    assert len(artifact.manifest["files"]) == 80


def test_what_a_kill_left_half_written_is_in_no_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    work = store.work_dir("sft", FP)
    (work / "part").write_text("whole")

    def killed(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:  # as SIGKILL would: nobody cleans up
        patch.setattr("salmon.runtime.files.os.replace", killed)
        patch.setattr("salmon.runtime.files.Path.unlink", lambda path, missing_ok=False: None)
        with pytest.raises(KeyboardInterrupt):
            store.commit("sft", FP, {})
    assert len(list(work.iterdir())) == 2, "the half-written manifest is there"
    artifact = store.commit("sft", FP, {})
    artifact.verify()
    assert sorted(path.name for path in artifact.path.iterdir()) == ["manifest.json", "part"]


def test_the_order_of_commit_is_manifest_then_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the moment of the rename everything is in place; a mutant that renames first would fail here."""
    seen = []
    rename = os.rename

    def watch(source: Path, target: Path) -> None:
        seen.append(json.loads((Path(source) / "manifest.json").read_text())["files"])
        rename(source, target)

    monkeypatch.setattr(store_module.os, "rename", watch)
    artifact = make(Store(tmp_path))
    assert seen == [artifact.manifest["files"]]
