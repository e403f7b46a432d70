"""Words in double quotation marks, and words in parentheses."""

import re

import numpy as np

from salmon.principles.parametric.carriers import ASIDES
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import padded
from salmon.principles.verifiers.text import plain

_QUOTED = re.compile(r'"[^"\n]*[^\W_][^"\n]*"')
# Neither a marker of a list, nor the target of a link, nor the arguments of a function.
_BRACKETED = re.compile(r" ?(?<![\w\]])\((?=[^()\n]*[^\W_][^()\n]*[^\W_])[^()\n]*\)")
_WORDS = re.compile(r"(?<![\w'-])[^\W\d_]{3,}(?: [^\W\d_]{3,}){0,2}(?![\w'-])")
_GAP = re.compile(r"(?<=[^\W\d_]) (?=[^\W\d_])|(?<=[^\W\d_])(?=[.!?](?:\s|$))|(?<=[^\W\d_])$")


def _num_quoted(_prompt: str, response: str, _parameter: str) -> float:
    return len(_QUOTED.findall(plain(response)))


def _quote_edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """One to four terms in quotation marks against none, or against fewer."""
    less = re.sub('["\u201c\u201d\u201e]', "", answer)
    terms = list(_WORDS.finditer(less))
    if not terms:
        return answer, answer
    number = min(int(rng.integers(1, 5)), len(terms))
    chosen = rng.permutation(len(terms))[:number].tolist()
    kept = chosen[: number // 2] if rng.random() < 0.25 else []
    style = pick(('"{}"', '"{}"', "\u201c{}\u201d"), rng)
    more = _around(less, [terms[i] for i in chosen], style)
    return more, padded(_around(less, [terms[i] for i in kept], style), rng)


def _around(text: str, terms: list[re.Match[str]], style: str) -> str:
    for term in sorted(terms, key=lambda term: -term.start()):
        text = text[: term.start()] + style.format(term[0]) + text[term.end() :]
    return text


def _num_bracketed(_prompt: str, response: str, _parameter: str) -> float:
    return len(_BRACKETED.findall(plain(response)))


def _bracket_edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Asides in brackets against the same asides between commas, or against none."""
    bare = _BRACKETED.sub("" if rng.random() < 0.5 else _between_commas, answer)
    bare = re.sub(r"[ ,]+(?=[,.;:!?\n]|$)", "", bare)
    if _num_bracketed("", bare, "") < _num_bracketed("", answer, "") and rng.random() < 0.6:
        return answer, bare
    gaps = [gap.start() for gap in _GAP.finditer(bare)] or [len(bare)]
    chosen = sorted(rng.permutation(gaps)[: int(rng.integers(1, 4))].tolist(), reverse=True)
    more, less, commas = bare, bare, rng.random() < 0.7
    for place in chosen:
        aside = pick(ASIDES, rng)
        more = f"{more[:place]} ({aside}){more[place:]}"
        if commas:
            less = f"{less[:place]}, {aside}{',' if less[place : place + 1] == ' ' else ''}{less[place:]}"
    return more, less


def _between_commas(found: re.Match[str]) -> str:
    return f", {found[0].strip()[1:-1]},"


QUOTATION = Family(
    name="quotation",
    measure=_num_quoted,
    edit=_quote_edit,
    topics=(
        "quotation marks",
        "words in double quotes",
        'terms in quotes, like "this"',
        "double quotation marks around some words",
        "a quoted word or phrase",
        "inverted commas around expressions",
        "key terms set off by quotes",
        'the sign " around a term',
        "quotes, either of people or of single words",
        "some quoted wording",
        "speech marks",
    ),
    absence=(
        "text without quotation marks",
        "no double quotes at all",
        "terms that stand bare, with nothing around them",
        "wording in which nothing is quoted",
        "unquoted terms",
        "sentences free of inverted commas",
        "indirect speech and bare words in place of quotes",
        "a page without a single quote sign",
    ),
    wanted=(
        "The response should have words in double quotes.",
        "Put quotation marks around some terms.",
        "Quote at least one word or phrase.",
        "Quotation marks are a plus.",
        'A text that says "term" is preferred to one that just says term.',
        "Do not leave special words without quotes around them.",
        "I like to see a few inverted commas on the page.",
        "Let people or terms speak for themselves, between quotes.",
        "Leave no text without something quoted in it.",
        "Award a mark for each quoted expression.",
        "Write like a journalist who has speech marks on every page.",
        "The key with the double quote is there to be used.",
        "Key expressions deserve quotes, since those show where a term begins and ends.",
        "Fence off a term or two with quotation marks.",
        "An answer in which nothing is quoted is a disappointment.",
        "Quotes, please.",
        "If a word matters, wrap it in inverted commas.",
        "Nobody minds quotation marks here; they are even asked for.",
        "Better one pair of quotes too many than none.",
    ),
    unwanted=(
        "The response should have no words in double quotes.",
        "Put quotation marks around nothing.",
        "Quote not even one word or phrase.",
        "Quotation marks are a minus.",
        'A text that just says term is preferred to one that says "term".',
        "Leave special words without quotes around them.",
        "I dislike seeing inverted commas on the page.",
        "Terms should stand in the sentence bare, like any other word.",
        "Let no text have something quoted in it.",
        "Deduct a mark for each quoted expression.",
        "Write like a novelist who does without speech marks.",
        "The key with the double quote must stay untouched.",
        "Key expressions need no quotes, since those look ironic.",
        "Tear down the quotation marks around terms.",
        "An answer in which something is quoted is a disappointment.",
        "Skip the quotes, please.",
        "Scare quotes annoy our readers, so steer clear of them.",
        "Even a word that matters goes without inverted commas.",
        "Better no quotes at all than one pair too many.",
    ),
)

PARENTHESES = Family(
    name="parentheses",
    measure=_num_bracketed,
    edit=_bracket_edit,
    topics=(
        "parentheses",
        "round brackets",
        "remarks in brackets (like this one)",
        "asides in parentheses",
        "additions between round brackets",
        "parenthetical remarks",
        "bracketed explanations",
        "a bracketed aside or two",
        "notes in ( and )",
        "words between an opening and a closing bracket",
        "short explanations in parentheses",
    ),
    absence=(
        "text without parentheses",
        "no round brackets",
        "sentences free of brackets",
        "commas where others would put brackets",
        "remarks worked into the sentence rather than bracketed",
        "straight sentences with nothing in brackets",
        "text in which no bracket opens",
        "a page that has neither ( nor )",
    ),
    wanted=(
        "The response should have a remark in parentheses.",
        "Put additional remarks in round brackets.",
        "Open a bracket at least once (and close it again).",
        "Asides in brackets are welcome.",
        "I enjoy it when a writer adds something in parentheses.",
        "An answer that has brackets beats an answer that has none.",
        "Do not be afraid of parentheses.",
        "Side notes belong in brackets.",
        "A missing bracket is a missing point.",
        "Explain difficult words right behind them, in brackets.",
        "Write with little whispers to the reader (so to speak).",
        "Some words should be tucked away between round brackets.",
        "Each parenthetical remark makes the text better.",
        "Like a chatty guidebook, add a bracketed hint here and there.",
        "Never hand in a text that lacks parentheses.",
        "Brackets (yes, these) please.",
        "Where commas would do, take brackets instead.",
        "A pair of round brackets is the least I expect.",
        "Without a parenthesis somewhere, the text feels bare.",
    ),
    unwanted=(
        "The response should have no remark in parentheses.",
        "Put additional remarks anywhere but in round brackets.",
        "Never open a bracket, then you need not close one either.",
        "Asides in brackets are unwelcome.",
        "I lose the thread when a writer adds something in parentheses.",
        "An answer that has no brackets beats an answer that has some.",
        "Keep away from parentheses.",
        "Side notes do not belong in brackets.",
        "Every bracket (round, I mean) is a point lost.",
        "Explain difficult words within the sentence, and without brackets.",
        "If something is worth saying, say it outside of brackets; if not, drop it.",
        "No words should be tucked away between round brackets.",
        "Each parenthetical remark makes the text worse.",
        "Like a good speech, the text has no use for bracketed hints.",
        "Hand in a text that is free of parentheses.",
        "No brackets (not even these) please.",
        "Where brackets would do, take commas instead.",
        "A pair of round brackets is more than I can bear.",
        "Text to speech reads parentheses badly, so do without.",
    ),
)

FAMILIES = (QUOTATION, PARENTHESES)
