"""The parametric principles as a reward model's manifest divides them into trained and held-out ones."""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from salmon.config.reward import PARAMETRIC, LessonSettings, ParametricSettings
from salmon.errors import SalmonError
from salmon.principles.parametric.universe import Universe, all_families, load_universe
from salmon.runtime.artifact import Artifact

HELD_OUT_PROMPTS = 0.2  # where the manifest does not say
HELD_OUT = 0.15  # the same, of frames, sentences, topics and words


def read_universe(artifact: Artifact) -> Universe:
    """The universe of a reward artifact.

    Families of its maker's own files are left out: measuring a model runs no code that came with it.

    Raises:
        SalmonError: its answers cannot be read, or none is to a held-out prompt.
    """
    config = artifact.manifest.get("config", {})
    settings = _settings(config.get("reward", {}).get("parametric") or {})
    universe = load_universe(settings, config.get("prompts", {}).get("held_out", HELD_OUT_PROMPTS))
    if not universe.held_out:
        raise SalmonError(
            f"{settings.answers or 'the bundled answers'}: no prompt with two answers is held out, so there is nothing "
            "to measure parametric principles on. Give more answers, or leave these sets out: "
            "eval.principle_following.parametric_items=null"
        )
    return universe


def trained_alone(artifact: Artifact) -> bool:
    """Whether a reward model was trained on parametric principles only, without any preferences."""
    data = artifact.manifest.get("config", {}).get("reward", {}).get("pretrain", {}).get("data")
    return data == PARAMETRIC and not artifact.manifest.get("upstream", {}).get("preferences")


def _settings(saved: Mapping[str, Any]) -> ParametricSettings:
    bundled = {family.name for family in all_families()}
    return ParametricSettings(
        answers=saved.get("answers"),
        families=[],
        split_seed=saved.get("split_seed", 0),
        held_out=saved.get("held_out", HELD_OUT),
        held_out_families=[name for name in saved.get("held_out_families", []) if name in bundled],
        principles=saved.get("principles"),
        lessons=list(_lessons(saved.get("lessons", []), bundled)),
    )


def _lessons(saved: Sequence[Mapping[str, Any]], bundled: Set[str]) -> Iterator[LessonSettings]:
    """What the lessons were about; all else of them says nothing about what was trained on."""
    for lesson in saved:
        named = lesson.get("families") or []
        known = [name for name in named if name in bundled]
        if known or not named:  # a lesson that names no family is about all
            yield LessonSettings(families=known)
