"""What the README says about the code is what the code says."""

from pathlib import Path

from salmon.tracking.glossary import markdown

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()


def test_the_glossary_is_current():
    """Renew it with what the README names above it."""
    assert f"<!-- glossary -->\n{markdown()}<!-- /glossary -->" in README


def test_the_two_commands_are_there():
    assert ".venv/bin/pip install -e . && .venv/bin/salmon" in README
    assert ".venv/bin/pip install -e '.[dev]' && .venv/bin/pytest" in README
