"""A page in a real browser without a screen: what it has become once its charts are drawn, and its console."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
OPTIONS = [
    "--no-sandbox",  # containers give a browser no namespaces of its own
    "--disable-dev-shm-usage",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
CHARTS_ARE_DRAWN = """() => [...document.querySelectorAll("figure.chart")]
    .filter((figure) => figure.getBoundingClientRect().top < innerHeight)
    .every((figure) => figure.querySelector(".main-svg"))"""

needs_browser = pytest.mark.skipif(
    BROWSER is None or find_spec("playwright") is None, reason="no chromium or Chrome on this machine, or no playwright"
)


ALL_ARE_DRAWN = """() => [...document.querySelectorAll(".plot")].every((plot) => plot.querySelector(".main-svg"))"""
WIDEST = """() => Math.max(...[...document.querySelectorAll(".plot .main-svg, .scroll table")]
    .map((part) => part.getBoundingClientRect().width))"""


@dataclass(frozen=True)
class Shown:
    dom: str  # as HTML
    console: list[str]  # warnings and errors


@contextmanager
def new_page(**settings: Any) -> Iterator[Any]:
    """A page of Playwright in this machine's browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        yield browser.new_page(**settings)
        browser.close()


def open_page(file: Path, choices: str = "", dark: bool = False) -> Shown:
    """Open a file without a network and wait until the charts in its window are drawn.

    Args:
        choices: the part of the address behind ``#``.
    """
    window = {"width": 1250, "height": 6000}
    with new_page(offline=True, viewport=window, color_scheme="dark" if dark else "light") as page:
        console: list[str] = []
        page.on("pageerror", lambda error: console.append(str(error)))
        page.on("console", lambda line: console.append(line.text) if line.type in ("warning", "error") else None)
        page.goto(file.absolute().as_uri() + (f"#{choices}" if choices else ""))
        page.wait_for_function(CHARTS_ARE_DRAWN, timeout=60_000)
        return Shown(page.content(), console)


def printed_and_after(file: Path) -> tuple[float, float, float]:
    """Pixels of the widest chart or table on screen, on paper with every chart drawn, and on screen again."""
    with new_page(offline=True, viewport={"width": 1250, "height": 900}) as page:
        page.goto(file.absolute().as_uri())
        page.wait_for_function(CHARTS_ARE_DRAWN, timeout=60_000)
        before = page.evaluate(WIDEST)
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.wait_for_function(ALL_ARE_DRAWN)
        on_paper = page.evaluate(WIDEST)
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        return before, on_paper, page.evaluate(WIDEST)
