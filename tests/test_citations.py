"""What comments, docstrings and pages cite exists: facts of the paper, files, modules; and nothing outside is named."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOPS = ("salmon", "eval", "sweeps", "conf", "tests")
KINDS = (".py", ".yaml", ".md", ".toml")
FILES = sorted(
    path
    for top in TOPS
    for path in (ROOT / top).rglob("*")
    if path.suffix in KINDS and not any(part.startswith((".", "__pycache__")) for part in path.relative_to(ROOT).parts)
) + sorted(path for path in ROOT.iterdir() if path.suffix in KINDS or path.name == "LICENSE")
NAMES = {path.name for path in FILES} | {"multirun.yaml"}  # the last is Hydra's
ENTRY_POINTS = ("salmon.stages", "salmon.pages", "salmon.sections")  # groups of pyproject.toml, which look like modules

FACT = re.compile(r"^#+ (\d+(?:\.\d+)?) ", re.MULTILINE)
CITATION = re.compile(r"(?<![\w/])PAPER\.md(?P<facts> \d+(?:\.\d+)?(?:(?:, | and | to |-|/)\d+(?:\.\d+)?)*)?")
TOP = rf"(?<![\w./<{{$-])(?:{'|'.join(TOPS)})"
FILE = re.compile(rf"{TOP}/[\w./*-]*\.(?:py|yaml|md|jsonl?|csv|toml)\b")
FOLDER = re.compile(rf"{TOP}/(?:[\w.-]+/)*(?![\w*<{{$.-])")
BARE_FILE = re.compile(r"(?<![\w./<{*>-])\w+\.(?:py|yaml)\b")
MODULE = re.compile(r"(?<![\w./])(?:(?:salmon|sweeps)(?:\.\w+)+|(?<=python -m )eval(?:\.\w+)+)")
OUTSIDE = re.compile(
    r"\b(?:ECOSYSTEM|DESIGN|STYLE|FEASIBILITY)\.md|(?<![\w}.])/(?:work|root)/|(?<![\w/.])\.{0,2}/?\bshared/"
)


@cache
def prose(path: Path) -> str:
    """Docstrings and comments of Python, comments of YAML and TOML, all of a page."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return "\n".join(_of_python(text))
    if path.suffix in (".yaml", ".toml"):
        return "\n".join(re.findall(r"(?:^|\s)#(.*)", text))
    return text


def _of_python(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string[1:]


@cache
def facts() -> frozenset[str]:
    """Numbers of the headings of salmon/PAPER.md."""
    return frozenset(FACT.findall((ROOT / "salmon" / "PAPER.md").read_text(encoding="utf-8")))


def dangling_citations(text: str) -> list[str]:
    """Citations of salmon/PAPER.md with a number that it does not have, or with none."""
    return [
        found[0]
        for found in CITATION.finditer(" ".join(text.split()))
        if found["facts"] is None or not set(re.findall(r"\d+(?:\.\d+)?", found["facts"])) <= facts()
    ]


def missing_paths(text: str) -> list[str]:
    """Files and folders of the repository that are written with their path and do not exist."""
    files = [name for name in FILE.findall(text) if not any(ROOT.glob(name))]
    return files + [name for name in FOLDER.findall(text) if not (ROOT / name).is_dir()]


def missing_names(text: str) -> list[str]:
    """File names without a path that no file of the repository has."""
    return [name for name in BARE_FILE.findall(text) if name not in NAMES]


def missing_modules(text: str) -> list[str]:
    """Dotted names that are neither a module or package, nor something that a module contains."""
    return [name for name in MODULE.findall(text) if name not in ENTRY_POINTS and not _is_known(name)]


def _is_known(name: str) -> bool:
    parts = name.split(".")
    for depth in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:depth])
        module = place.with_suffix(".py") if place.with_suffix(".py").is_file() else place / "__init__.py"
        if module.is_file():
            text = module.read_text(encoding="utf-8")
            return all(re.search(rf"\b{part}\b", text) for part in parts[depth:])
    return False


def found_in(files: list[Path], check) -> dict[str, list[str]]:
    return {path.relative_to(ROOT).as_posix(): found for path in files if (found := check(prose(path)))}


# --- the repository ------------------------------------------------------------------------------


def test_every_citation_is_a_heading_of_paper_md():
    assert found_in([path for path in FILES if path.suffix != ".md"], dangling_citations) == {}


def test_every_path_exists():
    assert found_in(FILES, missing_paths) == {}


def test_every_file_name_exists():
    assert found_in([path for path in FILES if path.suffix in (".py", ".yaml")], missing_names) == {}


def test_every_module_exists():
    assert found_in(FILES, missing_modules) == {}


def test_nothing_outside_is_mentioned():
    """In code too, not in prose alone."""
    texts = {path: path.read_text(encoding="utf-8") for path in [*FILES, ROOT / ".ci" / "run"]}
    assert {path.name: found for path, text in texts.items() if (found := OUTSIDE.findall(text))} == {}


def test_the_contents_of_paper_md_are_its_headings():
    text = (ROOT / "salmon" / "PAPER.md").read_text(encoding="utf-8")
    headings = re.findall(r"^##+ (.+)$", text, re.MULTILINE)
    anchors = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    assert re.findall(r"^ *- \[(.+)\]\(#(.+)\)$", text, re.MULTILINE) == list(zip(headings, anchors, strict=True))
    numbers = FACT.findall(text)
    assert len(numbers) == len(set(numbers)) == len(headings), "each heading has a number of its own"


# --- that the checks can fail --------------------------------------------------------------------


def test_prose_is_what_is_not_code(tmp_path):
    (tmp_path / "a.py").write_text('"""One."""\nx = "two"  # three\ndef f():\n    """Four."""\n    y = "#five"\n')
    (tmp_path / "a.yaml").write_text("# one\nkey: two#2 # three\n")
    assert set(prose(tmp_path / "a.py").split()) == {"One.", "three", "Four."}
    assert prose(tmp_path / "a.yaml").split() == ["one", "three"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see PAPER.md 2.3", []),
        ("PAPER.md 2.2, 2.3", []),
        ("PAPER.md 1.5 and 2.1 to 2.6: and 9 more", []),
        ("all of PAPER.md 2.", []),
        ("broken in PAPER.md\n    2.7", []),
        ("PAPER.md 2.9", ["PAPER.md 2.9"]),
        ("PAPER.md 2.1/9.1", ["PAPER.md 2.1/9.1"]),
        ("broken in PAPER.md\n    7", ["PAPER.md 7"]),
        ("as PAPER.md says", ["PAPER.md"]),
    ],
)
def test_dangling_citations_are_found(text, found):
    assert dangling_citations(text) == found


@pytest.mark.parametrize(
    ("check", "text", "found"),
    [
        (missing_paths, "salmon/core/kl.py, `conf/*/paper.yaml` and eval/bbh/ with eval/<checkpoint>/<task>/x", []),
        (missing_paths, "other/salmon/gone.py and runs/eval/x/", []),
        (missing_paths, "``salmon/core/gone.py``, conf/gone/*.yaml", ["salmon/core/gone.py", "conf/gone/*.yaml"]),
        (missing_paths, "what salmon/gone/ did", ["salmon/gone/"]),
        (missing_names, "as in schema.py and slurm.yaml", []),
        (missing_names, "vllm/lora/gone.py", []),
        (missing_names, "as in gone.py and gone.yaml", ["gone.py", "gone.yaml"]),
        (missing_modules, "salmon.core.kl, ``salmon.core.kl.kl_estimate``, python -m eval.tables, eval.data_dir", []),
        (missing_modules, "salmon.gone.x and salmon.core.gone", ["salmon.gone.x", "salmon.core.gone"]),
        (missing_modules, "python -m eval.gone", ["eval.gone"]),
    ],
)
def test_missing_files_and_modules_are_found(check, text, found):
    assert check(text) == found


@pytest.mark.parametrize("name", ["ECOSYSTEM", "DESIGN", "STYLE", "FEASIBILITY"])
def test_documents_outside_are_found(name):
    assert OUTSIDE.search(f"({name}" + ".md, 2)")


@pytest.mark.parametrize("folder", ["work", "root", "shared"])
def test_folders_outside_are_found(folder):
    slash = "/"
    if folder != "shared":
        assert OUTSIDE.search(f'Path("{slash}{folder}{slash}x")')
        assert not OUTSIDE.search(f"{{ctx.work}}{slash}x and tmp{slash}{folder}{slash}x")
    else:
        assert OUTSIDE.search(f"laid out like {folder}{slash}x") and OUTSIDE.search(f"..{slash}{folder}{slash}x")
        assert not OUTSIDE.search(f"tmp{slash}{folder}{slash}x")
