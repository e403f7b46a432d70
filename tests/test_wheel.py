"""A wheel of the project, installed apart from any checkout, runs what its user types.

What the project depends on is taken from this environment; CI installs it from the index.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import salmon

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that only the wheel was installed into."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    assert wheel.name == f"salmon_align-{salmon.__version__}-py3-none-any.whl"
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True)
    return folder / "site"


def run(installed: Path, folder: Path, *words: str) -> str:
    """Standard output of ``python -m WORDS`` in ``folder``, with the wheel before everything else."""
    environment = os.environ | {"PYTHONPATH": str(installed)}
    environment.pop("SALMON_ROOT", None)  # of this process
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_says_its_version(installed: Path, tmp_path: Path) -> None:
    assert run(installed, tmp_path, "salmon", "--version") == f"salmon-align {salmon.__version__}\n"


def test_help_shows_the_menu_that_came_with_it(installed: Path, tmp_path: Path) -> None:
    text = run(installed, tmp_path, "salmon", "--help")
    assert str(installed / "salmon" / "conf") in text and "principles_by_size" in text


@pytest.mark.parametrize(
    "words",
    [
        ("salmon", "--cfg", "job"),
        ("salmon", "--cfg", "job", "+experiment=dromedary2_70b"),
        ("salmon", "--cfg", "job", "+experiment=controllability"),
        ("salmon", "--cfg", "job", "+sweeps=kl"),
        ("eval", "--cfg", "job", "checkpoint=base"),
    ],
    ids=" ".join,
)
def test_every_kind_of_command_composes(words: tuple[str, ...], installed: Path, tmp_path: Path) -> None:
    assert "model:" in run(installed, tmp_path, *words)


def test_it_runs_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    run(
        installed,
        tmp_path,
        "salmon",
        "model=tiny",
        "tracking=disabled",
        "stages=[sft,eval]",
        "eval=mini",
        "eval.limit=1",
    )
    (results,) = tmp_path.glob("runs/store/eval/*/results.json")
    assert results.is_file()
    assert len(list(tmp_path.glob("runs/jobs/*/*/page.html"))) == 1, "with the templates that came with it"
