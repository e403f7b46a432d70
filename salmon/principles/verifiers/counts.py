"""What an English prompt says about how many words, sentences, paragraphs or items it wants, and how many there are."""

import re
from dataclasses import dataclass

from salmon.principles.verifiers.text import num_items, num_words, plain, sentences, without_code, without_markers

_UNITS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_VALUES = {word: n for n, word in enumerate(_UNITS, 1)} | {word: 10 * n for n, word in enumerate(_TENS, 2)}
_VALUES |= {f"{ten}{sep}{one}": _VALUES[ten] + _VALUES[one] for ten in _TENS for one in _UNITS[:9] for sep in " -"}
_VALUES |= {f"{one} {name}": n * _VALUES[one] for one in _UNITS[:9] for name, n in (("dozen", 12), ("hundred", 100))}
_VALUES |= {"single": 1, "dozen": 12, "hundred": 100}

_WORDED = "|".join(sorted((word.replace(" ", r"\s+") for word in _VALUES), key=len, reverse=True))
_DIGITS = r"(?:\d{1,3},\d{3}|\d{1,4})"
_NUMBER = rf"(?<![\w.,$-])(?P<low>{_DIGITS}|{_WORDED})(?:\s*(?:-|–|to|or)\s*(?P<high>{_DIGITS}|{_WORDED}))?(?![\w.,])"

# "at most 50 words" is a limit and "these two sentences" are the user's own: neither asks for an exact number.
_NO_REQUEST = re.compile(
    r"\b(?:at (?:most|least)|(?:more|less|fewer|greater|longer|shorter) than|under|below|over|above|up to|within|max|"
    r"min|(?:max|min)imum(?: of)?|these|those|this|the|following|both|first|last|my|your|other|every)\s*$",
    re.IGNORECASE,
)
_TEXT_UNIT = re.compile(
    rf"{_NUMBER}(?:\s+|-)(?:(?!of\b|letter|syllable|character|digit)\w+ )?(?P<unit>word|sentence|paragraph)s?\b",
    re.IGNORECASE,
)

_ITEM = (
    r"(?:tip|idea|way|reason|example|step|item|thing|point|bullet|fact|benefit|advantage|disadvantage|suggestion|name|"
    r"question|option|rule|method|strateg(?:y|ie)|cause|difference|title|activit(?:y|ie)|recommendation|adjective|"
    r"argument|feature|sign|symptom|ingredient|habit)s?"
)
_MEASURE = (
    r"(?:seconds|minutes|hours|days|weeks|months|years|dollars|euros|pounds|miles|meters|metres|kilo\w+|grams|cups|"
    r"degrees|percent|times|paragraphs|sentences|words|lines|pages)"
)
_ASK = (
    r"(?:list|name|give|suggest|provide|write|generate|create|recommend|tell|share|mention|describe|propose|identify|"
    r"offer|make|find|come up with|think of|show|explain|what are|which are|top|best)"
)
_BETWEEN = (
    r"(?:\s+(?:me|us|out|of|the|a|an|list|some|just|only|exactly|about|around|any|down|up|your|best|top|with)){0,12}+"
)
_EACH = r"(?!\s+(?:(?:of|for|from|in|about) )?(?:each|every|per)\b)"  # the total is not said
_LISTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_ASK}{_BETWEEN}\s+{_NUMBER}\s+(?:(?!of\b)[\w-]+ ){{0,2}}?"
        rf"(?!{_MEASURE}\b)(?:{_ITEM}|[a-z-]{{2,}}s)\b{_EACH}",
        rf"(?:^|[.!?:\n]\s*|\b(?:in|with|using|include|into|exactly|want|need)\s+)(?!(?:one|1|single)\b)"
        rf"{_NUMBER}(?:\s+|-)(?:[\w-]+ ){{0,2}}?{_ITEM}\b{_EACH}",
    )
)


@dataclass(frozen=True)
class CountRequest:
    """How many of what a prompt asks for."""

    unit: str  # "word", "sentence", "paragraph" or "item"
    low: int
    high: int  # equal to low, unless a range is asked for

    def error(self, count: int) -> float:
        """How far ``count`` is from the range, relative to its nearest end; 0.0 inside."""
        nearest = min(max(count, self.low), self.high)
        return abs(count - nearest) / nearest


def requested_count(prompt: str) -> CountRequest | None:
    """The first number of words, sentences, paragraphs or list items that a prompt asks for, if any.

    Understood are "in two sentences", "exactly 4 words", "a 50-word story", "three tips", "name the 5 largest lakes",
    "3-5 ideas"; limits ("at most 50 words") are no requests for an exact number.
    """
    text = "\n".join(" ".join(line.split()) for line in plain(prompt).splitlines() if line.strip())
    found = [m for m in _TEXT_UNIT.finditer(text) if not _NO_REQUEST.search(text[max(0, m.start() - 30) : m.start()])]
    found += [match for pattern in _LISTS for match in pattern.finditer(text)]
    requests = [(match.start("low"), _request(match)) for match in found]
    return next((request for _, request in sorted(requests, key=lambda r: r[0]) if request.low > 0), None)


def _request(match: re.Match[str]) -> CountRequest:
    low = _value(match["low"])
    high = _value(match["high"]) if match["high"] else low
    unit = match.groupdict().get("unit") or "item"
    return CountRequest(unit.lower(), min(low, high), max(low, high))


def _value(text: str) -> int:
    digits = text.replace(",", "")
    return int(digits) if digits.isdigit() else _VALUES[" ".join(text.lower().split())]


def count(unit: str, response: str) -> int:
    """How many of a unit a response has, outside code.

    Items: those of its list. Without a list: its lines, its sentences or the parts of "a, b and c", the first of
    these of which there are several; a line that ends with a colon introduces the others and is not counted.
    """
    if unit == "word":
        return num_words(without_markers(without_code(response)))
    if unit == "sentence":
        return len(sentences(response))
    if unit == "paragraph":
        return sum(num_words(part) > 0 for part in re.split(r"\n[ \t]*\n", without_code(response).strip()))
    listed = num_items(response)
    if listed:
        return listed
    lines = [line for line in without_code(response).splitlines() if num_words(line) and line.rstrip()[-1] not in ":："]
    parts = re.split(r",?\s+(?:and|or)\s+|[,;、]\s*", " ".join(" ".join(lines).split()))
    counts = (len(lines), len(sentences("\n".join(lines))), sum(num_words(part) > 0 for part in parts))
    return next((n for n in counts if n > 1), len(lines))


def count_error(prompt: str, response: str) -> float | None:
    """The relative distance between the count that a prompt asks for and the response's, if one is asked for."""
    request = requested_count(prompt)
    return None if request is None else request.error(count(request.unit, response))
