import math
from dataclasses import replace

import pytest

from eval.mt_bench.figure import radar
from eval.provenance import Provenance
from eval.results import Row

HOW = Provenance("FastChat's prompts and files", "mt_bench", judge="gpt-x")


def ratings(checkpoint: str, **values: float | None) -> list[Row]:
    return [
        Row(checkpoint, "mt_bench", f"score/{name}", value, None, 2, "", provenance=HOW)
        for name, value in values.items()
    ]


def test_a_polygon_for_each_checkpoint_with_all_ratings(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: drawn.append(self.axes[0]))
    rows = [
        *ratings("base", math=2.0, stem=5.0, writing=6.0),
        *ratings("ppo", math=4.0, stem=7.0, writing=8.0),
        *ratings("sft", math=None, stem=7.0, writing=8.0),
        Row("base", "bbh", "score/navigate", 0.5, None, 2, ""),
    ]
    assert radar(tmp_path / "r.png", rows) == tmp_path / "r.png"
    (axes,) = drawn
    assert [label.get_text() for label in axes.get_xticklabels()] == ["math", "stem", "writing"]
    assert [(line.get_label(), list(line.get_ydata())) for line in axes.get_lines()] == [
        ("base", [2, 5, 6, 2]),
        ("ppo", [4, 7, 8, 4]),
    ]
    title = axes.get_figure().get_suptitle()
    assert "gpt-x" in title and "without a rating in some category: sft" in title
    assert axes.get_ylim() == (0, 10)


def test_nothing_is_drawn_of_less_than_three_categories(tmp_path):
    assert radar(tmp_path / "r.png", ratings("base", math=2.0, stem=5.0)) is None
    assert radar(tmp_path / "r.png", ratings("base", math=2.0, stem=5.0, writing=None)) is None
    assert not (tmp_path / "r.png").exists()


def test_the_file_is_a_picture(tmp_path):
    assert radar(tmp_path / "new" / "r.png", ratings("base", a=1.0, b=2.0, c=3.0)).read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("judge", ["gpt-4", "local-expected-rating(a-model-with-a-very-long-name-of-many-words)"])
def test_every_label_is_whole_and_stands_alone(tmp_path, monkeypatch, judge):
    """No name of a category reaches into the circle, another name or the title, and none is cut off."""
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: drawn.append(self))
    names = ("writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities")
    rows = [replace(row, provenance=replace(HOW, judge=judge)) for row in ratings("sft", **dict.fromkeys(names, 5.0))]
    radar(tmp_path / "r.png", rows)
    (figure,) = drawn
    figure.draw_without_rendering()
    (axes,) = figure.axes
    labels = [label.get_window_extent() for label in axes.get_xticklabels()]
    inside = axes.get_window_extent()
    middle, radius = ((inside.x0 + inside.x1) / 2, (inside.y0 + inside.y1) / 2), inside.width / 2
    for box in labels:
        nearest = (min(max(middle[0], box.x0), box.x1), min(max(middle[1], box.y0), box.y1))
        assert math.dist(nearest, middle) > radius + 2, "pixels between the circle and the name"
    others = [*labels, figure._suptitle.get_window_extent(), axes.get_legend().get_window_extent()]
    assert [(a, b) for a in labels for b in others if a is not b and a.overlaps(b)] == []
