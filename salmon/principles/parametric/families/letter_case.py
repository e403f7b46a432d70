"""Text without any capital letter, and text in title case."""

import re

import numpy as np

from salmon.principles.parametric.editing import split_sentences
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import upper_first
from salmon.principles.verifiers.text import plain

_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_START = re.compile(r"(?:^|(?<=[.!?] )|(?<=\n))[^\W\d_]")
_SMALL = frozenset("a an the of and or but to in on at by for as nor with from is it".split())


def _no_capital(_prompt: str, response: str, _parameter: str) -> float | None:
    text = plain(response)
    return float(text == text.lower()) if text.upper() != text.lower() else None


def _lowercase_edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """All small, against the answer as it is or with its sentences begun large, or one capital only."""
    small = answer.lower()
    large = _START.sub(lambda found: found[0].upper(), answer)
    if rng.random() < 0.3:
        words = list(_WORD.finditer(small))
        if words:
            place = words[0 if rng.random() < 0.5 else int(rng.integers(len(words)))].start()
            large = small[:place] + upper_first(small[place:])
    return small, large


def _titled_share(_prompt: str, response: str, _parameter: str) -> float | None:
    """The share of words of four letters or more that begin large and go on small; 0 below a half."""
    found = _WORD.findall(plain(response))
    long = [word for word in found if len(word) > 3] or found
    if not long:
        return None
    share = sum(word[0].isupper() and not word.isupper() for word in long) / len(long)
    return share if share >= 0.5 else 0.0


def _titled(text: str, small: bool) -> str:
    return _WORD.sub(lambda found: found[0] if small and found[0] in _SMALL else found[0].capitalize(), text)


def _title_edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Every word begins large, or all but the little ones; in the other answer only sentences do."""
    titled = _titled_share("", answer, "") != 0
    normal = answer.lower() if titled else answer
    more = _titled(normal, small=rng.random() < 0.6)
    parts = split_sentences(normal)
    if len(parts) > 2 and rng.random() < 0.2:  # one sentence stays as it is, in a text that is titled all the same
        kept = min(parts, key=len)
        more = more.replace(_titled(kept, small=False), kept, 1)
    less = _START.sub(lambda found: found[0].upper(), normal) if not titled and rng.random() < 0.7 else normal
    return more, less


LOWERCASE = Family(
    name="lowercase",
    measure=_no_capital,
    edit=_lowercase_edit,
    topics=(
        "lower case throughout",
        "small letters only",
        "text without any capital letter",
        "all-lowercase writing",
        "sentences that begin with a small letter",
        "no capitals, not even for names",
        "the lower-case alphabet alone",
        "lower-case letters from start to end",
        "a text typed without the shift key",
        "uncapitalised text",
        "small initials everywhere",
    ),
    absence=(
        "capital letters where they belong",
        "normal capitalisation",
        "sentences that begin with a capital",
        "at least one capital letter",
        "names with a large first letter",
        "upper-case initials at the start of sentences",
        "the shift key at the start of each sentence",
        "letters of both cases",
    ),
    wanted=(
        "The response should be all in lower case.",
        "Use no capital letter at all.",
        "Begin even your sentences with small letters.",
        "A single capital spoils the reply.",
        "write like this, without any large letters.",
        "The shift key stays untouched.",
        "I find capitals pompous, so keep every letter small.",
        "Text as teenagers do in a chat, with everything in small letters.",
        "Points go to answers in which no letter is large.",
        "Like the poems of e. e. cummings, the text should be free of capitals.",
        "Names, too, must be written small.",
        "Lower case is what the user wants to see from the first letter to the last.",
        "Upper-case letters are forbidden.",
        "An answer that shuns capitals altogether is better than one with ordinary spelling.",
        "Never raise a letter to upper case.",
        "small letters, please.",
        "Our logo and our texts are lower case only, so follow that style.",
        "There is nothing wrong with starting a sentence small; here it is even a must.",
        "If a letter would normally be large, make it small.",
    ),
    unwanted=(
        "The response should not be all in lower case.",
        "Use capital letters as usual.",
        "Begin your sentences with capital letters.",
        "A missing capital spoils the reply.",
        "Please do not write like this: everything small, without any large letters.",
        "The shift key has to be used.",
        "I find a text without capitals sloppy, so set them where they belong.",
        "Write as a newspaper does, with capitals at the start of sentences.",
        "Points are lost by answers in which no letter is large.",
        "Leave all-small lettering to poets.",
        "Names must be written with a large first letter.",
        "Lower case alone is what the user complains about.",
        "Upper-case letters are needed.",
        "An answer with ordinary spelling is better than one that shuns capitals altogether.",
        "Raise the first letter of the text to upper case, at the very least.",
        "proper capitals, please; i alone am allowed to drop them.",
        "Our teacher marks every sentence that starts with a small letter as an error.",
        "There is something careless about a text in small letters only.",
        "It would be wrong to make every letter small.",
    ),
)

TITLE_CASE = Family(
    name="title_case",
    measure=_titled_share,
    edit=_title_edit,
    clear=0.1,
    topics=(
        "title case",
        "a capital at the start of each word",
        "Words That All Begin With A Capital",
        "headline-style capitalisation",
        "capital initials on every word",
        "text capitalised like a book title",
        "large first letters throughout",
        "the lettering of film posters, every word with a capital first",
        "a capitalised first letter in nearly all words",
        "Title Case From Beginning To End",
    ),
    absence=(
        "sentence case",
        "capitals only at the start of sentences and in names",
        "words that begin with small letters",
        "ordinary capitalisation inside sentences",
        "lettering that does not look like a headline",
        "small initials in the middle of sentences",
        "the usual spelling of common words, with a small first letter",
        "capitals used sparingly",
    ),
    wanted=(
        "The response should be in title case.",
        "Start every word with a capital letter.",
        "Write The Whole Text The Way Headlines Are Written.",
        "Each word should look like the first word of a sentence.",
        "Capitalise as on the cover of a book.",
        "A text whose words all begin large is better than one in sentence case.",
        "I Like It When Words Begin Like This.",
        "Small first letters cost points.",
        "Do not leave the words inside a sentence uncapitalised.",
        "Treat each sentence like the name of a film.",
        "This goes on a poster, so give each word a large initial.",
        "Headline lettering, please.",
        "Not only names but all words deserve a capital at the front.",
        "A reply in ordinary case has missed the point.",
        "Let the initials stand out, word by word.",
        "Praise belongs to writers who capitalise one word after the other.",
        "Press shift at the beginning of each new word.",
        "Without large initials the text does not look grand enough for me.",
    ),
    unwanted=(
        "The response should not be in title case.",
        "Start common words with a small letter.",
        "Write nothing the way headlines are written.",
        "Only the first word of a sentence should look like one.",
        "Leave the capitals of book covers to book covers.",
        "A text in sentence case is better than one whose words all begin large.",
        "I wince when words begin Like This.",
        "Large first letters in mid-sentence cost points.",
        "Leave the words inside a sentence uncapitalised.",
        "Treat no sentence like the name of a film.",
        "This goes into a letter, so spare each word the large initial.",
        "Running text, please, and no headline lettering.",
        "Names may have a capital at the front, but other words may not.",
        "A reply in ordinary case is exactly right.",
        "Nothing should stand out by its initials.",
        "Blame belongs to writers who capitalise one word after the other.",
        "Press shift at the beginning of a sentence and then let go.",
        "A capital on every word makes a text tiring to read.",
    ),
)

FAMILIES = (LOWERCASE, TITLE_CASE)
