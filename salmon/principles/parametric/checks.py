"""Which family makes pairs that a bank's check tells apart, and which of the two answers the check prefers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckedFamily:
    """The family that measures what a check measures.

    Attributes:
        family: its name.
        direction: 1 where the check prefers the answer with more of the feature, -1 where it prefers the other one.
        parameter: of the family, such as a word; empty for a family without one.
    """

    family: str
    direction: int
    parameter: str = ""


_FAMILIES = {
    "concise": CheckedFamily("length", -1),
    "comprehensive": CheckedFamily("coverage", 1),
    "structured": CheckedFamily("structure", 1),
    "plain_prose": CheckedFamily("structure", -1),
    "formal": CheckedFamily("formality", 1),
    "informal": CheckedFamily("formality", -1),
    "no_self_praise": CheckedFamily("self_praise", -1),
    "no_generic_advice": CheckedFamily("generic_advice", -1),
    "user_language": CheckedFamily("user_language", 1),
    "exact_count": CheckedFamily("exact_count", 1),
    "no_exclamation": CheckedFamily("exclamation", -1),
    "no_counter_question": CheckedFamily("closing_question", -1),
    "brief_sentences": CheckedFamily("sentence_length", -1),
    "no_digits": CheckedFamily("digits", -1),
}
_OF_WORDS = {"avoids_word": ("word", -1)}


def family_of_check(check: str) -> CheckedFamily | None:
    """The family of a check such as ``concise`` or ``avoids_word:actually``; None where no family is like it."""
    name, _, word = check.partition(":")
    if name in _OF_WORDS:
        return CheckedFamily(*_OF_WORDS[name], word)
    return _FAMILIES.get(name)
