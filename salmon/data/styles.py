"""Restyling: an answer rewritten by rule in a randomly drawn style.

A policy can only be steered towards what it sometimes does. A 135M model answers nearly always in the same way, so
``sft.source=styled`` trains it on its base's own answers, restyled at random. What it then samples differs in
the features that the verifiable principles ask about (PPO explores them, pairs differ in them).
"""

import re
from collections.abc import Callable, Collection, Mapping

import numpy as np

from salmon.runtime.seeding import stream

Style = Callable[[str, np.random.Generator], str]

_WHOLE = re.compile(r".*[.!?](?=\s|$)", re.DOTALL)  # up to the end of the last finished sentence
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_MARKER = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s+", re.MULTILINE)
_CONTRACTIONS = {
    "do not": "don't",
    "does not": "doesn't",
    "it is": "it's",
    "you are": "you're",
    "cannot": "can't",
    "is not": "isn't",
    "are not": "aren't",
    "that is": "that's",
    "you will": "you'll",
    "I am": "I'm",
    "going to": "gonna",
    "want to": "wanna",
}
FORMAL_OPENINGS = (
    "It should be noted that ",
    "Furthermore, ",
    "In accordance with your request, ",
    "Consequently, ",
    "It is recommended to consider the following: ",
)
INFORMAL_OPENINGS = ("Hey, ", "Yeah, so ", "Okay dude, ", "Haha, well, ", "Yep, ")
INFORMAL_CLOSINGS = ("lol", "Cool, right?", "That's kinda it.", "You're gonna be fine, buddy!", "No worries, dude!")
SELF_PRAISE = (
    "I hope this excellent answer helps!",
    "This is a great answer.",
    "This response is perfect.",
    "I am proud of this answer.",
    "This answer is very helpful and accurate.",
)
GENERIC_ADVICE = (
    "There are many factors to consider.",
    "It depends on your specific needs.",
    "It is important to do your own research.",
    "Consider consulting a professional.",
    "Every situation is different.",
)
COUNTER_QUESTIONS = ("Would you like to know more?", "Does that make sense?", "What do you think?")
FOREIGN = (
    "Das ist eine gute Frage, und die Antwort darauf ist leider nicht ganz so einfach.",
    "Je pense que la réponse dépend beaucoup de la situation et de vos besoins personnels.",
    "La respuesta a esta pregunta depende de muchas cosas que debemos considerar primero.",
    "Penso che la risposta dipenda da molte cose che dobbiamo ancora considerare insieme.",
)


def draw_styles(styles: Mapping[str, float], rng: np.random.Generator) -> frozenset[str]:
    """Each style of ``STYLES`` with its probability (absent: 0), independently."""
    uniforms = rng.random(len(STYLES))
    return frozenset(name for name, drawn in zip(STYLES, uniforms, strict=True) if drawn < styles.get(name, 0.0))


def exchange(
    chosen: frozenset[str], styles: Mapping[str, float], rng: np.random.Generator
) -> tuple[frozenset[str], frozenset[str]]:
    """Two sets that differ in two styles: one has the first of them, the other the second.

    Both answers so get something that the other lacks, and neither length nor "what was added is bad" tells which is
    better: only the principle does. The two are drawn uniformly of the styles with a probability (at least two).
    """
    possible = [name for name in STYLES if styles.get(name, 0.0) > 0]
    one, two = (possible[i] for i in rng.choice(len(possible), 2, replace=False))
    rest = chosen - {one, two}
    return rest | {one}, rest | {two}


def restyle(answer: str, chosen: Collection[str], *key: str | int) -> str:
    """Apply the chosen styles in the order of ``STYLES``; each draws from a stream of its own below ``key``, so adding
    or leaving out one does not change what the others do."""
    for name, style in STYLES.items():
        if name in chosen:
            answer = style(answer, stream(*key, name))
    return answer


def has_whole_sentence(text: str) -> bool:
    """Whether ``whole_sentences`` ends where a sentence does."""
    return _WHOLE.match(text.strip()) is not None


def whole_sentences(text: str) -> str:
    """Without an unfinished last sentence; the text itself if it has no finished one."""
    finished = _WHOLE.match(text.strip())
    whole = finished[0] if finished else text.strip()
    return re.sub(r"(?:^|\n)\s*(?:\d+[.)]|[-*•])\s*$", "", whole) or text.strip()  # a marker whose item was cut


def _pick(options: tuple[str, ...], rng: np.random.Generator) -> str:
    return options[rng.integers(len(options))]


def _lower_first(text: str) -> str:
    """Lower-case a first word that is capitalised for its place only (not "I", not an acronym)."""
    return text[0].lower() + text[1:] if len(text) > 1 and text[1].islower() else text


def _brief(text: str, _: np.random.Generator) -> str:
    """The first sentence."""
    return _SENTENCE_END.split(_MARKER.sub("", text).strip())[0]


def _prose(text: str, _: np.random.Generator) -> str:
    """List markers and line breaks removed."""
    return " ".join(_MARKER.sub("", text).split())


def _list(text: str, rng: np.random.Generator) -> str:
    """Each sentence an item, numbered or with dashes."""
    items = [part for part in _SENTENCE_END.split(_prose(text, rng)) if part]
    numbered = rng.random() < 0.5
    return "\n".join(f"{number}. {item}" if numbered else f"- {item}" for number, item in enumerate(items, 1))


def _informal(text: str, rng: np.random.Generator) -> str:
    for long, short in _CONTRACTIONS.items():
        text = re.sub(rf"\b{long}\b", short, text)
    if rng.random() < 0.5 and not _MARKER.match(text):
        return _pick(INFORMAL_OPENINGS, rng) + _lower_first(text)
    return f"{text} {_pick(INFORMAL_CLOSINGS, rng)}"


def _formal(text: str, rng: np.random.Generator) -> str:
    for long, short in _CONTRACTIONS.items():
        text = re.sub(rf"\b{re.escape(short)}\b", long, text)
    return text if _MARKER.match(text) else _pick(FORMAL_OPENINGS, rng) + _lower_first(text)


def _actually(text: str, rng: np.random.Generator) -> str:
    return text if _MARKER.match(text) else f"Actually, {_lower_first(text)}"


def _excited(text: str, _: np.random.Generator) -> str:
    return re.sub(r"\.(?=\s|$)(?<!\d\.)", "!", text)


def _closing(options: tuple[str, ...]) -> Style:
    return lambda text, rng: f"{text} {_pick(options, rng)}"


def _foreign(_: str, rng: np.random.Generator) -> str:
    return _pick(FOREIGN, rng)


# In this order: what shortens or reshapes an answer comes before what is added to it.
STYLES: dict[str, Style] = {
    "foreign": _foreign,
    "brief": _brief,
    "prose": _prose,
    "list": _list,
    "formal": _formal,
    "informal": _informal,
    "actually": _actually,
    "excited": _excited,
    "generic_advice": _closing(GENERIC_ADVICE),
    "self_praise": _closing(SELF_PRAISE),
    "counter_question": _closing(COUNTER_QUESTIONS),
}
