"""A page that leaves this machine says nothing of its folders."""

from markupsafe import Markup

from salmon.view.page import Page, PageSection
from salmon.view.portable import without_places
from salmon.view.render import html_of


def test_no_place_is_left_in_it() -> None:
    html = Markup(
        '<p>no /home/me/runs/store/ppo/1</p><a download="report.csv" href="data:text/csv;base64,L2hvbWUvbWU=">r</a>'
        '<script type="application/json">{"error":"/home/me/x.json: gone","rate":"1/2/3"}</script><td>a/b</td>'
    )
    page = Page("Study", "Job /home/me/runs", [PageSection("Cells", html)], notices=["/home/me/y is damaged"])
    portable = without_places(page)
    text = html_of(portable)
    assert "/home/me" not in text and "L2hvbWUvbWU" not in text
    assert portable.subtitle == "Job .../runs" and list(portable.notices) == [".../y is damaged"]
    assert '{"error":".../x.json: gone","rate":"1/2/3"}</script><td>a/b</td>' in text
