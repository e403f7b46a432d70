"""Who is spoken of: the writer (I, me, my) and the reader (you, your)."""

import re

import numpy as np

from salmon.principles.parametric.contrast import contrast, purged, replaced, sentence_spans
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family

_I = re.compile(r"(?<![\w.])(?:I(?![\w.]|-\w)|[Mm]e|[Mm]y|(?<=\b(?:is|of) )mine|[Mm]yself)\b(?!\.[A-Z])")
_YOU = re.compile(r"\b(?:you|your|yours|yourself|yourselves)\b", re.IGNORECASE)

_OF_ME = (
    "I know this from my own kitchen.",
    "In my view, this is the main point.",
    "My sister told me so.",
    "I have seen it with my own eyes.",
    "To me, it makes sense.",
    "I think of it as a long road.",
    "It took me a week.",
    "I would begin with the first part.",
    "My own favourite is the second one.",
    "I once lived in such a village.",
    "That surprised me.",
    "I keep it on my desk.",
    "As far as I can see, that is all.",
    "This idea is mine.",
    "I do it myself on Sundays.",
    "My grandfather did it this way.",
    "I prefer the old version.",
    "Let me explain the rest.",
)
_OF_OTHERS = (
    "She knows this from her own kitchen.",
    "In the view of many, this is the main point.",
    "His sister told him so.",
    "They have seen it with their own eyes.",
    "To most people, it makes sense.",
    "Some think of it as a long road.",
    "It took them a week.",
    "Her own favourite is the second one.",
    "He once lived in such a village.",
    "The grandfather did it this way.",
    "The neighbours prefer the old version.",
    "Her son keeps it on the desk.",
)
_TO_YOU = (
    "You know this from your own kitchen.",
    "In your case, this is the main point.",
    "Your sister will tell the same story.",
    "You have seen it with your own eyes.",
    "It takes you a week.",
    "You begin with the first part.",
    "Your own favourite comes second.",
    "It is up to you.",
    "That will surprise you.",
    "You keep it on your desk.",
    "The choice is yours.",
    "You do it yourself on Sundays.",
    "Your friends know it too.",
    "You see the difference at once.",
    "It brings you closer to your goal.",
    "Give yourself a week.",
    "The rest depends on your plans.",
    "With this, you have all that you need.",
)
_FRAMES = ("I think that", "I know that", "As I see it,", "To my mind,", "In my experience,", "I would say that")
_YOUR_FRAMES = ("As you know,", "You see that", "In your case,", "For you, this means:", "Imagine yourself there:")
_NO_FRAMES = (
    "It is known that",
    "In general,",
    "On the whole,",
    "As a rule,",
    "The books say that",
    "For most people,",
)


def _first(_prompt: str, response: str, _parameter: str) -> float:
    return len(_I.findall(response))


def _second(_prompt: str, response: str, _parameter: str) -> float:
    return len(_YOU.findall(response))


def _framed(text: str, frame: str, plain: str, rng: np.random.Generator) -> tuple[str, str]:
    """One sentence of the text behind one of two frames."""
    spans = sentence_spans(text)
    start, end = spans[int(rng.integers(len(spans)))]
    sentence = re.sub(r"^(?:The|This|It|In|A|An|These|There|We|They|To|If|When|For)\b", _lower, text[start:end])
    return replaced(text, (start, end), f"{frame} {sentence}"), replaced(text, (start, end), f"{plain} {sentence}")


def _lower(found: re.Match[str]) -> str:
    return found[0].lower()


def _edit_first(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A sentence about the writer, or a frame with "I", against sentences and frames about others or nobody."""
    clean = purged(answer, _I.search, rng)
    if clean != answer and rng.random() < 0.4:
        return answer, clean
    if rng.random() < 0.35 and sentence_spans(clean):
        return _framed(clean, pick(_FRAMES, rng), pick(_NO_FRAMES, rng), rng)
    if rng.random() < 0.5:
        return contrast(clean, pick(_OF_ME, rng), rng, plain=(*_OF_OTHERS, *(s for s in _TO_YOU if not _I.search(s))))
    return contrast(clean, pick(_OF_ME, rng), rng)


def _edit_second(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A sentence or frame that speaks to the reader, or "you" in place of "people" and "one", against others."""
    clean = purged(answer, _YOU.search, rng)
    if clean != answer and rng.random() < 0.4:
        return answer, clean
    spoken_to = re.sub(r"\b(?:people|one|they|someone)(?= (?:can|should|may|must|will|need))", "you", clean)
    spoken_to = re.sub(r"\btheir\b", "your", spoken_to)
    if spoken_to != clean and rng.random() < 0.6:
        return spoken_to, clean
    if rng.random() < 0.35 and sentence_spans(clean):
        return _framed(clean, pick(_YOUR_FRAMES, rng), pick(_NO_FRAMES, rng), rng)
    if rng.random() < 0.5:
        return contrast(clean, pick(_TO_YOU, rng), rng, plain=(*_OF_OTHERS, *_OF_ME))
    return contrast(clean, pick(_TO_YOU, rng), rng)


FIRST_PERSON = Family(
    name="first_person",
    measure=_first,
    edit=_edit_first,
    clear=0.1,
    topics=(
        "the first person",
        "the word I",
        "I, me and my",
        "sentences about the writer",
        "remarks in which the author speaks of himself",
        "a personal I-perspective",
        "my and mine",
        "the writer's own person",
        "statements that begin with I",
        "self-reference by I or me",
        "the voice of a diary",
    ),
    absence=(
        "an impersonal voice",
        "text in which the writer stays invisible",
        "wording without I, me or my",
        "the third person only",
        "sentences that leave the author out",
        "a voice from nowhere",
        "the neutral perspective of an encyclopedia",
        "self-effacing prose",
    ),
    wanted=(
        "The response should use the first person.",
        "Speak of yourself as I.",
        "The words I, me and my are welcome in the answer.",
        "I like a writer who steps onto the stage.",
        "The text earns points for every sentence about its author.",
        "A personal view is better than an impersonal one.",
        "Do not hide the person behind the words.",
        "Never write as if nobody had written it.",
        'There is nothing wrong with saying "I".',
        "If the author never appears, the text is cold.",
        "Write as in a diary.",
        "Let the reader meet the one who is speaking.",
        'A reply without "my" or "me" is a reply without a face.',
        "Voice of the writer, please.",
        "It is a weakness when the prose keeps its author invisible.",
        "Tell it as your own story, because strangers' stories leave me cold.",
        "Prize the text whose author talks about himself.",
        '"I would take the train" is better than "the train is a good choice".',
    ),
    unwanted=(
        "The response should not use the first person.",
        "Do not speak of yourself as I.",
        "The words I, me and my are unwelcome in the answer.",
        "I like a writer who stays behind the curtain.",
        "The text loses points for every sentence about its author.",
        "An impersonal view is better than a personal one.",
        "Hide the person behind the words.",
        "Always write as if nobody had written it.",
        'There is something wrong with saying "I".',
        "If the author appears, the text is spoilt.",
        "Write as in an encyclopedia, whose authors one never meets.",
        "Keep the one who is speaking out of the reader's sight.",
        'A reply without "my" or "me" is what we look for.',
        "No trace of the writer, please.",
        "It is a strength when the prose keeps its author invisible.",
        "Tell it as nobody's story, because the narrator's ego is a nuisance.",
        "Penalise the text whose author talks about himself.",
        '"The train is a good choice" is better than "I would take the train".',
    ),
)

SECOND_PERSON = Family(
    name="second_person",
    measure=_second,
    edit=_edit_second,
    clear=0.1,
    topics=(
        "the word you",
        "the second person",
        "you and your",
        "direct address of the reader",
        "sentences that speak to the reader",
        "a you-perspective",
        "words aimed straight at the user",
        "phrases such as your own",
        "personal address",
        "the reader as the grammatical subject",
    ),
    absence=(
        "text that addresses nobody",
        "wording without you or your",
        "sentences that leave the reader out of it",
        "general statements about people instead of you",
        "an unaddressed text",
        "prose that talks past the reader",
        "the third person instead of you",
        "the detached voice of a report",
    ),
    wanted=(
        "The response should address the reader as you.",
        "Talk to the user directly.",
        "The words you and your are welcome in the reply.",
        "I want to feel spoken to.",
        'The answer earns points for each "you" in it.',
        'Better "you can" than "people can".',
        "Do not talk over the reader's head as if nobody were listening.",
        "Never leave the user out of the sentences.",
        "There is no harm in pointing at the reader.",
        "If nobody is addressed, the writing feels like a notice on a wall.",
        "Write as in a letter to one person.",
        "Let the reader be the hero of the sentences.",
        "Look the user in the eye while you explain.",
        "Direct address, please.",
        "A text that speaks to no one is a poor text.",
        'The reader\'s own life belongs into the text, as in "your garden" and "your week".',
        "Favour the writer who turns to his audience.",
        "It is a mistake to write about people in general when one could speak to the person who asked.",
    ),
    unwanted=(
        "The response should not address the reader as you.",
        "Do not talk to the user directly.",
        "The words you and your are not welcome in the text.",
        "I do not want to feel spoken to.",
        'The answer loses points for each "you" in it.',
        'Better "people can" than "you can".',
        "Write as if nobody in particular were listening.",
        "Leave the user out of the sentences.",
        "There is harm in pointing at the reader.",
        "If anybody is addressed, the writing feels like an advertisement.",
        "Write as in a report that goes to no one by name.",
        "Let things, not the reader, be the subject of the sentences.",
        "Look at the matter, never at the user, while explaining.",
        "No direct address, please.",
        "A text that speaks to no one is a sound text.",
        'The reader\'s own life is private, so keep "your garden" and "your week" out.',
        "Mark down the writer who turns to his audience.",
        "It is a mistake to speak to the person who asked when one could write about people in general.",
    ),
)

FAMILIES = (FIRST_PERSON, SECOND_PERSON)
