"""A job's page in a real browser, without a network. What the page says is tested elsewhere, without one."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from salmon.view.command import write_page
from salmon.view.job import settings
from tests.view.job_folders import EVIL, make_ppo_job

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no browser here: install chromium to run it"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "default_config", lambda: {})
        return write_page(make_ppo_job(tmp_path_factory.mktemp("page")))


def opened(page: Path, folder: Path, choice: str = "", *options: str) -> tuple[str, str]:
    """The document after its scripts have run, and what the browser's console said."""
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            "--window-size=1280,6000",
            "--virtual-time-budget=8000",
            f"--user-data-dir={folder}",
            *options,
            "--dump-dom",
            f"{page.as_uri()}{choice}",
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, "\n".join(console)


def test_it_opens_without_errors_and_draws_every_chart(page: Path, tmp_path: Path) -> None:
    document, console = opened(page, tmp_path)
    assert console == ""
    charts = document.count('<figure class="chart')
    assert charts >= 6
    assert len(re.findall(r'class="plot[^"]*js-plotly-plot', document)) == charts
    assert "updates" in re.findall(r'class="xtitle"[^>]*>([^<]*)<', document)


def test_a_link_keeps_the_choice_of_the_axis(page: Path, tmp_path: Path) -> None:
    document, console = opened(page, tmp_path, "#x=kl")
    titles = re.findall(r'class="xtitle"[^>]*>([^<]*)<', document)
    assert console == "" and "KL from the reference, nats/response" in titles and "updates" not in titles
    assert "steps" in titles, "a chart without this axis has its first one"


def test_what_a_model_wrote_is_text(page: Path, tmp_path: Path) -> None:
    document, _ = opened(page, tmp_path)
    shown = re.sub("</?mark[^>]*>", "", document)
    assert EVIL.replace("<", "&lt;").replace(">", "&gt;") in shown
    assert "<script>alert" not in document


def test_dark_mode_colours_the_charts(page: Path, tmp_path: Path) -> None:
    light, _ = opened(page, tmp_path / "light")
    dark, console = opened(page, tmp_path / "dark", "", "--blink-settings=preferredColorScheme=0")
    assert console == ""
    assert "rgb(27, 27, 27)" in light and "rgb(232, 232, 232)" in dark
