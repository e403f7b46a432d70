"""The parametric principles as a reward model was trained on them: what it saw of them, and what was held out."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from salmon.data.split import is_held_out
from salmon.errors import SalmonError
from salmon.principles.parametric.answers import AnsweredPrompt, load_answers, words_of
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.split import Side, SplitRule, held_out_side, trained_side, unseen_families
from salmon.principles.parametric.universe import all_families
from salmon.runtime.artifact import Artifact

HELD_OUT_PROMPTS = 0.2  # where the manifest does not say


@dataclass(frozen=True)
class UniverseSettings:
    """``reward.parametric`` of a manifest; the defaults are for reward models that were trained on other data."""

    answers: str | None = None  # source of the answers that pairs are made of; None: the bundled ones
    held_out: float = 0.15  # share of frames, sentences, topics and words
    held_out_families: tuple[str, ...] = (
        "apology",
        "bold",
        "closing_question",
        "comparison",
        "digits",
        "ellipsis",
        "exclamation",
        "first_word",
        "greeting",
        "hashtag",
        "long_words",
        "semicolons",
        "sentence_length",
    )
    split_seed: int = 0

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> "UniverseSettings":
        """Those of a manifest's group, with the defaults for what it lacks."""
        known = {field.name: saved[field.name] for field in fields(cls) if field.name in saved}
        if "held_out_families" in known:
            known["held_out_families"] = tuple(known["held_out_families"])
        return replace(cls(), **known)


@dataclass(frozen=True)
class Universe:
    """Texts by what a reward model may know of them, and prompts that it was not trained on."""

    trained: Side
    held_out: Side  # other words for the same families
    unseen: Side  # other families
    everything: Side
    prompts: tuple[AnsweredPrompt, ...]  # held out, with two or more answers each

    def family(self, name: str) -> Family | None:
        """The family in all its texts; None: there is none of this name."""
        return next((family for family in self.everything.families if family.name == name), None)


def read_universe(artifact: Artifact) -> Universe:
    """The universe as a reward artifact's manifest divides it.

    Raises:
        SalmonError: its answers cannot be read, or none is to a held-out prompt.
    """
    config = artifact.manifest.get("config", {})
    settings = UniverseSettings.of(config.get("reward", {}).get("parametric") or {})
    share = config.get("prompts", {}).get("held_out", HELD_OUT_PROMPTS)
    answers, families = load_answers(settings.answers), all_families()
    words = words_of(answers)
    prompts = tuple(asked for asked in answers if len(asked.answers) > 1 and is_held_out(asked.prompt, share))
    if not prompts:
        raise SalmonError(
            f"{settings.answers or 'the bundled answers'}: no prompt with two answers is held out "
            f"(prompts.held_out={share}), so there is nothing to measure parametric principles on. Give more answers, "
            "or leave these sets out: eval.principle_following.parametric_items=null"
        )
    rule = SplitRule(settings.split_seed, settings.held_out, settings.held_out_families)
    return Universe(
        trained_side(rule, families, words),
        held_out_side(rule, families, words),
        unseen_families(rule, families, words),
        trained_side(replace(rule, share=0.0, families=()), families, words),
        prompts,
    )
