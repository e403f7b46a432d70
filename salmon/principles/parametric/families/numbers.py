"""Numbers in figures, and numbers written as words."""

import re
from functools import partial

import numpy as np

from salmon.principles.parametric.editing import insert_sentence, pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.neutral import NEUTRAL
from salmon.principles.verifiers import CHECKS
from salmon.principles.verifiers.text import plain

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_LARGE = ("hundred", "thousand", "million", "billion")
_VAGUE = ("a few", "several", "some", "many", "plenty of", "more than enough")

_FIGURE = re.compile(r"(?P<sign>[$€£]?)(?P<number>\d+(?:[.,]\d+)*)(?P<percent>(?: ?%)?)")
_MARKER = re.compile(r"^([ \t]*)\d{1,3}[.)](?=[ \t])", re.MULTILINE)
_CURRENCY = {"$": " dollars", "€": " euros", "£": " pounds"}
_NUMBER_WORD = "|".join((*_ONES, *_TENS, *_LARGE))
_LONE_ONE = rf"one\b(?![ -](?:{_NUMBER_WORD})\b)"  # mostly no number: "one of them"
# A number of several words ("two hundred and five") is one number.
_SPELLED = re.compile(
    rf"\b(?!{_LONE_ONE})(?:{_NUMBER_WORD})(?:[ -](?:and )?(?:{_NUMBER_WORD})\b)*\b",
    re.IGNORECASE,
)

_PLAIN = tuple(sentence for sentence in NEUTRAL if not _SPELLED.search(sentence))

_SENTENCES = (
    "It takes {} minutes.",
    "There are {} ways to do it.",
    "We counted {} of them last spring.",
    "Last year {} people came to see it.",
    "The whole thing weighs {} kilograms.",
    "Start with {} small steps.",
    "After {} days the difference shows.",
    "The village has {} houses.",
    "It costs {} dollars at most.",
    "Read {} pages in the evening.",
    "For {} years nobody knew this.",
    "Keep {} copies in a drawer.",
    "Wait for {} hours before the next step.",
    "The trip is {} miles long.",
    "Add {} spoons of sugar.",
    "A class of {} children tried it.",
    "In this town {} shops sell it.",
    "The team needed {} attempts.",
    "Leave {} inches of room on each side.",
    "It happened {} times in a row.",
    "They planted {} trees along the road.",
    "The book lists {} examples.",
)


def spelled(number: int) -> str:
    """A whole number from 0 to 999 999 in words."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _TENS[number // 10 - 2] + (f"-{_ONES[number % 10]}" if number % 10 else "")
    unit, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    rest = f" {spelled(number % unit)}" if number % unit else ""
    return f"{spelled(number // unit)} {name}{rest}"


def _in_words(found: re.Match[str]) -> str:
    """A figure in words; what is too long for that becomes "many"."""
    whole, point, digits = found["number"].replace(",", "").partition(".")
    if not found["number"].isascii() or len(whole) > 6 or len(digits) > 4:
        words = "many"
    else:
        words = spelled(int(whole)) + "".join(f" {_ONES[int(digit)]}" for digit in digits.replace(".", ""))
        words = words.replace(" ", " point ", 1) if point and int(whole) < 100 else words
    before = " " if found.start() and found.string[found.start() - 1].isalnum() else ""
    after = " " if found.string[found.end() : found.end() + 1].isalnum() else ""
    percent = " percent" if "%" in found["percent"] else found["percent"]
    return f"{before}{words}{_CURRENCY.get(found['sign'], '')}{percent}{after}"


def _no_figures(text: str) -> str:
    return _FIGURE.sub(_in_words, _MARKER.sub(r"\1-", text))


def _no_number_words(text: str, rng: np.random.Generator) -> str:
    """Small numbers in words become figures, the others vague."""
    values = {word: str(value) for value, word in enumerate(_ONES)}
    return _SPELLED.sub(lambda found: values.get(found[0].lower(), pick(("20", "45", "300", "many"), rng)), text)


def _some_number(rng: np.random.Generator) -> int:
    return int(rng.integers(2, (13, 100, 2000)[int(rng.integers(3))]))


def _num_spelled(_prompt: str, response: str, _parameter: str) -> float:
    return len(_SPELLED.findall(plain(response)))


def _num_figures(prompt: str, response: str, _parameter: str) -> float | None:
    return CHECKS["no_digits"].measure(prompt, response)


def _edit(figures: bool, _prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """The same numbers in the one and in the other writing, or a number against a vague quantity."""
    measure = _num_figures if figures else _num_spelled
    one = answer if figures else _no_figures(answer)
    other = _no_figures(answer) if figures else _no_number_words(answer, rng)
    differ = measure("", one, "") != measure("", other, "")
    for _ in range(0 if differ and rng.random() < 0.5 else int(rng.integers(1, 3))):
        number, seed = _some_number(rng), int(rng.integers(2**31))
        sentence = pick(_SENTENCES, rng)
        wanted, contrary = (str(number), spelled(number)) if figures else (spelled(number), str(number))
        instead = contrary if rng.random() < 0.5 else pick(_VAGUE, rng)
        one = insert_sentence(one, sentence.format(wanted), np.random.default_rng(seed))
        other = insert_sentence(other, sentence.format(instead), np.random.default_rng(seed))
    if rng.random() < 0.4:  # figures are short: let the text with them be the longer one, too
        longer = insert_sentence(one if figures else other, pick(_PLAIN, rng), rng)
        one, other = (longer, other) if figures else (one, longer)
    return one, other


DIGITS = Family(
    name="digits",
    measure=_num_figures,
    edit=partial(_edit, True),
    topics=(
        "numbers in figures",
        "digits",
        "numerals such as 7 or 250",
        "numbers written with digits",
        "concrete figures",
        "exact numbers like 12",
        "a figure or two",
        "Arabic numerals",
        "hard numbers in numeric form",
        "quantities given as 3, 40 or 1500",
        "numeric values",
        "digits in place of number words",
    ),
    absence=(
        "text without digits",
        "letters only, with no numerals",
        "number words in place of digits",
        "quantities without figures",
        "a page on which no digit stands",
        "sentences free of numerals",
        "wording that needs no figures",
        "text in which every number is spelled out",
        "no numbers in numeric form",
    ),
    wanted=(
        "The response should contain numbers in digits.",
        "Write numbers as figures.",
        "Give me figures: 3 instead of three, 20 instead of a few.",
        "Digits are welcome.",
        "Numerals make a text easy to scan, so use them.",
        "A text with several figures beats one that has none.",
        "An answer gains a point for every numeral.",
        "It is a fault to have no digit anywhere.",
        "Do not shy away from numerals.",
        "Never put vague amounts where a figure could stand.",
        "Write like an accountant, with the figures on the page.",
        "The keys 0 to 9 should be pressed.",
        "If a quantity comes up, put it in digits.",
        "I trust a reply more when I can see actual figures in it.",
        "Data please.",
        "Spelling every number out would look odd to this reader.",
        "A reader skimming for digits should find some.",
        "As in a table of sports results, let the numerals speak.",
        "The user delights in exact numerals.",
        "There is nothing wrong with a digit in every sentence.",
    ),
    unwanted=(
        "The response should do without numbers in digits.",
        "Write numbers as words, if you must name them.",
        "Spare me figures: say three instead of 3, a few instead of 20.",
        "Digits are unwelcome.",
        "Numerals make a text cold, so shun them.",
        "A text that has no figures beats one with several.",
        "An answer loses a point for every numeral.",
        "It is a fault to have even one digit anywhere.",
        "Shy away from numerals.",
        "Never put a figure where words could stand.",
        "Write like a novelist, without figures on the page.",
        "The keys 0 to 9 should stay untouched.",
        "If a quantity comes up, put it in words.",
        "I enjoy a reply less when I see figures in it.",
        "Letters only please.",
        "The screen reader stumbles over numerals, so leave them out.",
        "A reader skimming for digits should come away empty-handed.",
        "As in a fairy tale, quantities stay in words.",
        "The user cannot stand numerals.",
        "Even a single digit spoils the text.",
    ),
)

NUMBER_WORDS = Family(
    name="number_words",
    measure=_num_spelled,
    edit=partial(_edit, False),
    topics=(
        "numbers written as words",
        "number words such as seven or forty",
        "spelled-out numbers",
        "numbers in letters, like twelve",
        "quantities in words, such as three hundred",
        "words for numbers",
        "numbers that are spelled out",
        "counts given in words",
        "words like two, nine and fifteen",
        "numbers in written-out form",
    ),
    absence=(
        "text without number words",
        "sentences in which no number is spelled out",
        "wording free of terms such as two, ten or thirty",
        "text that never spells out a number",
        "anything but spelled-out numbers",
        "no number in letters",
        "a vocabulary without words like seven or hundred",
        "no written-out numbers at all",
    ),
    wanted=(
        "The response should contain numbers written as words.",
        "Spell numbers out: fifteen, not 15.",
        "Number words such as eight or thirty are welcome.",
        "Write numbers the way a novelist would, in letters.",
        "An answer gains by every spelled-out number.",
        "A text with words like seven and twenty is better than one that has none.",
        "Do not leave out the number words.",
        "I like to read numbers as words.",
        "It counts in your favour to write forty in letters.",
        "Let at least a pair of numbers appear, in full words.",
        "Write amounts as on a cheque, in words.",
        "Where a number comes up, its name should stand in the sentence.",
        "Missing number words are a flaw.",
        "Spelled-out numbers please.",
        "It is easier to read aloud when numbers stand there as words, so write them so.",
        "Please count in words.",
        "The reader should come across a dozen, or rather twelve, in plain letters.",
        "Nobody will blame you for spelling out a number; I would even praise it.",
    ),
    unwanted=(
        "The response should not contain numbers written as words.",
        "Spell no number out: either write 15 or nothing.",
        "Number words such as eight or thirty are unwelcome.",
        "Never write numbers the way a novelist would, in letters.",
        "An answer loses by every spelled-out number.",
        "A text that has no words like seven and twenty is better than one that does.",
        "Leave out the number words.",
        "I dislike reading numbers as words.",
        "It counts against you to write forty in letters.",
        "Let no number appear in full words.",
        "Cheques spell amounts out; this text should do no such thing.",
        "Where a number comes up, its name has no business in the sentence.",
        "Present number words are a flaw.",
        "Free of spelled-out numbers please.",
        "It takes too long to read seventy-five in letters, so spare me that.",
        "Avoid counting in words.",
        "The style guide forbids words such as nine or sixty.",
        "A single spelled-out number is one blemish too many.",
    ),
)

FAMILIES = (DIGITS, NUMBER_WORDS)
