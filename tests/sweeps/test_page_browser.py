"""The page of a study in a real browser: its figures are the files', and a link brings the reader's choices back."""

import html
import re

import pytest

from salmon.view.command import write_page
from sweeps.page.study import STUDY
from tests.browser import needs_browser, open_page, printed_and_after
from tests.sweeps.test_page import ENDS, EVIL, study

pytestmark = [pytest.mark.slow, needs_browser]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    ends = ENDS | {("c", 0): 9.0}
    return write_page(
        study(folder, ends, failed={("b", 1)}, responses={0: {"Why?": "begin"}, 4: {"Why?": EVIL}}), STUDY
    )


def order(dom):
    """The cells in the order of the table's rows, and those marked as not told apart from the one above."""
    (body,) = re.findall(r'id="cells-table".*?<tbody>(.*?)</tbody>', dom, re.DOTALL)
    rows = re.findall(r'aria-hidden="true">(≈?)</span>(\w+)</th>', body)
    return [name for _, name in rows], [name for mark, name in rows if mark]


@pytest.mark.parametrize("dark", [False, True])
def test_it_opens_without_a_complaint_and_draws_every_chart(file, dark):
    shown = open_page(file, dark=dark)
    assert shown.console == []
    assert shown.dom.count('class="main-svg"') >= 4 and len(re.findall(r"parcoords-line", shown.dom)) > 0
    assert '<img src="x"' not in shown.dom, "what a model wrote stays text"
    assert html.escape(f"{EVIL} c0", quote=False) in shown.dom


def test_a_link_keeps_the_selection(file):
    shown = open_page(file, "baseline=1&sort=-0&metric=objective/score&hide=2&a=a&b=b")
    assert order(shown.dom) == (["c", "a", "b"], ["a", "b"]), "one seed, or two: nothing is told apart"
    assert "≈ (2 of 3 rows): not told apart from the row above" in shown.dom
    differences = re.findall(r'<span class="difference" data-figure="0">([^<]*)</span>', shown.dom)
    assert differences == ["≈ +7.000, n = 1", "≈ -1.000, n = 1", "baseline"], "b has seed 0 only"
    assert "score of ppo.reward_source, without penalty and bonus" in shown.dom
    assert re.search(r"<h4>a \(seed 0\)</h4>", shown.dom) and re.search(r"<h4>b \(seed 0\)</h4>", shown.dom)


def test_without_a_choice_it_is_the_sweeps_order_against_the_first_cell(file):
    shown = open_page(file)
    assert order(shown.dom) == (["a", "b", "c"], [])
    assert re.findall(r'data-figure="0">([^<]*)</span>', shown.dom)[0] == "baseline"


def test_nothing_is_wider_than_paper_when_it_is_printed(file):
    before, on_paper, after = printed_and_after(file)
    assert before > 1000 and on_paper <= 681 and after == before
