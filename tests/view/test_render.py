"""The file of a page: nothing of its content is read as HTML or script, and nothing comes from a network."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from salmon.view.page import Chart, ChartAxis, Page, PageSection, PageTable, column_ref, numbers
from salmon.view.render import fragment, html_of

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \u2028 & \"'"


class Parsed(HTMLParser):
    """Tags by name, and the text of scripts with data."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data: list[str] = []
        self.text = ""
        self._in_data = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_data = tag == "script" and dict(attrs).get("type") == "application/json"
        if self._in_data:
            self.data.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_data = False

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self.data[-1] += data
        elif self.tags and self.tags[-1][0] not in ("script", "style"):
            self.text += data


@pytest.fixture
def page(tmp_path: Path) -> Page:
    (tmp_path / "part.html").write_text(
        '{% from "parts.html" import table, chart %}{{ table(content) }}{{ chart(figure) }}', encoding="utf-8"
    )
    content = PageTable(EVIL, ["a", EVIL], [["b", EVIL]], frozenset({1}))
    figure = Chart(
        EVIL, EVIL, [{"y": column_ref("y"), "name": EVIL}], axes=[ChartAxis("update", "updates", ["x"])], table=content
    )
    section = PageSection("One & two", fragment(tmp_path, "part.html", content=content, figure=figure))
    return Page(EVIL, EVIL, [section], notices=[EVIL], columns={"x": numbers([1, 2]), "y": [EVIL, None]})


def test_nothing_in_it_is_markup(page: Page) -> None:
    html = html_of(page)
    parsed = Parsed(html)
    assert not [tag for tag, _ in parsed.tags if tag == "img"]
    own = [attributes for tag, attributes in parsed.tags if tag == "script"]
    assert len({attributes["nonce"] for attributes in own if "type" not in attributes}) == 1
    assert {attributes.get("type") for attributes in own} == {None, "application/json"}
    chart, columns = (json.loads(text) for text in parsed.data)
    assert chart["traces"] == [{"y": {"column": "y"}, "name": EVIL}]
    assert columns == {"x": [1, 2], "y": [EVIL, None]}
    assert parsed.text.count(EVIL) >= 6
    assert "\n" not in next(line for line in html.splitlines() if 'id="columns"' in line)


def test_it_needs_no_network(page: Page) -> None:
    parsed = Parsed(html_of(page))
    assert not [attributes for _, attributes in parsed.tags if "src" in attributes]
    assert [attributes["href"] for tag, attributes in parsed.tags if tag == "link"] == ["data:,"]
    (policy,) = (attributes["content"] or "" for _, attributes in parsed.tags if "http-equiv" in attributes)
    assert "default-src 'none'" in policy and "http" not in policy


def test_a_reader_without_eyes_or_mouse_gets_through_it(page: Page) -> None:
    parsed = Parsed(html_of(page))
    tags = [tag for tag, _ in parsed.tags]
    assert tags.count("main") == tags.count("h1") == tags.count("nav") == 1
    assert tags.count("caption") == tags.count("table") == 2
    assert [a["aria-label"] for tag, a in parsed.tags if a.get("role") == "img"] == [EVIL]
    assert [a["tabindex"] for tag, a in parsed.tags if a.get("class") == "scroll"] == ["0", "0"]
    assert ("section", {"id": "one-two", "aria-labelledby": "one-two-title"}) in parsed.tags


def test_the_script_is_there_once(page: Page) -> None:
    assert len(re.findall("plotly.js v", html_of(page))) == 1


def test_numbers_of_a_column_are_short_and_finite() -> None:
    assert numbers([0.123456789, 1e-9, 3.0, float("nan"), float("inf"), None, 1795738490.833]) == [
        0.123457,
        1e-9,
        3,
        None,
        None,
        None,
        1795740000.0,
    ]
