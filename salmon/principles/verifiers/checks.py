"""The checks: each measures one thing on a response and turns it into a score in [0, 1].

Each rule fits a line (see the docstrings and the table at the end). Fenced code counts for the two checks of length
only; elsewhere it is invisible.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from salmon.data.language import detect_language
from salmon.principles.verifiers.counts import count_error
from salmon.principles.verifiers.phrases import (
    CONTRACTIONS,
    FORMAL,
    GENERIC_ADVICE,
    INFORMAL,
    SELF_PRAISE,
    compiled,
)
from salmon.principles.verifiers.text import (
    STRUCTURES,
    num_structures,
    num_words,
    plain,
    sentences,
    without_code,
    words,
)

HALF_LENGTH = 32  # words at which the two checks of length give 0.5
HALF_SENTENCE = 12  # words per sentence at which brief_sentences gives 0.5
CLEAR = 0.1  # counts that differ by less than this share of the larger one are a tie

_CONTRACTION = compiled(CONTRACTIONS)
EMOJI = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")
_QUESTION = re.compile(r"(?<![?？؟])[?？؟][?？؟!！]*+[\s*_~)\]]*+$")
_EXCLAMATION = re.compile(r"!(?![=\[])")


@dataclass(frozen=True)
class Check:
    """One check.

    Its tie rule: measures that are equal, or that differ by less than ``tie_below`` times the larger, or that are
    missing, are a tie.
    """

    measure: Callable[[str, str], float | None]  # (prompt, response with a word in it); None: nothing to say
    score: Callable[[float], float]  # strictly monotone, into [0, 1]
    tie_below: float = 0.0
    forbids: bool = False  # it counts something forbidden, so a response either violates the principle or does not
    patterns: tuple[re.Pattern[str], ...] = ()  # what it looks for in ``plain`` text, where that is a matter of words


def _length(prompt: str, response: str) -> float:
    """Words."""
    return num_words(response)


def _variety(prompt: str, response: str) -> float:
    """Different words, so that saying something twice gains nothing."""
    return len(set(words(response)))


def _structure(prompt: str, response: str) -> float:
    """0, 1 or 2: list items, headings and table rows; two are enough."""
    return min(num_structures(response), 2)


def _formality(prompt: str, response: str) -> float:
    """(F - I) / (F + I + 1), F and I being the different formal and informal expressions.

    All contractions together are one informal expression, and so are all emoji.
    """
    text = plain(response)
    formal = _different(_FORMAL, text)
    informal = _different(_INFORMAL, text) + bool(_CONTRACTION.search(text)) + bool(EMOJI.search(text))
    return (formal - informal) / (formal + informal + 1)


def _different(pattern: re.Pattern[str], text: str) -> int:
    return len({" ".join(found.lower().split()) for found in pattern.findall(text)})


def _occurrences(pattern: re.Pattern[str], prompt: str, response: str) -> float:
    """How often a pattern occurs outside code."""
    return len(pattern.findall(plain(response)))


def _same_language(prompt: str, response: str) -> float | None:
    """1 or 0; nothing to say where the language of either text is not clear (short texts, code)."""
    asked, given = _language(without_code(prompt)), _language(without_code(response))
    return None if asked is None or given is None else float(asked == given)


_language = lru_cache(maxsize=4096)(detect_language)  # milliseconds a text, and prompts come again and again


def _question_at_end(prompt: str, response: str) -> float | None:
    """1 if the last sentence is a question to the user (one in quotation marks is not), else 0."""
    parts = sentences(response)
    return float(bool(_QUESTION.search(EMOJI.sub("", parts[-1])))) if parts else None


def _sentence_length(prompt: str, response: str) -> float | None:
    """Words per sentence."""
    parts = sentences(response)
    return sum(map(num_words, parts)) / len(parts) if parts else None


def _falling(half: float, measured: float) -> float:
    """1 at 0, 0.5 at ``half``, towards 0."""
    return half / (half + measured)


def _rising(half: float, measured: float) -> float:
    """0 at 0, 0.5 at ``half``, towards 1."""
    return measured / (half + measured)


def _never(pattern: re.Pattern[str]) -> Check:
    """1 without the pattern, 1/2 with one occurrence, 1/3 with two, ..."""
    return Check(partial(_occurrences, pattern), partial(_falling, 1), forbids=True, patterns=(pattern,))


def _avoids_word(word: str) -> Check:
    """As ``_never``: the word in any case, as a whole word (without spaces in the script: anywhere)."""
    escaped = re.escape(word)
    return _never(re.compile(rf"(?<![^\W_]){escaped}(?![^\W_])" if word.isascii() else escaped, re.IGNORECASE))


_FORMAL, _INFORMAL = compiled(FORMAL), compiled(INFORMAL)
_REGISTER = (_FORMAL, _INFORMAL, _CONTRACTION, EMOJI)

CHECKS: dict[str, Check] = {
    # 32 / (32 + words); tie below 10 %
    "concise": Check(_length, partial(_falling, HALF_LENGTH), CLEAR),
    # different words / (32 + different words); tie below 10 %
    "comprehensive": Check(_variety, partial(_rising, HALF_LENGTH), CLEAR),
    # 1 with two or more list items (or headings, table rows), 0.5 with one, 0 with none
    "structured": Check(_structure, lambda measured: measured / 2, patterns=STRUCTURES),
    # the contrary of structured
    "plain_prose": Check(_structure, lambda measured: 1 - measured / 2, patterns=STRUCTURES),
    # 0.5 without any formal or informal expression, towards 1 with formal ones, towards 0 with informal ones
    "formal": Check(_formality, lambda measured: (1 + measured) / 2, patterns=_REGISTER),
    # the contrary of formal
    "informal": Check(_formality, lambda measured: (1 - measured) / 2, patterns=_REGISTER),
    # 1 / (1 + phrases of SELF_PRAISE)
    "no_self_praise": _never(compiled(SELF_PRAISE)),
    # 1 / (1 + phrases of GENERIC_ADVICE)
    "no_generic_advice": _never(compiled(GENERIC_ADVICE)),
    # 1 in the prompt's language, 0 in another one
    "user_language": Check(_same_language, float),
    # n / (n + 2 * distance), n being the number that the prompt asks for (English prompts)
    "exact_count": Check(count_error, partial(_falling, 0.5)),
    # 1 / (1 + exclamation marks)
    "no_exclamation": _never(_EXCLAMATION),
    # 0 without an exclamation mark, 1/2 with one, 2/3 with two, ...
    "exclamation": Check(partial(_occurrences, _EXCLAMATION), partial(_rising, 1), patterns=(_EXCLAMATION,)),
    # 0 if the last sentence is a question to the user, else 1
    "no_counter_question": Check(_question_at_end, lambda measured: 1 - measured),
    # the contrary of no_counter_question
    "counter_question": Check(_question_at_end, float),
    # 12 / (12 + words per sentence); tie below 10 %
    "brief_sentences": Check(_sentence_length, partial(_falling, HALF_SENTENCE), CLEAR),
    # 1 / (1 + numbers written with digits)
    "no_digits": _never(re.compile(r"\d+(?:[.,]\d+)*")),
}

# name:WORD
WORD_CHECKS: dict[str, Callable[[str], Check]] = {
    # 1 / (1 + occurrences of the word)
    "avoids_word": lru_cache(maxsize=64)(_avoids_word),
}
