"""A page in a real browser without a screen: what it has become once its scripts ran, and what the console said."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium or Chrome on this machine")


@dataclass(frozen=True)
class Shown:
    dom: str  # as HTML
    console: list[str]  # warnings and errors


def open_page(file: Path, choices: str = "", dark: bool = False) -> Shown:
    """Open a file without a network and let it run for ten seconds of its own clock.

    Args:
        choices: the part of the address behind ``#``.
    """
    assert BROWSER is not None
    options = [
        "--headless=new",
        "--no-sandbox",  # containers give a browser no namespaces of its own
        "--disable-dev-shm-usage",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--enable-logging=stderr",
        "--virtual-time-budget=10000",
        "--window-size=1250,6000",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
    ]
    address = file.absolute().as_uri() + (f"#{choices}" if choices else "")
    done = subprocess.run(
        [BROWSER, *options, "--dump-dom", address], capture_output=True, encoding="utf-8", errors="replace", check=True
    )
    return Shown(done.stdout, re.findall(r"CONSOLE[^\n]*", done.stderr))
