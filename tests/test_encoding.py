"""Text is UTF-8 in every file and pipe, whatever the machine's locale is; no terminal stops a command."""

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from salmon.runtime.console import escape_unprintable

ROOT = Path(__file__).resolve().parents[1]
FILES = [path for top in ("salmon", "eval", "sweeps") for path in sorted((ROOT / top).rglob("*.py"))]


def without_encoding(tree: ast.AST) -> Iterator[int]:
    """Lines of calls that read or write text in the encoding of the locale."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if "encoding" in given:
            continue
        modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        binary = any(
            set(mode) <= set("rwaxb+") and "b" in mode for mode in [*modes, given.get("mode", "").strip("'\"")]
        )
        positional = {"read_text": 1, "write_text": 2}.get(name)
        if positional is not None and len(node.args) < positional:
            yield node.lineno
        if name == "open" and not binary and _opens_text(node):
            yield node.lineno
        if name in ("fdopen", "NamedTemporaryFile", "TemporaryFile", "TextIOWrapper") and modes and not binary:
            yield node.lineno
        if given.get("text") == "True" or given.get("universal_newlines") == "True":
            yield node.lineno


def _opens_text(node: ast.Call) -> bool:
    """``open(...)``, or ``path.open(...)`` with a mode of text; ``os.open`` and ``gzip.open`` give bytes."""
    if isinstance(node.func, ast.Name):
        return True
    assert isinstance(node.func, ast.Attribute)
    modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return any(set(mode) <= set("rwaxt+") for mode in modes)


def test_every_file_and_pipe_is_utf_8() -> None:
    found = [f"{path.relative_to(ROOT)}:{n}" for path in FILES for n in without_encoding(ast.parse(path.read_bytes()))]
    assert found == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("path.read_text()", True),
        ("path.read_text(encoding='utf-8')", False),
        ("path.write_text(text)", True),
        ("open(path)", True),
        ("open(path, 'rb')", False),
        ("open(path, mode='wb')", False),
        ("path.open('w')", True),
        ("path.open('ab', buffering=0)", False),
        ("os.open(path, os.O_RDONLY)", False),
        ("run(words, text=True)", True),
        ("run(words, encoding='utf-8', errors='replace')", False),
    ],
)
def test_what_depends_on_the_locale_is_found(code: str, found: bool) -> None:
    assert bool(list(without_encoding(ast.parse(code)))) == found


def test_every_command_can_print_to_any_terminal() -> None:
    """What is started as a program sets its streams before all else; or logs only, where the logger's setup does."""
    for path in FILES:
        if path.name == "fence.py":  # prints nothing: it becomes the program behind the fence
            continue
        tree = ast.parse(path.read_bytes())
        mains = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main"]
        for main in mains:
            first = next(n for n in main.body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)))
            assert ast.unparse(first) == "escape_unprintable()", path


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "utf-8", "cp1252"])
def test_no_text_stops_what_is_printed(encoding: str, monkeypatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding, errors="strict"))
    escape_unprintable()
    print("KL 0.1 → 0.2, Grüße, 世界 🙂, half \ud83d")
    sys.stdout.flush()
    assert written.getvalue().decode(encoding).startswith("KL 0.1 ")
