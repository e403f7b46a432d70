"""How formal the language is."""

import re

import numpy as np

from salmon.principles.parametric.contrast import contrast, ended, placed, sentence_spans
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.short_forms import long_forms, short_forms
from salmon.principles.verifiers import CHECKS

_FORMAL_OPENINGS = (
    "Dear Sir or Madam,",
    "Please be advised that the following applies.",
    "It should be noted that the following remarks are of a general nature.",
    "The following statement is made with regard to the question.",
    "Regarding the matter in question, the position is as follows.",
    "With respect to the inquiry, the answer reads as follows.",
    "It is advisable to consider the points set out below.",
)
_INFORMAL_OPENINGS = (
    "Hey there!",
    "Hey, here goes.",
    "Okay, so here goes.",
    "Yeah, sure thing.",
    "Yep, easy one.",
    "Wow, fun question.",
    "Hiya!",
    "Howdy, folks!",
    "Dude, this one is easy.",
    "Haha, good one.",
    "Ok, gotcha.",
)
_FORMAL_CLOSINGS = (
    "In conclusion, one should proceed with care.",
    "The above shall be read in accordance with the general rules.",
    "It is therefore recommended that the matter be examined further.",
    "Accordingly, it would be prudent to proceed in this manner.",
    "The persons to whom this applies shall take note thereof.",
    "Further particulars pertaining to this matter are available upon request.",
    "It would be appropriate to verify these statements prior to any decision.",
    "Thus, the matter may hereby be regarded as settled.",
)
_INFORMAL_CLOSINGS = (
    "No worries, it's pretty much done.",
    "So yeah, go for it!",
    "Pretty cool, huh?",
    "Super easy, no biggie.",
    "And yep, that's all, folks.",
    "You're gonna be totally fine, buddy.",
    "It's awesome, lol.",
    "That's kinda it, tbh.",
    "Anyway, check it out, guys.",
    "Cool stuff, bro.",
)
_CONNECTORS = (
    "Furthermore, Moreover, Therefore, Consequently, Accordingly, Subsequently, Additionally, Nevertheless, "
    "Nonetheless, Thus, Hence, In addition,"
).split(", ")
_FILLERS = ("Okay, so", "Yeah,", "Oh wow,", "Btw,", "Tbh,", "You know what,", "Dude,", "Imo,", "Well folks,", "Ok,")
_FORMAL_WORDS = (
    (r"\buse\b", "utilize"),
    (r"\bused\b", "utilized"),
    (r"\babout\b", "regarding"),
    (r"\bbefore\b", "prior to"),
    (r"\bwhile\b", "whereas"),
    (r"\bwill\b", "shall"),
    (r"\bso that\b", "in order to ensure that"),
    (r"\b(?<!in order )to (?=make|get|keep|find|help|create|improve|avoid|see|learn|take)", "in order to "),
    (r"\band then\b", "and subsequently"),
    (r"\bYou should\b", "One should"),
)
_INFORMAL_WORDS = (
    (r"\bgoing to (?=[a-z]+)", "gonna "),
    (r"\b(?:want|wants) to\b", "wanna"),
    (r"\b(?:have|need|has) to\b", "gotta"),
    (r"\b(?:many|several|numerous|various|a lot of)\b", "tons of"),
    (r"\b(?:some|a number of)\b", "a bunch of"),
    (r"\bpeople\b", "folks"),
    (r"\b(?:great|excellent|wonderful|amazing)\b", "awesome"),
    (r"\b(?:completely|entirely|fully|really|truly)\b", "totally"),
    (r"\bbecause\b", "cuz"),
    (r"\b(?:almost|basically|essentially|mostly)\b", "pretty much"),
    (r"\bsomewhat\b", "kinda"),
    (r"\bYes\b", "Yep"),
    (r"\bNo,", "Nope,"),
)


def _measure(prompt: str, response: str, _parameter: str) -> float | None:
    return CHECKS["formal"].measure(prompt, response)


def _reworded(text: str, words: tuple[tuple[str, str], ...], rng: np.random.Generator) -> str:
    fitting = [(pattern, new) for pattern, new in words if re.search(pattern, text)]
    for i in rng.permutation(len(fitting))[: int(rng.integers(1, 4))]:
        pattern, new = fitting[i]
        text = re.sub(pattern, new, text, count=1)
    return text


def _dressed(
    text: str,
    start: tuple[str, ...],
    middle: tuple[str, ...] | list[str],
    end: tuple[str, ...],
    rng: np.random.Generator,
) -> str:
    """The text with one to three turns at its start, at its end, or in front of a sentence."""
    for i in rng.permutation(3)[: int(rng.integers(1, 4))]:
        spans = sentence_spans(text)
        if i == 0:
            text = placed(text, pick(start, rng), 0)
        elif i == 1 and spans:
            at = spans[int(rng.integers(len(spans)))][0]
            text = f"{text[:at]}{pick(middle, rng)} {_lower(text[at:])}"
        else:
            text = placed(ended(text), pick(end, rng), len(spans))
    return text


def _lower(text: str) -> str:
    """In front of a sentence's first word, where that is one that is only written large at the start."""
    return re.sub(r"^(?:The|This|It|In|A|An|These|There|You|We|They|To|If|When|For|One|Yes|No)\b", _lowered, text)


def _lowered(found: re.Match[str]) -> str:
    return found[0].lower()


def _edit(_prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Formal words and turns in the one, colloquial ones in the other; one of the two sometimes stays plain."""
    for _ in range(4):
        formal = _reworded(long_forms(answer), _FORMAL_WORDS, rng)
        casual = _reworded(short_forms(answer, rng), _INFORMAL_WORDS, rng)
        if rng.random() < 0.7:
            formal = _dressed(formal, _FORMAL_OPENINGS, _CONNECTORS, _FORMAL_CLOSINGS, rng)
        if rng.random() < 0.7:
            casual = _dressed(casual, _INFORMAL_OPENINGS, _FILLERS, _INFORMAL_CLOSINGS, rng)
        way = rng.random()
        more, less = (formal, answer) if way < 0.15 else (answer, casual) if way < 0.3 else (formal, casual)
        if FORMALITY.prefers("", more, less, parameter) == 1:
            return more, less
    formal, casual = pick(_FORMAL_CLOSINGS, rng), pick(_INFORMAL_CLOSINGS, rng)
    return contrast(long_forms(answer), formal, rng, place="end", plain=(casual,))


FORMALITY = Family(
    name="formality",
    measure=_measure,
    edit=_edit,
    clear=0.1,
    topics=(
        "formal language",
        "a formal tone",
        "official-sounding language",
        "the register of a business letter",
        "dignified wording",
        "ceremonious phrasing",
        "the elevated style of official documents",
        "words like furthermore and therefore",
        "proper, professional English",
        "the stiff manners of an official letter",
        "a solemn register",
        "bookish connecting words",
        "a distanced and professional voice",
    ),
    absence=(
        "slang",
        "a casual tone",
        "chatty language",
        "everyday talk",
        "colloquial expressions",
        "the tone of a text message among friends",
        "words like gonna, yeah and cool",
        "relaxed, folksy wording",
        "street language",
        "a laid-back voice",
        "the way buddies talk",
        "informal English",
    ),
    wanted=(
        "The response should be written in formal language.",
        "Write as one would write to a judge.",
        "Keep the tone official throughout.",
        "Slang has no business here.",
        "The user expects the manners of a business letter.",
        "I like answers that wear a suit and tie.",
        "Chatty answers are marked down.",
        "The more dignified the wording, the better the reply.",
        "A dignified register is worth more to this reader than warmth.",
        "Do not slip into everyday talk.",
        "Never drop the professional distance.",
        "Colloquial words cost points.",
        "It would be wrong to sound casual here.",
        "If a sentence could be said at a barbecue, it does not belong in the text.",
        "Answer in the way that an ambassador speaks at a reception.",
        "Prefer words such as furthermore, regarding and consequently to their everyday cousins.",
        "Nobody should be able to mistake this for a chat between friends.",
        "There is nothing wrong with stiff and ceremonious English.",
        "Please be solemn rather than chummy.",
        "Formal, please.",
        "The text will be read out in court, so its language has to be beyond reproach.",
        "Praise the answer whose language could stand in a contract.",
        "Of two answers, the one that keeps its jacket buttoned wins.",
        "This reader finds words like yeah and awesome embarrassing.",
        "Spare me the hey and the gonna.",
        "Leave out everything that smells of text messages.",
        "An answer without a single colloquial turn deserves applause.",
        "The register of a legal notice is what we are after.",
        "Since the reader is a minister, choose your words as protocol demands.",
        "A relaxed and breezy voice is what makes an answer poor.",
        "Polished, official English is prized here.",
        "Writing that keeps a respectful distance is the writing to choose.",
        "Unbuttoned language makes the reader frown.",
    ),
    unwanted=(
        "The response should be written in casual language.",
        "Write as one would write to a pal.",
        "Keep the tone relaxed throughout.",
        "Stiff, official wording has no business here.",
        "The user expects the manners of a chat in the pub.",
        "I like answers that wear jeans and sneakers.",
        "Ceremonious answers are marked down.",
        "The more everyday the wording, the better the reply.",
        "Warmth and slang are worth more to this reader than a dignified register.",
        "Do not slip into official language.",
        "Never put on a professional distance.",
        "Colloquial words earn points.",
        "It would be wrong to sound official here.",
        "If a sentence could stand in a legal notice, it does not belong in the text.",
        "Answer in the way that mates talk at a barbecue.",
        "Prefer words such as yeah, gonna and cool to their buttoned-up cousins.",
        "Nobody should be able to mistake this for a letter from the authorities.",
        "There is nothing wrong with slang and sloppy everyday English.",
        "Please be chummy rather than solemn.",
        "Keep it casual.",
        "The text goes into a group chat, so it has to sound like one.",
        "Praise the answer whose language could stand in a text message.",
        "Of two answers, the one that loosens its tie wins.",
        "This reader finds words like furthermore and regarding ridiculous.",
        "Spare me the moreover and the hence.",
        "Leave out everything that smells of offices and contracts.",
        "An answer that sounds like a lawyer deserves to fail.",
        "A chatty, down-to-earth voice is what we are after.",
        "Since the reader is a teenager, talk the way kids talk.",
        "A ceremonious and dignified voice is what makes an answer poor.",
        "Loose, colloquial English is prized here.",
        "Writing that gives the reader a slap on the back is the writing to choose.",
        "Official language makes the reader yawn.",
    ),
)

FAMILIES = (FORMALITY,)
