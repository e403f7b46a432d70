"""The pages (README.md and its like) say what is true: links resolve, commands compose, tables are current."""

import argparse
import importlib
import re
import shlex
import sys
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from eval.__main__ import typed as eval_typed
from eval.extension import register_app
from eval.score.command import parse_score_options
from salmon.cli import MEASURE
from salmon.config.overrides import with_choices
from salmon.config.register import CONF, register, root_schema
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.errors import SalmonError
from salmon.pipeline.store_command import COMMANDS as STORE_COMMANDS
from salmon.plan.command import parse as parse_plan
from salmon.play.options import parse_play
from salmon.tracking.glossary import find, glossary_markdown, metrics
from salmon.view.command import parse_view

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path
    for path in [
        ROOT / "README.md",
        *(p for top in ("salmon", "eval", "sweeps", "conf", "tests") for p in (ROOT / top).rglob("*.md")),
    ]
)
FRONT = ROOT / "README.md"
LONGEST_FRONT = 14 * 1024
LONGEST_LINE = 120

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
STARTS = re.compile(r"(?:\w+=\S+ )*(?:\S*/)?(?:salmon|python -m \S+|python -c|torchrun|srun)(?: |$)")
KEY = re.compile(r"(?<![\w./+-])[a-z_]+(?:\.[a-z_]\w*)+(?![\w./]*/)")
METRIC = re.compile(r"([a-z_]+)/([\w<>*][\w<>* /-]*)")
FILES = (".py", ".yaml", ".json", ".jsonl", ".md", ".csv", ".tex", ".html", ".png", ".svg", ".gz")
OWN_OPTIONS = {"--help", "--version", "--hydra-help"}  # of ``salmon``: nothing is composed

register()
register_app()


# --- what a page says ----------------------------------------------------------------------------


def without_code(text: str) -> str:
    return INLINE.sub("", FENCE.sub("", text))


def long_lines(text: str) -> list[str]:
    """Lines that are too long, tables and lines with a link left out."""
    return [
        line for line in text.splitlines() if len(line) > LONGEST_LINE and not line.startswith("|") and "](" not in line
    ]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def dead_links(page: Path, text: str) -> list[str]:
    """Relative links of a page to files and headings that do not exist."""
    dead = []
    for link in LINK.findall(without_code(text)):
        if re.match(r"\w+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        there = target.exists() and target.is_relative_to(ROOT)
        if not there or (anchor and anchor not in anchors(text if target == page else target.read_text())):
            dead.append(link)
    return dead


def commands(text: str) -> list[str]:
    """Calls of this project in a page: in shell blocks, and in code within a sentence or table."""
    blocks = [body for language, body in FENCE.findall(text) if language == "bash"]
    lines = [line for body in blocks for line in body.replace("\\\n", " ").splitlines()]
    spans = [" ".join(span.split()) for span in INLINE.findall(FENCE.sub("", text))]
    parts = [part.strip() for line in [*lines, *spans] for part in re.split(r"&&", line.partition(" # ")[0])]
    return [part for part in parts if STARTS.match(part)]


def unknown_keys(text: str) -> list[str]:
    """Dotted names of settings in a page that the config does not have; commands are composed instead."""
    schema = root_schema()
    spans = [span for span in INLINE.findall(FENCE.sub("", text)) if not STARTS.match(span)]
    keys = [key for span in spans for key in KEY.findall(span) if key.partition(".")[0] in schema]
    return [key for key in keys if not key.endswith(FILES) and not _is_setting(schema, key)]


def _is_setting(schema: DictConfig, key: str) -> bool:
    parent, _, last = key.rpartition(".")
    node = OmegaConf.select(schema, parent)
    return OmegaConf.is_dict(node) and last in list(node)


def unknown_metrics(text: str) -> list[str]:
    """Names of metrics in a page that no stage logs; ``family/*`` stands for all that begin so."""
    known = {metric.name: metric.family for metric in metrics() if metric.family != "eval"}
    spans = [span for span in INLINE.findall(FENCE.sub("", text)) if not STARTS.match(span)]
    names = [span for span in spans if (found := METRIC.fullmatch(span)) and found[1] in known.values()]
    return [name for name in names if not (name in known or find(name) or _has_members(name, known))]


def _has_members(name: str, known: Iterable[str]) -> bool:
    return name.endswith("/*") and any(metric.startswith(name[:-1]) for metric in known)


# --- what a command means ------------------------------------------------------------------------


@cache
def _composed(application: str, overrides: tuple[str, ...]) -> None:
    """Compose and check a config.

    Raises:
        SalmonError: something in it is refused.
        HydraException: an override names what does not exist.
    """
    with initialize_config_dir(CONF, version_base="1.3"):
        config = compose(application, overrides=list(overrides), return_hydra_config=True)
    OmegaConf.set_struct(config, False)
    del config["hydra"]
    _ = eval_typed(config) if application == "eval_app" else to_typed(config, Config)


def cells(words: list[str]) -> list[tuple[str, ...]]:
    """Overrides of a multirun such that each choice on an axis occurs once: the axes advance together."""
    axes = []
    for word, override in zip(words, OverridesParser.create().parse_overrides(words), strict=True):
        key = word.partition("=")[0]
        swept = override.is_sweep_override()
        axes.append([f"{key}={choice}" for choice in override.sweep_string_iterator()] if swept else [word])
    rows = zip_longest(*axes)
    return [tuple(choice or axis[0] for axis, choice in zip(axes, row, strict=True)) for row in rows]


def check_salmon(words: list[str], application: str = "config") -> None:
    """``words`` after ``salmon``, or after ``python -m eval``."""
    if OWN_OPTIONS & set(words):
        return
    multirun = "-m" in words or any(word.startswith(("+sweeps=", "+experiment=")) for word in words)
    words = [word for word in words if word not in ("-m", "--cfg", "job")]
    for overrides in (multirun and cells(words)) or [tuple(words)]:
        _composed(application, overrides)


def check_module(module: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The module exists, and its parser takes the words; nothing is run. Without words it is only mentioned."""
    spec = find_spec(module)
    if spec is None:
        raise SalmonError(f"there is no module {module}")
    if not words or module.startswith("tests."):  # the measurements in tests/ have no parser
        return
    parse = argparse.ArgumentParser.parse_args

    class Parsed(Exception):
        pass

    def parse_only(parser: argparse.ArgumentParser, arguments: list[str] | None = None) -> None:
        try:
            parse(parser, arguments)
        except SystemExit as error:
            raise SalmonError(f"{module} does not take {words}") from error
        raise Parsed

    main = f"{module}.__main__" if spec.submodule_search_locations else module
    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", parse_only)
        patch.setattr(sys, "argv", [module, *words])
        with pytest.raises(Parsed):
            importlib.import_module(main).main()


def check(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise where the program would refuse a command before it runs anything; ``python -c`` is run."""
    command = re.sub(r"^(?:\w+=\S+ )+", "", command)  # variables of the shell
    words = shlex.split(command)
    if words[0] in ("torchrun", "srun"):
        words = ["python", *words[words.index("-m", 1) :]] if "-m" in words else words
    if words[:2] == ["python", "-c"]:
        exec(words[2], {})
        return
    if words[0] == "python" and (words[2] not in ("salmon", "eval") or not words[3:]):
        check_module(words[2], words[3:], monkeypatch)
        return
    program, rest = (words[2], words[3:]) if words[0] == "python" else ("salmon", with_choices(words[1:]))
    if program == "eval" and rest[:1] == ["score"]:
        parse_score_options(rest[1:])
    elif program == "eval":
        check_salmon([re.sub("^suite=", "eval=", word) for word in rest], "eval_app")
    elif rest[:1] == ["store"]:
        assert rest[1] in STORE_COMMANDS, command
    elif rest[:1] == ["view"]:
        parse_view(rest[1:])
    elif rest[:1] == ["play"]:
        parse_play(rest[1:])
    elif rest[:1] == ["plan"]:
        asked = parse_plan([word for word in rest[1:] if word != MEASURE])
        _composed("config", tuple(asked.overrides))
    else:
        check_salmon(rest)


# --- the pages -----------------------------------------------------------------------------------


def test_the_front_page_is_short():
    assert len(FRONT.read_bytes()) <= LONGEST_FRONT


def test_the_two_commands_are_there():
    text = FRONT.read_text()
    assert ".venv/bin/pip install -e . && .venv/bin/salmon" in text
    assert ".venv/bin/pip install -e '.[dev]' && .venv/bin/pytest" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_lines_are_short(page):
    assert long_lines(page.read_text()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_resolve(page):
    assert dead_links(page, page.read_text()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_settings_and_metrics_exist(page):
    text = page.read_text()
    assert (unknown_keys(text), unknown_metrics(text)) == ([], [])


@pytest.mark.slow
def test_every_command_would_start(monkeypatch):
    found = {command: page for page in PAGES for command in commands(page.read_text())}
    refused = {}
    for command, page in found.items():
        try:
            check(command, monkeypatch)
        except (SalmonError, HydraException, ImportError, ValueError) as error:
            refused[f"{page.relative_to(ROOT)}: {command}"] = str(error).strip()
    assert refused == {}
    assert len(found) > 60


def test_the_menu_is_complete():
    """Every choice in conf/ stands in the table of conf/README.md, in the row of its group or one below."""
    table = (ROOT / "conf" / "README.md").read_text().partition("## Groups and choices")[2].partition("\n## ")[0]
    groups: dict[str, str] = {}
    group = ""
    for line in table.splitlines():
        if cell := re.match(r"\| `\+?([\w/]+)` \|", line):
            group = cell[1]
        groups[group] = groups.get(group, "") + line
    choices = [
        path.relative_to(CONF).with_suffix("") for path in Path(CONF).rglob("*.yaml") if path.parent != Path(CONF)
    ]
    missing = [
        choice.as_posix()
        for choice in choices
        if choice.parent.name != "scale" and f"`{choice.name}`" not in groups.get(choice.parent.as_posix(), "")
    ]
    assert missing == []


def test_every_study_is_described():
    text = (ROOT / "sweeps" / "README.md").read_text()
    assert [path.stem for path in (ROOT / "sweeps").glob("*.yaml") if f"| `{path.stem}` |" not in text] == []


def test_the_glossary_is_current():
    """Renew it with the command that the page names above it."""
    page = (ROOT / "salmon" / "tracking" / "README.md").read_text()
    assert f"<!-- glossary -->\n{glossary_markdown()}<!-- /glossary -->" in page


# --- that the checks can fail --------------------------------------------------------------------


def test_commands_are_found():
    text = (
        "```bash\nsalmon a=1 \\\n  b=2  # why\npip install -e . && .venv/bin/salmon\nls\n```\nthe `python -m eval\nx=1`"
    )
    assert commands(text) == ["salmon a=1    b=2", ".venv/bin/salmon", "python -m eval x=1"]


@pytest.mark.parametrize(
    "command",
    [
        "salmon ppo.kl.coeficient=1",
        "salmon model=gone",
        "salmon +experiment=gone",
        "salmon -m principles=paper,gone",
        "salmon plan stages=[gone] gpu=h200",
        "salmon plan --gone",
        "python -m eval checkpoint=base suite=gone",
        "python -m eval suite=mini",
        "python -m gone",
        "python -m eval score task=gone predictions=FILE",
        "python -m sweeps.gone FOLDER",
        "python -m sweeps.status FOLDER --gone",
        "torchrun --nproc-per-node N -m salmon engine=gone",
    ],
)
def test_a_wrong_command_is_refused(command, monkeypatch, capsys):
    with pytest.raises((SalmonError, HydraException)):
        check(command, monkeypatch)


def test_dead_links_are_found():
    text = "# A b\n[1](gone.md) [2](#a-b) [3](#gone) [4](eval/README.md#gone) [5](https://x.y) `[6](gone)` [7](conf/)"
    assert dead_links(FRONT, text) == ["gone.md", "#gone", "eval/README.md#gone"]


def test_unknown_settings_and_metrics_are_found():
    text = "`ppo.shaping.center=true` `reward.gone` `ppo.gone.x` `model.py` `+eval.pairs.files.mine=FILE`"
    assert unknown_keys(text) == ["reward.gone", "ppo.gone.x"]
    assert unknown_metrics("`held_out/kl` `probe/*` `judge/gone` `held_out/k` `ppo/x`") == ["judge/gone", "held_out/k"]


def test_long_lines_are_found():
    assert long_lines(f"{'a' * 121}\n| {'a' * 121} |\n[{'a' * 121}](b)\n{'a' * 120}") == ["a" * 121]
