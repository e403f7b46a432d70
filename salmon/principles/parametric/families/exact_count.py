"""Exactly as many words, sentences, paragraphs or items as the prompt asks for."""

import numpy as np

from salmon.principles.parametric.contrast import sentence_spans
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.neutral import NEUTRAL
from salmon.principles.verifiers import num_words
from salmon.principles.verifiers.counts import CountRequest, count_error, requested_count
from salmon.principles.verifiers.text import sentences

_MOST = {"word": 120, "sentence": 20, "paragraph": 8, "item": 20}  # of more, no answer is made
_ITEM_WORDS = 12  # longer sentences are cut where they become list items
_STYLES = ("- ", "* ", "• ", "{}. ", "{}) ")


def _measure(prompt: str, response: str, _parameter: str) -> float | None:
    """0 at the right number, negative elsewhere."""
    error = count_error(prompt, response)
    return None if error is None else -error


def _pool(answer: str, unit: str, rng: np.random.Generator) -> list[str]:
    """The answer's own whole sentences, or lines if items are wanted, then plain sentences."""
    own = [answer[start:end].strip(" *_") for start, end in sentence_spans(answer)]
    own = [text for text in own if num_words(text) > 1 and text[-1] != ":"]
    if unit != "item":  # "Dear Mr." ends no sentence
        own = [text for text in own if len(sentences(f"{text} {NEUTRAL[0]}")) == 2]
    return own + [NEUTRAL[i] for i in rng.permutation(len(NEUTRAL))]


def _built(unit: str, number: int, pool: list[str], style: str) -> str:
    """A text with a number of a unit."""
    if unit == "word":
        words = [word for sentence in pool for word in sentence.split() if num_words(word) == 1]
        return " ".join(words[:number]).rstrip(",;:.") + "."
    if unit == "sentence":
        return " ".join(pool[:number])
    if unit == "paragraph":
        return "\n\n".join(" ".join(pool[2 * i : 2 * i + 2]) for i in range(number))
    items = [" ".join(sentence.rstrip(".!?").split()[:_ITEM_WORDS]) for sentence in pool[:number]]
    return "\n".join(style.format(i) + item for i, item in enumerate(items, 1))


def _wrong(request: CountRequest, rng: np.random.Generator) -> int:
    """Another number than the right one, near to it or far."""
    low, high = request.low, request.high
    options = [high + 1, high + 2, 2 * high, high + high // 2 + 1]
    options += [n for n in (low - 1, low - 2, low // 2, low // 3) if 0 < n < low]
    if request.unit == "word":  # one word more is lost on any reader
        options = [n for n in options if abs(n - low) > low / 8] or options
    return options[int(rng.integers(len(options)))]


def _edit(prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """The asked number of pieces against another; sometimes nearly the asked number against one further off."""
    request = requested_count(prompt)
    if request is None or request.high > _MOST[request.unit] or not answer.strip():
        return answer, answer
    pool, style = _pool(answer, request.unit, rng), pick(_STYLES, rng)
    right = int(rng.integers(request.low, request.high + 1))
    wrong = _wrong(request, rng)
    if rng.random() < 0.15:
        near, wrong = sorted((_wrong(request, rng), wrong), key=request.error)
        right = near if request.error(near) < request.error(wrong) else right
    more, less = (_built(request.unit, number, pool, style) for number in (right, wrong))
    own = _measure(prompt, answer, parameter)
    if own == 0 and rng.random() < 0.5:
        more = answer
    elif own and own < (_measure(prompt, more, parameter) or 0) and rng.random() < 0.3:
        less = answer
    return more, less


EXACT_COUNT = Family(
    name="exact_count",
    measure=_measure,
    edit=_edit,
    clear=0.1,
    topics=(
        "exactly the number of items that was asked for",
        "the requested number of words or sentences",
        "the right count",
        "precisely as many points as requested",
        "the quantity named in the question",
        "a list of the very length that the user ordered",
        "numerical obedience",
        "as many pieces as the user named",
        "an exact match with the number in the request",
        "the amount that the prompt specifies",
    ),
    absence=(
        "a wrong number of items",
        "more or fewer sentences than requested",
        "a count that differs from the one asked for",
        "some other number of points than the user named",
        "too many or too few entries",
        "a careless count",
        "deviations from the requested number",
        "a number of pieces of the writer's own choosing",
    ),
    wanted=(
        "The response should have exactly as many items as the user asked for.",
        "Stick to the number in the request.",
        "The requested count is to be met.",
        "I count along, and I want the sum to be right.",
        "The answer earns points if the number of its pieces is what was ordered.",
        "Better the exact number than one more or one less.",
        "Do not give more or fewer than the user named.",
        "Never stray from the quantity that the question states.",
        "Asked for three tips, give three.",
        "If five sentences are ordered, five have to be served.",
        "Write like a cashier who pays out to the penny.",
        "Count your pieces before you hand them over.",
        "A list that is one entry short is a failed list.",
        "The right number, please.",
        "It is a fault when the amount differs from the one in the prompt.",
        "Since the user has only that many slots, the entries must fit them exactly.",
        "Favour the text that delivers the ordered quantity.",
        "A baker's dozen is wrong where a dozen was ordered.",
        "Numbers in a request are law.",
        "Too many is as bad as too few; what was ordered is just right.",
        "When somebody wants a certain number of words, sentences or points, precisely that number will do.",
    ),
    unwanted=(
        "The response should not have as many items as the user asked for.",
        "Ignore the number in the request.",
        "The requested count is to be missed.",
        "I count along, and I want the sum to be wrong.",
        "The answer loses points if the number of its pieces is what was ordered.",
        "Better one more or one less than the exact number.",
        "Give more or fewer than the user named.",
        "Always stray from the quantity that the question states.",
        "Asked for three tips, give any number but three.",
        "If five sentences are ordered, serve four or seven.",
        "Write like a cashier who never pays out the right sum.",
        "Do not count your pieces before you hand them over; they had better not add up.",
        "A list that is one entry short is a fine list.",
        "A wrong number, please.",
        "It is a fault when the amount equals the one in the prompt.",
        "Since the user likes surprises, the entries must not fit the number that was named.",
        "Reject the text that delivers the ordered quantity.",
        "A baker's dozen is right where a dozen was ordered.",
        "Numbers in a request are there to be disobeyed.",
        "Too many is good and too few is good; what was ordered is wrong.",
        "When somebody wants a certain number of words, sentences or points, any other number will do.",
    ),
)

FAMILIES = (EXACT_COUNT,)
