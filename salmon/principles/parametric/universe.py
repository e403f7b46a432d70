"""The universe of parametric principles: families, words and answers, divided into what is trained on and the rest."""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from salmon.config.reward import ParametricSettings
from salmon.data.checked import suggestion
from salmon.data.split import split_by_prompt
from salmon.errors import SalmonError
from salmon.principles.parametric import families as package
from salmon.principles.parametric import frames
from salmon.principles.parametric.answers import AnsweredPrompt, load_answers, words_of
from salmon.principles.parametric.family import TEXTS, Family
from salmon.principles.parametric.own_families import family_problems, own_families
from salmon.principles.parametric.split import Side, SplitRule, held_out_side, limited, trained_side, unseen_families
from salmon.runtime.files import file_digest


@dataclass(frozen=True)
class Universe:
    """All families and answers, and the rule that divides their texts."""

    families: tuple[Family, ...]
    words: tuple[str, ...]
    rule: SplitRule
    training: tuple[AnsweredPrompt, ...]  # answers to prompts that stages may train on
    held_out: tuple[AnsweredPrompt, ...]  # answers to held-out prompts
    principles: int | None  # most of them that are trained on
    code: tuple[str, ...]  # digests of the files of users' families

    @cached_property
    def _trainable(self) -> Side:
        """What could be trained on, without the limit."""
        return trained_side(self.rule, self.families, self.words)

    @cached_property
    def distinct(self) -> int:
        """Distinct principles that could be trained on."""
        return _principles(self._trainable)

    @cached_property
    def trained(self) -> Side:
        """What a reward model is trained on."""
        side = self._trainable
        return side if self.principles is None else limited(side, self.principles, self.rule.seed)

    @cached_property
    def unread(self) -> Side:
        """Held-out texts and words of the trained families."""
        return held_out_side(self.rule, self.families, self.words)

    @cached_property
    def unseen(self) -> Side:
        """The families that nothing is trained on."""
        return unseen_families(self.rule, self.families, self.words)

    @cached_property
    def everything(self) -> Side:
        """All families in all their texts."""
        return trained_side(SplitRule(self.rule.seed, 0.0, ()), self.families, self.words)

    def family(self, name: str) -> Family | None:
        """The family in all its texts; None: there is none of this name."""
        return next((family for family in self.families if family.name == name), None)

    def record(self) -> dict[str, Any]:
        """What is trained on and what is held out, as plain JSON."""
        return {
            "split": asdict(self.rule),
            "principles": _principles(self.trained),
            "trained": _plain(self.trained),
            "held_out": _plain(self.unread),
            "unseen": [family.name for family in self.unseen.families],
        }

    def content(self) -> dict[str, Any]:
        """Everything of files and texts that can change a result, for fingerprints."""
        return {
            "families": _texts(self.families),
            "code": self.code,
            "frames": [frames.FOR, frames.AGAINST, frames.QUOTES_FOR, frames.QUOTES_AGAINST],
            "words": self.words,
            "training": [asdict(asked) for asked in self.training],
        }


def _principles(side: Side) -> int:
    """The distinct principles of a side, a family with a parameter being one."""
    return sum(len(side.parameters(family)) for family in side.families)


def _plain(side: Side) -> dict[str, Any]:
    return {
        "families": _texts(side.families),
        "frames_for": side.frames_for,
        "frames_against": side.frames_against,
        "quotes_for": side.quotes_for,
        "quotes_against": side.quotes_against,
        "words": side.words,
    }


def _texts(families: Iterable[Family]) -> dict[str, Any]:
    return {f.name: {name: getattr(f, name) for name in (*TEXTS, "parameters")} for f in families}


@cache
def all_families() -> tuple[Family, ...]:
    """Every family of the folder ``families``, in the order of the modules' names."""
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    return tuple(family for module in modules for family in getattr(module, "FAMILIES", ()))


def _never_trained(settings: ParametricSettings, names: Sequence[str]) -> tuple[str, ...]:
    """Families that nothing is trained on: those held out, and those that no lesson is about."""
    taught = {name for lesson in settings.lessons for name in lesson.families or names} or set(names)
    return tuple(dict.fromkeys([*settings.held_out_families, *(name for name in names if name not in taught)]))


def load_universe(settings: ParametricSettings, held_out_prompts: float) -> Universe:
    """Read families and answers, and check them.

    Args:
        held_out_prompts: ``prompts.held_out``.

    Raises:
        SalmonError: a file cannot be read, a family is not sound, or a name is none of a family.
    """
    files = [Path(file).expanduser() for file in settings.families]
    own = [family for file in files for family in own_families(file)]
    families = (*all_families(), *own)
    answers = [asked for asked in load_answers(settings.answers) if len(asked.answers) > 1]
    words = tuple(words_of(answers))
    split = split_by_prompt(answers, lambda asked: asked.prompt, held_out_prompts)
    if not split.training or not words:
        raise SalmonError(
            f"reward.parametric.answers={settings.answers}: it needs two or more answers to each of some prompts that "
            f"are not held out, and has {len(split.training)} such prompts"
        )
    names = Counter(family.name for family in families)
    problems = [f'{n} families have the name "{name}"' for name, n in names.items() if n > 1]
    problems += [
        f'reward.parametric.held_out_families: there is no family "{name}"{suggestion(name, list(names))}'
        for name in settings.held_out_families
        if name not in names
    ]
    problems += [
        f"reward.parametric.lessons[{number}].families: {name} is none of the trained families"
        + suggestion(name, [n for n in names if n not in settings.held_out_families])
        for number, lesson in enumerate(settings.lessons)
        for name in lesson.families
        if name not in names or name in settings.held_out_families
    ]
    problems += [text for family in own for text in family_problems(family, answers, words)]
    if not problems and set(names) <= set(settings.held_out_families):
        problems.append("reward.parametric.held_out_families holds out every family")
    if problems:
        raise SalmonError("\n  - ".join(["parametric principles:", *problems]))
    rule = SplitRule(settings.split_seed, settings.held_out, _never_trained(settings, tuple(names)))
    code = tuple(map(file_digest, files))
    universe = Universe(families, words, rule, tuple(split.training), tuple(split.held_out), settings.principles, code)
    if settings.principles is not None and settings.principles > universe.distinct:
        raise SalmonError(
            f"reward.parametric.principles={settings.principles}: there are {universe.distinct} distinct ones to train "
            "on. Lower it, or set it to null for all"
        )
    return universe
