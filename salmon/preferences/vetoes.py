"""Rules that decide a preference label instead of the principles (PAPER.md 2.3), and the planted bias of a study."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from salmon.config.preferences import AggregationSettings
from salmon.data.language import detect_language
from salmon.errors import SalmonError
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank
from salmon.principles.sampling import Guideline
from salmon.principles.verifiers import compare

AI_DISCLAIMER = "as an ai language model"


@dataclass(frozen=True)
class Veto:
    """What a rule says that overrules the principles."""

    label: int | None  # +1: response 1 is preferred, -1: response 2, None: the draw is left out
    name: str


def veto_of(pair: Pair, settings: AggregationSettings, rng: np.random.Generator) -> Veto | None:
    """Apply the first rule that fits a pair; None where none does.

    An AI disclaimer in one response only makes it lose, with the probability ``settings.ai_disclaimer_veto``; so does a
    language other than the prompt's in one response only. Where both responses are in another language, nothing can be
    said about preference, and the draw is left out.
    """
    if settings.ai_disclaimer_veto:
        one, two = (AI_DISCLAIMER in text.lower() for text in (pair.response_1, pair.response_2))
        if one != two and rng.random() < settings.ai_disclaimer_veto:
            return Veto(-1 if one else 1, "ai_disclaimer")
    if settings.language_veto:
        expected = detect_language(pair.prompt)
        found = [detect_language(text) for text in (pair.response_1, pair.response_2)]
        foreign = [expected is not None and language not in (None, expected) for language in found]
        if all(foreign):
            return Veto(None, "language")
        if any(foreign):
            return Veto(-1 if foreign[0] else 1, "language")
    return None


def planted_bias(
    pair: Pair, bank: Bank, guidelines: Sequence[Guideline], settings: AggregationSettings, rng: np.random.Generator
) -> Veto | None:
    """Let the label go AGAINST the principle ``settings.planted_bias``, where that is not among the shown guidelines.

    It is a fault on purpose, for the study of reward hacking: a reward model trained on such labels likes what the
    principle forbids, and can still be told not to. None where the bias does not apply.

    Raises:
        SalmonError: see ``require_planted_bias``.
    """
    check = require_planted_bias(settings, bank)
    if check is None or any(guideline.principle.name == settings.planted_bias for guideline in guidelines):
        return None
    score = compare(check, pair.prompt, pair.response_1, pair.response_2)
    applies = rng.random() < settings.planted_bias_probability
    return Veto(-1 if score > 0 else 1, "planted_bias") if score and applies else None


def require_planted_bias(settings: AggregationSettings, bank: Bank) -> str | None:
    """The check of the principle that labels go against; None where no bias is planted.

    Raises:
        SalmonError: the bank has no such principle, or it has no check.
    """
    name = settings.planted_bias
    check = next((p.check for p in bank.principles if p.name == name), None)
    if name is not None and check is None:
        raise SalmonError(
            f"preferences.aggregation.planted_bias={name}: {bank.name} has no principle of this name with a check"
        )
    return check if name is not None else None
