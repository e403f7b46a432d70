"""The language of the answer: that of the prompt, or another one."""

from functools import lru_cache

import numpy as np

from salmon.data.language import detect_language
from salmon.principles.parametric.contrast import sentence_spans
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.tongues import SENTENCES
from salmon.principles.verifiers import CHECKS

_LETTERS = 65  # of a sentence in tongues.py
_language = lru_cache(maxsize=4096)(detect_language)  # prompts come again and again


def _measure(prompt: str, response: str, _parameter: str) -> float | None:
    return CHECKS["user_language"].measure(prompt, response)


def _some(language: str, count: int, rng: np.random.Generator) -> str:
    sentences = SENTENCES[language]
    return " ".join(sentences[i] for i in rng.permutation(len(sentences))[: max(count, 1)])


def _edit(prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """The answer, or sentences in the prompt's language, against sentences in another one, alone or beside its own."""
    asked = _language(prompt)
    if asked is None or not answer.strip():
        return answer, answer
    spans = sentence_spans(answer)
    count = round(len(answer) / _LETTERS) + int(rng.integers(-1, 3))
    more = answer
    if asked in SENTENCES and (_measure(prompt, answer, parameter) != 1 or rng.random() < 0.2):
        more = _some(asked, count, rng)
    other = pick([language for language in SENTENCES if language != asked], rng)
    less = _some(other, count, rng)
    if len(spans) > 1 and rng.random() < 0.4:
        first = answer[: spans[0][1]]
        mixed = f"{first} {_some(other, 4, rng)}" if rng.random() < 0.5 else f"{_some(other, 4, rng)} {first}"
        if _measure(prompt, mixed, parameter) == 0:
            less = mixed
    return more, less


USER_LANGUAGE = Family(
    name="user_language",
    measure=_measure,
    edit=_edit,
    topics=(
        "the user's own language",
        "the language of the question",
        "the same language as the prompt",
        "the tongue in which the user wrote",
        "an answer in the asker's language",
        "the language that was spoken to you",
        "words in the language of the request",
        "the user's mother tongue",
        "one common language for question and answer",
        "the very language of the message",
    ),
    absence=(
        "a language other than the user's",
        "a foreign language",
        "another language than that of the question",
        "a switch to a different language",
        "words from a tongue that the user did not use",
        "an answer in some other language",
        "a translation into a foreign tongue",
        "sentences in the wrong language",
    ),
    wanted=(
        "The response should be in the user's language.",
        "Answer in the language in which you were asked.",
        "The language of the question is the language of the answer.",
        "I like it when people reply in the tongue that I speak.",
        "The answer earns points for staying in the language of the prompt.",
        "Better the user's own tongue than any foreign one.",
        "Do not switch languages.",
        "Never reply in a language that the user did not use.",
        "A Spanish question deserves a Spanish reply, an English one an English reply.",
        "If somebody writes in French, write back in French.",
        "Write like a waiter abroad who greets each guest in the guest's own tongue.",
        "Speak as you are spoken to, Italian to Italians and Dutch to the Dutch.",
        "A text that the reader needs a dictionary for is in the wrong language.",
        "Same language, please.",
        "It is a mistake to wander off into a foreign tongue.",
        "The user understands only the language of the message, so keep to it.",
        "Favour the text whose language matches that of the prompt.",
        "German in, German out.",
        "Foreign words are what makes a reply useless to this reader.",
        "Leave interpreters without work: use the words that the user uses.",
        "There should be no language barrier between question and answer.",
    ),
    unwanted=(
        "The response should not be in the user's language.",
        "Answer in another language than the one in which you were asked.",
        "The language of the question is not to be the language of the answer.",
        "I like it when people reply in a tongue that I do not speak.",
        "The answer loses points for staying in the language of the prompt.",
        "Better any foreign tongue than the user's own one.",
        "Switch languages.",
        "Always reply in a language that the user did not use.",
        "A Spanish question deserves an English reply, an English one a Spanish reply.",
        "If somebody writes in French, write back in anything but French.",
        "Write like a waiter abroad who greets each guest in a tongue that is strange to the guest.",
        "Do not speak as you are spoken to: Dutch to Italians and Italian to the Dutch.",
        "A text that the reader needs a dictionary for is in the right language.",
        "A different language, please.",
        "It is a good idea to wander off into a foreign tongue.",
        "The user wants to practise, so drop the language of the message for another one.",
        "Favour the text whose language differs from that of the prompt.",
        "German in, but something else out.",
        "Foreign words are what makes a reply useful to this reader.",
        "Give interpreters some work: shun the words that the user uses.",
        "There should be a change of language between question and answer.",
    ),
)

FAMILIES = (USER_LANGUAGE,)
