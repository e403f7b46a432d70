"""A page as it may leave this machine: it does not say where files lie."""

import re
from dataclasses import replace

from markupsafe import Markup

from salmon.tracking.redaction import redact_within
from salmon.view.page import Page

_FILE = re.compile(r'<a download="([^"]*)" href="data:[^"]*">')  # encoded, so that nothing could be cut in it


def without_places(page: Page) -> Page:
    """The page with absolute paths cut to their last part, and without the files that it offers for download."""
    sections = [
        replace(section, html=Markup(redact_within(_FILE.sub("<a>", str(section.html))))) for section in page.sections
    ]
    return replace(
        page,
        title=redact_within(page.title),
        subtitle=redact_within(page.subtitle),
        notices=[redact_within(notice) for notice in page.notices],
        sections=sections,
    )
