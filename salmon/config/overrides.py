"""Words of the command line, looked at before Hydra does: what its parser or its defaults list falls over."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from salmon.config.register import CONF
from salmon.config.texts import shown, text_problem
from salmon.errors import SalmonError

LONGEST_WORD = 20_000  # characters; over a list of that length Hydra's parser takes seconds, over longer ones minutes
DEEPEST = 20  # brackets in each other; Hydra's parser is recursive
LONGEST_NUMBER = 300  # digits; Python refuses to read many more, and a float holds 308
OPTIONAL = ("scale",)  # groups whose choice may lack a file: Hydra takes a misspelt one for that
_SEARCHED = re.compile(r"\+{0,2}hydra\.searchpath=|--config-dir|-cd$")  # other folders may have more choices


def check_words(words: Sequence[str]) -> None:
    """Refuse words that Hydra would answer with a traceback, or not at all.

    Raises:
        SalmonError: each such word, and why.
    """
    found = [f"{shown(word)} {problem}" for word in words if (problem := word_problem(word))]
    found += _misspelt(words)
    if found:
        raise SalmonError("\n".join(found))


def with_choices(words: Sequence[str]) -> list[str]:
    """The words, in which a group inside another may be named like a setting: ``ppo.advantage=rloo`` takes the choice
    ``ppo/advantage=rloo``, with all that the choice brings.
    """
    nested = {f"{path.parent.name}.{path.name}" for path in Path(CONF).glob("*/*") if path.is_dir()}
    taken = []
    for word in words:
        key, _, choice = word.partition("=")
        is_choice = key in nested and re.fullmatch(r"\w+(,\w+)*", choice) is not None
        taken.append(f"{key.replace('.', '/')}={choice}" if is_choice else word)
    return taken


def word_problem(word: str) -> str | None:
    """Why a word cannot be an override; None where Hydra can say what is wrong with it, if anything is."""
    if problem := text_problem(word):
        return problem
    if len(word) > LONGEST_WORD:
        return f"has {len(word)} characters, and {LONGEST_WORD} are the most"
    if re.search(rf"\d[\d_]{{{LONGEST_NUMBER},}}", word):
        return f"has a number of more than {LONGEST_NUMBER} digits"
    if _depth(word) > DEEPEST:
        return f"has brackets in each other, deeper than {DEEPEST}"
    key, given, choice = word.partition("=")  # without "=" it is the value of an option, as in ``--cfg hydra``
    group = key.lstrip("+")
    if given and ("/" in group or group in groups()) and not _may_be_name(choice) and not word.startswith(("-", "~")):
        return f"names no choice of {group}: salmon --help lists them"
    return None


def groups() -> list[str]:
    """Groups of the config that have choices: the folders of ``conf/``, and the named studies."""
    return sorted(["sweeps", *(path.name for path in Path(CONF).iterdir() if path.is_dir())])


def _may_be_name(choice: str) -> bool:
    """Hydra's defaults list takes names (or lists of them) alone, and a number or null is neither."""
    plain = choice.strip()
    if not plain or plain.lower() in ("null", "true", "false", "nan", "inf", "-inf", "+inf"):
        return False
    try:
        float(plain)
    except ValueError:
        return True
    return False


def _depth(word: str) -> int:
    depth = deepest = 0
    for char in word:
        depth += (char in "[{(") - (char in "]})")
        deepest = max(deepest, depth)
    return deepest


def _misspelt(words: Sequence[str]) -> Iterator[str]:
    if any(_SEARCHED.match(word) for word in words):
        return
    for word in words:
        group, _, choice = word.partition("=")
        known = sorted(path.stem for path in (Path(CONF) / group).glob("*.yaml")) if group in OPTIONAL else []
        for name in choice.split(",") if known else ():
            if name.strip("'\" ") not in known:
                close = get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f" (did you mean {close[0]}?)" if close else ""
                yield f"{shown(word)} names no choice of {group}{hint}; there are {', '.join(known)}"


def split_override(override: str) -> tuple[str, str]:
    """Key and value of an override of Hydra's."""
    key, _, value = override.partition("=")
    return key.lstrip("+~"), value


def is_seed(key: str) -> bool:
    """Whether a setting is what a study repeats, not what it varies: ``seed``, ``ppo.seed``."""
    return key.rpartition(".")[2] == "seed"
