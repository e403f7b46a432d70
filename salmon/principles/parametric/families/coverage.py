"""How much an answer covers: different words, so that saying something twice gains nothing."""

import numpy as np

from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import finish, insert, neutral, parts, prose, shorten
from salmon.principles.verifiers import CHECKS, num_words

CLEAR = CHECKS["comprehensive"].tie_below


def _variety(prompt: str, response: str, _parameter: str) -> float | None:
    return CHECKS["comprehensive"].measure(prompt, response)


def _edit(prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """The answer with further sentences or all of its own, against its beginning, said once or again and again."""
    full, thin = answer, answer
    way = rng.random()
    if way < 0.7:
        thin = shorten(answer, rng)
    if way > 0.5:
        for sentence in neutral(rng, int(rng.integers(1, 4))):
            full = insert(full, sentence, rng)
    while not _clear(prompt, full, thin, parameter):
        full = f"{finish(full)} {neutral(rng)[0]}"
    if rng.random() < 0.5 and num_words(thin) > 1:
        thin = _as_long_as(full, thin, rng)
    return full, thin


def _as_long_as(full: str, thin: str, rng: np.random.Generator) -> str:
    """The thin text with its own sentences said again until it is about as long as the full one, at most four times."""
    said = [finish(part) for part in parts(thin)]
    text = prose(thin)
    while said and num_words(text) < min(num_words(full), 4 * num_words(thin)):
        text = f"{finish(text)} {said[int(rng.integers(len(said)))]}"
    return text


def _clear(prompt: str, full: str, thin: str, parameter: str) -> bool:
    more, less = _variety(prompt, full, parameter) or 0.0, _variety(prompt, thin, parameter) or 0.0
    return more - less >= max(1.0, CLEAR * more)


COVERAGE = Family(
    name="coverage",
    measure=_variety,
    edit=_edit,
    clear=CLEAR,
    topics=(
        "detail",
        "thoroughness",
        "an in-depth treatment",
        "many different points",
        "comprehensive coverage",
        "further facts and sides of the matter",
        "rich content",
        "depth",
        "plenty of information",
        "a full account",
        "a wide range of aspects",
        "completeness",
    ),
    absence=(
        "superficial treatment",
        "a bare minimum of information",
        "a single point",
        "thin content",
        "a rough sketch of the matter",
        "sparse information",
        "a mere glance at the surface",
        "hardly any detail",
        "shallow coverage",
        "just the essential fact",
    ),
    wanted=(
        "The response should be detailed.",
        "Cover the topic thoroughly.",
        "Go into depth.",
        "A reply is the better, the more different points it makes.",
        "The user wants to know everything about it.",
        "Leave nothing out.",
        "I am curious and love details.",
        "Thin answers lose marks.",
        "Treat the matter like an encyclopedia would.",
        "Superficial writing has no place here.",
        "Depth is rewarded.",
        "Look at the question from all sides.",
        "An answer that only scratches the surface is worthless.",
        "Do not stop at the first point; bring in others.",
        "Of two texts, choose the one that tells the reader more.",
        "Be comprehensive.",
        "The reader should close the page well informed.",
        "It would be a shame to skip the details.",
        "Say all there is to say.",
        "Give the full picture, not a sketch.",
        "A rich text full of information is what pleases this user.",
        "Points are given for breadth and completeness.",
        "Dig deep.",
        "No aspect should be missing.",
        "Somebody who studies the subject must find enough in the reply.",
        "Further facts are always welcome.",
        "Be as exhaustive as a lawyer's brief.",
        "If the answer leaves gaps, it has failed.",
    ),
    unwanted=(
        "The response should not be detailed.",
        "Cover the topic only roughly.",
        "Stay on the surface.",
        "A reply is the better, the fewer different points it makes.",
        "The user wants to know only the one thing that matters.",
        "Leave nearly everything out.",
        "I am in a hurry and hate details.",
        "Answers that are packed with information lose marks.",
        "Treat the matter like a road sign would.",
        "Exhaustive writing has no place here.",
        "Depth is penalised.",
        "Look at the question from one side and leave it at that.",
        "An answer that scratches the surface is quite enough.",
        "Stop at the first point; bring in no others.",
        "Of two texts, choose the one that tells the reader less.",
        "Be superficial.",
        "The reader should not be burdened with information.",
        "It would be a shame to get lost in details.",
        "Say no more than the essential fact.",
        "Give a sketch, not the full picture.",
        "A rich text full of information is too much for this user.",
        "Points are taken away for breadth and completeness.",
        "Do not dig deep.",
        "Most aspects can be missing.",
        "Somebody who only wants the gist must not find more in the reply.",
        "Spare the user any further facts.",
        "Be as bare as a label on a jar.",
        "Thoroughness would be a mistake.",
    ),
)

FAMILIES = (COVERAGE,)
