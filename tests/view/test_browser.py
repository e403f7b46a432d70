"""A job's page in a real browser, without a network. What the page says is tested elsewhere, without one."""

import re
from pathlib import Path

import pytest

from salmon.view.command import write_page
from salmon.view.job import settings
from tests.browser import needs_browser, open_page, printed_and_after
from tests.view.job_folders import EVIL, make_ppo_job

pytestmark = [pytest.mark.slow, needs_browser]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "default_config", lambda: {})
        return write_page(make_ppo_job(tmp_path_factory.mktemp("page")))


def test_it_opens_without_errors_and_draws_every_chart(page: Path) -> None:
    shown = open_page(page)
    document = shown.dom
    assert shown.console == []
    charts = document.count('<figure class="chart')
    assert charts >= 6
    assert len(re.findall(r'class="plot[^"]*js-plotly-plot', document)) == charts
    assert "updates" in re.findall(r'class="xtitle"[^>]*>([^<]*)<', document)


def test_a_link_keeps_the_choice_of_the_axis(page: Path) -> None:
    shown = open_page(page, "x=kl")
    titles = re.findall(r'class="xtitle"[^>]*>([^<]*)<', shown.dom)
    assert shown.console == []
    assert "KL from the reference, nats/response" in titles and "updates" not in titles
    assert "steps" in titles, "a chart without this axis has its first one"


def test_what_a_model_wrote_is_text(page: Path) -> None:
    document = open_page(page).dom
    shown = re.sub("</?mark[^>]*>", "", document)
    assert EVIL.replace("<", "&lt;").replace(">", "&gt;") in shown
    assert "<script>alert" not in document


def test_dark_mode_colours_the_charts(page: Path) -> None:
    light, dark = open_page(page), open_page(page, dark=True)
    assert dark.console == []
    assert "rgb(27, 27, 27)" in light.dom and "rgb(232, 232, 232)" in dark.dom


def test_nothing_is_wider_than_paper_when_it_is_printed(page: Path) -> None:
    before, on_paper, after = printed_and_after(page)
    assert before > 1000 and on_paper <= 681 and after == before
