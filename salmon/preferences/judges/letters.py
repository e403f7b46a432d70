"""Log-odds of "a" against "b" from the log-probs that a server lists for its next token."""

import math
from collections.abc import Sequence

# Around a letter, none of these makes it another answer: " a", "(a", "A", "**a" and "a)" all say a. The last
# three are how raw vocabularies write a space or a line break.
_AROUND = " \t\r\n()[]\"'`*.:\u0120\u2581\u010a"
# Log-probs below this count as this: OpenAI lists -9999 for "very unlikely", other servers minus infinity.
FLOOR = -50.0


def log_odds(top: Sequence[tuple[str, float]]) -> float | None:
    """log p(a) - log p(b); None where the list holds neither letter.

    Args:
        top: (token, log-prob) of the likeliest tokens.

    The probabilities of all tokens that write one letter are summed. A letter that is not listed is at most as
    likely as the last token that is, and gets that token's log-prob: the result is then a lower bound of the
    opinion's size, and its sign is right.
    """
    found = {letter: [max(lp, FLOOR) for token, lp in top if token.strip(_AROUND).lower() == letter] for letter in "ab"}
    if not any(found.values()):
        return None
    least = max(min(lp for _, lp in top), FLOOR)
    a, b = (_log_sum(found[letter]) if found[letter] else least for letter in "ab")
    return a - b


def _log_sum(logprobs: Sequence[float]) -> float:
    highest = max(logprobs)
    return highest + math.log(math.fsum(math.exp(lp - highest) for lp in logprobs))
