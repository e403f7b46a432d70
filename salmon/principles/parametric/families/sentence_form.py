"""How many sentences an answer has, and how long they are."""

import numpy as np

from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import (
    clauses,
    finish,
    insert,
    lower_first,
    neutral,
    parts,
    separator,
    several_parts,
    shorten,
    unfinish,
    upper_first,
)
from salmon.principles.verifiers import CHECKS
from salmon.principles.verifiers.text import sentences

CLEAR = CHECKS["brief_sentences"].tie_below


def _count(_prompt: str, response: str, _parameter: str) -> float:
    return len(sentences(response))


def _words_each(prompt: str, response: str, _parameter: str) -> float | None:
    return CHECKS["brief_sentences"].measure(prompt, response)


def _joined(found: list[str], rng: np.random.Generator, share: float) -> str:
    """The sentences as text, a share of the borders between them (at least one) bridged."""
    borders = rng.permutation(len(found) - 1)[: max(1, round(share * (len(found) - 1)))]
    text = found[0]
    for place, sentence in enumerate(found[1:]):
        text = (
            f"{unfinish(text).rstrip('!?')}{separator(rng)}{lower_first(sentence)}"
            if place in borders
            else f"{text} {sentence}"
        )
    return text


def _cut(found: list[str]) -> list[str]:
    """All clauses of the sentences as sentences."""
    return [upper_first(finish(piece)) for sentence in found for piece in clauses(sentence)]


def _edit_count(prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Sentences bridged, cut in two, added or left out."""
    way = rng.random()
    if way < 0.3 and _count(prompt, less := shorten(answer, rng), parameter) < _count(prompt, answer, parameter):
        return answer, less
    if way < 0.5:
        more = answer
        for sentence in neutral(rng, int(rng.integers(1, 4))):
            more = insert(more, sentence, rng)
        return more, answer
    found = parts(answer)
    if way < 0.7 and len(pieces := _cut(found)) > len(found):
        return " ".join(pieces), " ".join(finish(part) for part in found)
    found = several_parts(answer, rng)
    return " ".join(found), _joined(found, rng, rng.uniform(0.2, 1.0))


def _edit_length(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Sentences bridged in the one answer, or cut into their clauses in the other, or both."""
    found = several_parts(answer, rng)
    apart = " ".join(found)
    way = rng.random()
    pieces = _cut(found)
    cut = " ".join(pieces)
    if way < 0.3 and len(pieces) > 1.2 * len(found):
        return apart, cut
    more, less = _joined(found, rng, rng.uniform(0.3, 1.0)), cut if way > 0.7 else apart
    longer = insert(less, neutral(rng)[0], rng)  # a short sentence more
    return more, longer if rng.random() < 0.4 and SENTENCE_LENGTH.prefers("", more, longer, "") == 1 else less


SENTENCE_COUNT = Family(
    name="sentence_count",
    measure=_count,
    edit=_edit_count,
    clear=CLEAR,
    topics=(
        "many sentences",
        "a large number of sentences",
        "several sentences",
        "one sentence after another",
        "a long row of sentences",
        "more sentences than one",
        "a high sentence count",
        "lots of separate sentences",
        "a chain of statements",
        "plenty of full stops",
    ),
    absence=(
        "few sentences",
        "a single sentence",
        "as few sentences as possible",
        "a low sentence count",
        "one sentence only",
        "a one-sentence reply",
        "hardly any full stops",
        "a small number of sentences",
    ),
    wanted=(
        "The response should have many sentences.",
        "Use a lot of sentences.",
        "The more sentences, the better.",
        "A reply in a single sentence is a poor reply.",
        "I want to count plenty of sentences.",
        "Each further sentence earns a point.",
        "One sentence is never enough.",
        "Let the answer run over several sentences.",
        "Do not squeeze everything into one sentence.",
        "The user likes texts with a high number of sentences.",
        "Of two answers, the one with more sentences wins.",
        "Add sentence upon sentence, as a mason lays brick on brick.",
        "If there is just one sentence, something is missing.",
        "Split the content over many statements, each with its own full stop.",
        "There cannot be too many sentences.",
        "Texts with only one or two sentences lose marks.",
        "A row of sentences, please.",
        "Spread it out: sentence after sentence.",
        "Writing that consists of numerous sentences is praised.",
        "Keep the sentences coming.",
    ),
    unwanted=(
        "The response should have few sentences.",
        "Use only a sentence or two.",
        "The fewer sentences, the better.",
        "A reply in a single sentence is a good reply.",
        "I do not want to count more than a sentence or two.",
        "Each further sentence costs a point.",
        "One sentence is enough.",
        "Do not let the answer run over several sentences.",
        "Squeeze everything into one sentence.",
        "The user likes texts with a low number of sentences.",
        "Of two answers, the one with fewer sentences wins.",
        "Put the whole answer between one capital letter and one full stop.",
        "If there is more than one sentence, something is superfluous.",
        "Bundle the content into as few statements as you can.",
        "There can be too many sentences, and mostly there are.",
        "Texts with a whole row of sentences lose marks.",
        "One sentence, please.",
        "After the first full stop, the text should be over.",
        "Writing that consists of numerous sentences is blamed.",
        "Stop after the first sentence if possible.",
    ),
)

SENTENCE_LENGTH = Family(
    name="sentence_length",
    measure=_words_each,
    edit=_edit_length,
    clear=CLEAR,
    topics=(
        "long sentences",
        "sentences with many words",
        "winding sentences",
        "sentences with several clauses",
        "clauses strung together",
        "drawn-out sentences",
        "extended sentences",
        "periods that run over several lines",
        "nested clauses",
        "a high number of words per sentence",
    ),
    absence=(
        "short sentences",
        "clipped sentences",
        "sentences of a few words",
        "brief statements",
        "a full stop after every thought",
        "simple main clauses",
        "choppy sentences",
        "a low number of words per sentence",
    ),
    wanted=(
        "The sentences should be long.",
        "Write long sentences.",
        "Longer sentences make the better text.",
        "String the clauses together.",
        "A sentence of five words is too short for this user.",
        "Let every sentence run on before it comes to its full stop.",
        "Choppy writing loses points.",
        "Join thoughts with commas and conjunctions rather than end the sentence.",
        "I enjoy sentences that take their time.",
        "Do not write clipped little sentences.",
        "Build sentences like a nineteenth-century novelist.",
        "Put off the full stop for as long as you can.",
        "Of two answers, prefer the one with more words to a sentence.",
        "The average sentence should be lengthy.",
        "Staccato is unwelcome; let it flow.",
        "There is nothing wrong with a sentence that fills three lines.",
        "Main clauses alone are dull, so add subordinate ones.",
        "Long, winding sentences, please.",
        "The reader should need a deep breath for every sentence.",
        "Merge short sentences into long ones.",
    ),
    unwanted=(
        "The sentences should be short.",
        "Write short sentences.",
        "Shorter sentences make the better text.",
        "Do not string clauses together.",
        "A sentence of twenty words is too long for this user.",
        "Let every sentence come to its full stop soon.",
        "Winding writing loses points.",
        "End the sentence rather than join thoughts with commas and conjunctions.",
        "I enjoy sentences that are over in a moment.",
        "Keep sentences clipped.",
        "Build sentences like a children's book.",
        "Do not put off the full stop.",
        "Of two answers, prefer the one with fewer words to a sentence.",
        "The average sentence should be brief.",
        "Staccato is welcome.",
        "A sentence that fills three lines is a fault.",
        "Subordinate clauses tire the reader, so use main clauses alone.",
        "Short, crisp sentences, please.",
        "The reader should need hardly any breath for a sentence.",
        "Cut long sentences into short ones.",
    ),
)

FAMILIES = (SENTENCE_COUNT, SENTENCE_LENGTH)
