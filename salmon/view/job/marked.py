"""A response with the words marked that checks counted."""

from collections.abc import Mapping

from markupsafe import Markup, escape

from salmon.principles.verifiers import counted_spans


def marked(text: str, checks: Mapping[str, str]) -> Markup:
    """The text, escaped, with what each check counts in a ``<mark>`` that names the principle; the first one counts."""
    html, end = Markup(), 0
    spans = [(span, name) for name, check in checks.items() for span in counted_spans(check, text)]
    for (start, stop), name in sorted(spans):
        if start >= end:
            html += escape(text[end:start])
            html += Markup('<mark title="counted by the check of {}">{}</mark>').format(name, text[start:stop])
            end = stop
    return html + escape(text[end:])
