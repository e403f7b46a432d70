"""The heat map: what is written into it, and that equal results give equal files."""

import numpy as np
import pytest

from eval.principle_following.figure import _ink, heat_map

pytestmark = pytest.mark.slow

NAMES = ["Concise", "User's Language", "No Self-Praise"]
MEASURED = np.array([[0.91, np.nan, 0.5], [0.12, np.nan, 0.4], [0.33, np.nan, 0.77]])
REFERENCE = np.array([[1.0, np.nan, 0.25], [0.0, np.nan, 0.5], [0.25, np.nan, 1.0]])


def draw(path, measured=MEASURED):
    return heat_map(path, NAMES, measured, REFERENCE, [40, 0, 7], "title")


def test_both_files_are_written_and_repeatable(tmp_path):
    first, again = draw(tmp_path / "a"), draw(tmp_path / "b")
    assert [file.name for file in first] == ["a.png", "a.svg"]
    for one, two in zip(first, again, strict=True):
        assert one.read_bytes() == two.read_bytes()
    other = draw(tmp_path / "c", MEASURED + 0.01)
    assert other[0].read_bytes() != first[0].read_bytes()


def test_every_value_and_name_is_written(tmp_path, monkeypatch):
    """Texts are drawn as outlines, with the text itself in a comment of the SVG."""
    _, svg = draw(tmp_path / "a")
    text = svg.read_text()
    for shown in (
        "Concise (n=40)",
        "User's Language (n=0)",
        "0.91",
        "0.12",
        "0.77",
        "0.25",
        "principle given",
        "principle measured",
        "title",
        "perfect obedience",
    ):
        assert f"<!-- {shown} -->" in text, shown
    assert text.count("<!-- – -->") == 6, "cells without a pair: three in each half"
    assert "nan" not in text


@pytest.mark.parametrize(
    ("value", "ink"), [(0.5, "black"), (0.8, "black"), (0.9, "white"), (0.1, "white"), (np.nan, "black")]
)
def test_ink_can_be_read_on_its_cell(value, ink):
    assert _ink(value) == ink


def test_inks_have_contrast_on_every_colour():
    """WCAG's contrast ratio of text and cell is at least 3 (large text) from 0 to 1."""
    import matplotlib

    from salmon.tracking.plot_style import DIVERGING

    def luminance(rgb) -> float:
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    for value in np.linspace(0, 1, 101):
        cell = luminance(matplotlib.colormaps[DIVERGING](value)[:3])
        ink = 1.0 if _ink(value) == "white" else 0.0
        ratio = (max(cell, ink) + 0.05) / (min(cell, ink) + 0.05)
        assert ratio >= 3, value
