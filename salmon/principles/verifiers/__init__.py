"""Does a response follow a principle? Programmatic checks, so that obedience can be measured without a judge.

``checks.py`` has the table of all checks with their rules, ``phrases.py`` the phrases they know. What all share:

- A response without a single word (empty, punctuation or emoji only) follows nothing: ``verify`` is 0, and
  ``compare`` is a tie whenever one of the two is like that, because its negation must not reward it either.
- Where a check has nothing to say (no number asked for, language unknown) ``verify`` is 0.5 and ``compare`` a tie.
"""

from salmon.data.checked import suggestion
from salmon.errors import SalmonError
from salmon.principles.verifiers.checks import CHECKS, WORD_CHECKS, Check
from salmon.principles.verifiers.phrases import CONTRACTIONS, FORMAL, GENERIC_ADVICE, INFORMAL, SELF_PRAISE
from salmon.principles.verifiers.text import is_word, num_words, plain_places

__all__ = [
    "CHECKS",
    "CONTRACTIONS",
    "FORMAL",
    "GENERIC_ADVICE",
    "INFORMAL",
    "SELF_PRAISE",
    "WORD_CHECKS",
    "check_problem",
    "compare",
    "counted_spans",
    "num_words",
    "verify",
    "violates",
]

UNKNOWN = 0.5  # the score where a check has nothing to say


def verify(check: str, prompt: str, response: str) -> float:
    """How well a response follows the principle, in [0, 1]; higher is better.

    Args:
        check: a key of ``CHECKS``, or ``NAME:WORD`` with a key of ``WORD_CHECKS``.

    Raises:
        SalmonError: there is no such check.
    """
    found = _check(check)
    if not num_words(response):
        return 0.0
    measured = found.measure(prompt, response)
    return UNKNOWN if measured is None else found.score(measured)


def compare(check: str, prompt: str, response_1: str, response_2: str) -> float:
    """``verify`` of response 1 minus that of response 2, in [-1, 1]; exactly 0.0 where the check calls it a tie.

    Raises:
        SalmonError: there is no such check.
    """
    found = _check(check)
    if not num_words(response_1) or not num_words(response_2):
        return 0.0
    one, two = found.measure(prompt, response_1), found.measure(prompt, response_2)
    if one is None or two is None or one == two or abs(one - two) < found.tie_below * max(one, two):
        return 0.0
    return found.score(one) - found.score(two)


def violates(check: str, prompt: str, response: str) -> bool | None:
    """Whether the response contains what the principle forbids; ``None`` for a check that forbids nothing.

    Raises:
        SalmonError: there is no such check.
    """
    found = _check(check)
    return bool(found.measure(prompt, response)) if found.forbids else None


def counted_spans(check: str, response: str) -> list[tuple[int, int]]:
    """(start, end) of each place of a response that the check counts; none for a check that counts no words.

    Raises:
        SalmonError: there is no such check.
    """
    patterns = _check(check).patterns
    found = plain_places(response) if patterns else None
    if found is None:
        return []
    text, places = found
    spans = {(places[m.start()], places[m.end() - 1] + 1) for p in patterns for m in p.finditer(text) if m.group()}
    return sorted(spans)


def check_problem(check: str) -> str | None:
    """What is wrong with the name of a check; ``None`` if it can be used."""
    name, colon, word = check.partition(":")
    if name in WORD_CHECKS and not is_word(word):
        return f'the check "{check}" must name one word, as in "{name}:actually"'
    if name in CHECKS and colon:
        return f'the check "{name}" takes no argument, but "{check}" has one'
    if name in CHECKS or name in WORD_CHECKS:
        return None
    known = [*CHECKS, *WORD_CHECKS]
    return f'there is no check "{check}"{suggestion(name, known)}; there are {", ".join(known)}'


def _check(check: str) -> Check:
    problem = check_problem(check)
    if problem:
        raise SalmonError(f"{problem}. Correct it in the bank of principles.")
    name, _, word = check.partition(":")
    return WORD_CHECKS[name](word) if name in WORD_CHECKS else CHECKS[name]
