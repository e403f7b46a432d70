"""``salmon view``: which page is written where, and what is refused."""

import sys
import webbrowser
from pathlib import Path

import pytest

from salmon.cli import main
from salmon.errors import SalmonError
from salmon.runtime.artifact import open_artifact
from salmon.view.command import newest_run, run_view_command
from salmon.view.job import settings
from tests.view.job_folders import EVIL, make_ppo_job


@pytest.fixture(autouse=True)
def _defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "default_config", lambda: {"seed": 0})


def test_a_job_s_page_lies_in_its_folder(tmp_path: Path) -> None:
    folder = make_ppo_job(tmp_path)
    assert run_view_command([str(folder)]) == str(folder / "page.html")
    text = (folder / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "tiny-test" in text and EVIL not in text


def test_an_artifact_s_page_lies_beside_it_and_leaves_it_whole(tmp_path: Path) -> None:
    make_ppo_job(tmp_path)
    artifact = tmp_path / "store" / "ppo" / ("b" * 16)
    assert run_view_command([str(artifact)]) == f"{artifact}.html"
    open_artifact(artifact).verify()


def test_without_a_folder_it_is_the_run_that_started_last(tmp_path: Path) -> None:
    for name in ("jobs/2026-01-02/09-00-00-a", "jobs/2026-01-01/23-00-00-b", "sweeps/2026-01-02/08-59-59"):
        (tmp_path / name).mkdir(parents=True)
    assert newest_run(tmp_path) == tmp_path / "jobs/2026-01-02/09-00-00-a"
    with pytest.raises(SalmonError, match="no job or sweep in"):
        newest_run(tmp_path / "gone")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gone"], "no option --gone"),
        (["{folder}/gone"], "there is no such folder"),
        (["{folder}"], "has no page: it is not .*a job, an artifact"),
    ],
)
def test_what_has_no_page_is_refused(words: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(SalmonError, match=said):
        run_view_command([word.format(folder=tmp_path) for word in words])


def test_one_bad_folder_keeps_no_other_page_back(tmp_path: Path) -> None:
    folder = make_ppo_job(tmp_path)
    with pytest.raises(SalmonError, match=r"job/page.html\nand not all pages: .*gone: there is no such folder"):
        run_view_command([str(tmp_path / "gone"), str(folder)])
    assert (folder / "page.html").is_file()


@pytest.mark.parametrize("browser", [True, False])
def test_the_browser_is_asked_and_may_be_missing(
    browser: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: bool(asked.append(address)) or browser)
    monkeypatch.setattr(sys, "argv", ["salmon", "view", str(make_ppo_job(tmp_path)), "--open"])
    main()
    page = tmp_path / "job" / "page.html"
    assert asked == [page.as_uri()]
    assert ("no browser" in capsys.readouterr().out) == (not browser)


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    folder = make_ppo_job(tmp_path)
    (folder / "page.html").mkdir()
    with pytest.raises(SalmonError, match="page.html|job"):
        run_view_command([str(folder)])
