"""Families of users, from Python files, and what is asked of every family before anything is made of it."""

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

from salmon.errors import SalmonError
from salmon.principles.parametric.answers import AnsweredPrompt
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import NO_PARAMETER, PARAMETER, TEXTS, Family
from salmon.runtime.seeding import stream

TRIED = 12  # answers that a family's edit is tried on


def own_families(path: Path) -> tuple[Family, ...]:
    """The tuple ``FAMILIES`` of a Python file, which is run.

    Raises:
        SalmonError: there is no such file, it cannot be run, or it has no such tuple.
    """
    if not path.is_file():
        raise SalmonError(f"reward.parametric.families: there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"salmon_own_families_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise SalmonError(f"reward.parametric.families: {path} is no Python file (its name must end with .py)")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's own code raises
        raise SalmonError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    found = getattr(module, "FAMILIES", None)
    if not isinstance(found, tuple) or not found or not all(isinstance(family, Family) for family in found):
        raise SalmonError(
            f"{path} has no tuple FAMILIES of salmon.principles.parametric.family.Family; "
            "salmon/principles/parametric/families/exclamation.py is an example"
        )
    return found


def family_problems(family: Family, prompts: Sequence[AnsweredPrompt], words: Sequence[str]) -> Iterator[str]:
    """What is wrong with a family: its functions, its texts, or that its edit makes nothing that differs."""
    where = f"family {family.name}"
    broken = [f"{name} must be a function" for name in ("measure", "edit") if not callable(getattr(family, name))]
    broken += [
        f'{name} must be a tuple of texts, such as ("one",)'
        for name in (*TEXTS, "parameters")
        if not isinstance(getattr(family, name), tuple) or not all(isinstance(t, str) for t in getattr(family, name))
    ]
    broken += ["parameters is empty"] if family.parameters == () else []
    yield from (f"{where}: {text}" for text in broken)
    if broken:
        return
    yield from (f"{where}: {text}" for text in _text_problems(family))
    example = ""
    rng = stream(0, "family", family.name)
    for number in rng.permutation(len(prompts))[:TRIED]:
        prompt, answer = prompts[number].prompt, prompts[number].answers[0]
        parameter = pick(family.values(words), rng)
        try:
            first, second = family.edit(prompt, answer, parameter, rng)
            if family.prefers(prompt, first, second, parameter) == 1:
                return
        except Exception as error:  # whatever the user's own code raises
            yield f"{where}: its edit or its measure fails at {answer[:60]!r}: {type(error).__name__}: {error}"
            return
        example = example or f"{first[:60]!r} against {second[:60]!r}"
    yield f"{where}: its edit makes no two answers of which its measure says that the first has more, such as {example}"


def _text_problems(family: Family) -> Iterator[str]:
    lists = {name: getattr(family, name) for name in TEXTS}
    yield from (f"{name} is empty" for name, texts in lists.items() if not texts and name != "absence")
    needs_gap = family.words or family.parameters != NO_PARAMETER
    for name, texts in lists.items():
        yield from (f'{name}: "{text}" has no gap {PARAMETER}' for text in texts if needs_gap and PARAMETER not in text)
        yield from (
            f'{name}: "{text}" has a gap {PARAMETER}, but the family has no parameters'
            for text in texts
            if not needs_gap and PARAMETER in text
        )
    for one, other in (("topics", "absence"), ("wanted", "unwanted")):
        both = sorted(set(lists[one]) & set(lists[other]))
        yield from (f'"{text}" is both in {one} and in {other}' for text in both)
