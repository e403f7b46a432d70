"""A page as one HTML file: templates with escaping, plotly's script and all data within it, nothing from a network."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from salmon.view.page import Page

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment(folders: Sequence[Path]) -> Environment:
    """Templates of the folders; every value in them is escaped."""
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {
        "allow_nan": False,
        "ensure_ascii": False,
        "separators": (",", ":"),
    }
    return environment


def fragment(folder: Path, template: str, **values: Any) -> Markup:
    """The HTML of a section.

    Args:
        folder: where the section's own templates are; ``{% from "parts.html" import table, chart %}`` works in them.
        values: of the template. A text is escaped, wherever it comes from.
    """
    return Markup(_environment((folder, TEMPLATES)).get_template(template).render(values))


def html_of(page: Page) -> str:
    """The whole file."""
    from plotly.offline import get_plotlyjs

    body = _environment((TEMPLATES,)).get_template("body.html").render(page=page)
    return (
        _environment((TEMPLATES,))
        .get_template("page.html")
        .render(
            page=page,
            body=Markup(body),
            nonce=hashlib.sha256(body.encode()).hexdigest()[:32],
            style=Markup(_text("page.css")),
            plotly=Markup(get_plotlyjs()),
            scripts=[Markup(_text("page.js")), *(Markup(script) for script in page.scripts)],
            made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        )
    )


@cache
def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
