"""``salmon store``: what it lists, finds damaged, and sets aside."""

import sys
from pathlib import Path

import pytest

from salmon.cli import main
from salmon.errors import SalmonError
from salmon.pipeline.store_command import run_store_command
from salmon.runtime.store import Artifact, Store

ONE, TWO = "0" * 16, "1" * 16


def make(store: Store, stage: str, fingerprint: str, **upstream: str) -> Artifact:
    (store.work_dir(stage, fingerprint) / "rows.jsonl").write_text("{}\n")
    return store.commit(stage, fingerprint, {"upstream": upstream})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    sft = make(store, "sft", ONE)
    make(store, "reward", TWO, sft=sft.name)
    store.work_dir("ppo", "2" * 16)
    with store.lock("sft", ONE):
        pass
    return store


def test_a_whole_store(store: Store) -> None:
    assert run_store_command(["verify", str(store.root)]) == ("2 of 2 artifacts are whole", 0)
    assert run_store_command(["repair", str(store.root)]) == ("2 of 2 artifacts are whole", 0)
    lines = run_store_command(["list", str(store.root)])[0].splitlines()
    assert [line.split()[:2] for line in lines[2:]] == [["reward", TWO], ["sft", ONE]]


@pytest.mark.parametrize("damaged", ["rows.jsonl", "manifest.json"])
@pytest.mark.parametrize("alone", [False, True])
def test_what_was_changed_is_named_and_set_aside(store: Store, damaged: str, alone: bool) -> None:
    path = store.root / "sft" / ONE
    (path / damaged).write_text("[]")
    folder = str(path if alone else store.root)
    text, status = run_store_command(["verify", folder])
    assert status == 1 and str(path) in text and damaged in text
    assert ("1 of 2" in text) != alone
    text, status = run_store_command(["repair", folder])
    assert status == 0 and f"now {ONE}.damaged_1" in text
    assert (f"{store.root}/reward/{TWO} was made from it" in text) != alone
    assert store.get("sft", ONE) is None and (store.root / "sft" / f"{ONE}.damaged_1" / damaged).exists()
    assert run_store_command(["verify", str(store.root)]) == ("1 of 1 artifacts are whole", 0)


@pytest.mark.parametrize("words", [[], ["fix"], ["verify", "a", "b"], ["list", "/nowhere"]])
def test_what_it_does_not_understand(words: list[str]) -> None:
    with pytest.raises(SalmonError, match="salmon store takes one of|no such folder"):
        run_store_command(words)


def test_the_command_line(store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (store.root / "sft" / ONE / "rows.jsonl").unlink()
    monkeypatch.setattr(sys, "argv", ["salmon", "store", "verify", str(store.root)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1 and "rows.jsonl is missing" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["salmon", "store", "--help"])
    main()
    assert "salmon store list|verify|repair" in capsys.readouterr().out
