"""The answer in a text generated for BIG-Bench Hard, and whether it is the target.

The live evaluation and ``python -m eval score`` both read answers here. What counts as an answer depends on the kind of
the target (an option's letter, a number, brackets, ...), never on which answer is right:

1. Only the text before a next question ("Q:", "Question:", "### User", the next turn of a chat, ...) is the model's
   answer (``eval.bbh.own_text``).
2. Of several statements ("the answer is ...", ``\\boxed{...}``, "(B) is correct") the last one that names an answer of
   this kind counts: a model that corrects itself has answered with the correction (``eval.bbh.statements``). The answer
   stands at the statement's beginning; what follows it ("8, since a = 3") is its explanation.
3. A text without any such statement counts only if it is a bare answer, as those to direct prompts are.

An answer that names a second one beside the first ("8 or 9", "yes and no") is none, and neither is one that is denied
("not (A)") or asked for. Of an equation the last side that is a value counts. Case, thousands separators, units, commas
between words, quotes, markdown, LaTeX and a closing full stop do not matter. Numbers in words are not read, nor the
text of an option without its letter.
"""

import re

from eval.bbh.kinds import BRACKETS, LONGEST_NUMBER, NUMBER, WORDS, AnswerKind, kind_of, normal_form
from eval.bbh.own_text import BOX_END, BOX_START, own_text
from eval.bbh.statements import Statement, statements
from eval.bbh.word_lists import bare_words, stated_words

VERSION = 3  # raised when the same text would be read differently

QUOTES = "\"'"
LEAD_IN = re.compile(
    r"(?:(?!hardly|unlikely|barely|only (?:if|when))(?:[a-z]+ly|about|around|just|indeed|thus|therefore|equal to|"
    r"a total of|the number|the value|that|the)[\s,]+)*+[\"']?",
    re.IGNORECASE,
)
CONCLUSION = re.compile(r"(?:so|thus|hence|therefore|A:)[,\s]+", re.IGNORECASE)
BULLET = re.compile(r"\A[-*•]\s+")

_ANOTHER = r"(?:or|to|and|/|–|—)"
LEADING_NUMBER = re.compile(
    rf"\s*({NUMBER})(?!\S{{0,40}}\d)(?!\s+\d)(?!\s*[-+*/×÷·^]\s*(?:[-+]?[\d(]|$))"
    rf"(?!\s*{_ANOTHER}\s*(?:[a-z]+\s+){{0,2}}[-+]?\d)(?!\s*,\s*[-+]?\d+\s*(?:$|,|or\b|and\b))"
)
SUM = re.compile(r"(?:[\d\s.+\-*/×÷·^()=]|(?<=\d),(?=\d{3})|(?<![A-Za-z])[A-Za-z](?![A-Za-z']))*+")
WITH_UNIT = re.compile(rf"=?\s*({NUMBER})(?:\s+(?!and\b|or\b|to\b)[A-Za-z-]+){{0,3}}%?")
BOOLEAN = re.compile(r"(?:\b(?:true|false|and|or|not|[a-z])\b|[()=\s])*+", re.IGNORECASE)
WORD = re.compile(r"([a-z]+)\b(?![\"'\s]*(?:/|(?:or|and|one|matter|longer)\b)|'[a-z])", re.IGNORECASE)
WORD_ALONE = re.compile(r"([A-Za-z]+)[\"')]*\s*(?=[.,;:!()–—-]|because\b|since\b|as\b|$)")

LETTER = (
    r"(?:[(\[{]([A-Za-z])(?:[)\]}]|(?=\s|$))|([A-Z])(?=$|[).:,;\"']|\s+(?:because|since|as)\b|\s+[-–—(])"
    r"|([B-HJ-Z])(?=\s))"  # "A" and "I" are words too
)
OPTION = re.compile(rf"(?:(?:[Oo]ption|[Cc]hoice|[Ss]tatement|[Ss]entence|[Ll]etter|[Aa]nswer)\s+)?{LETTER}")
BESIDE = re.compile(
    r"[\s\"']*(?:(?:,|/|&|and|or)\s*+)*+\([A-Za-z]\)|[\s\"']*,?\s*(?:/|&|and|or)\s+(?:[a-z]+\s+){0,2}\(?[A-Z]\b"
    r"|\s*/\s*[A-Z]\b|,\s*[A-Z](?=$|[).:,])"
)
DENIED = re.compile(r"\s+(?:(?:is|are|was|has|does|can|would|could) not|cannot|[a-z]+n't|are\b)")
DISCUSSED = re.compile(r"\s+(?:is|are|was|has|cannot|can't|isn't|does)\b(?! (?:the )?(?:right|correct|best|answer))")
ANOTHER_LINE = re.compile(r"(?<=\n)[ \t]*+\(?[A-Za-z]\)")
IN_BRACKETS = re.compile(r"\(([A-Za-z])\)")
NEGATION = re.compile(r"\b(?:not|never|neither|nor|except|unless|cannot)\b|n't\b", re.IGNORECASE)


def read_answer(text: str, kind: AnswerKind) -> str | None:
    """The answer in a generated text in its normal form, or None where there is none of this kind."""
    text = own_text(text, ends_in_brackets=kind is AnswerKind.brackets)
    stated = False
    for statement in statements(text, kind):
        stated = True
        answer = _stated(statement, kind)
        if answer is not None:
            return answer
    return None if stated else _bare(text.replace(BOX_START, "").replace(BOX_END, ""), kind)


def is_right(answer: str | None, target: str) -> bool:
    """Whether an answer that was read is the target."""
    return answer is not None and answer == normal_form(target, kind_of(target))


def _stated(statement: Statement, kind: AnswerKind) -> str | None:
    """The answer that the words after "the answer is" begin with."""
    if kind is AnswerKind.text:
        return stated_words(statement)
    sentence = statement.sentence
    if sentence is None:
        return None
    if kind is AnswerKind.brackets:
        brackets = re.match(BRACKETS, sentence.lstrip(QUOTES))
        return normal_form(brackets[0], kind) if brackets else None
    sentence = sentence.strip(QUOTES) if kind is AnswerKind.option else _without_lead_in(sentence)
    match kind:
        case AnswerKind.option:
            return _stated_option(sentence)
        case AnswerKind.number:
            return _leading_number(sentence)
        case _:
            return _leading_word(sentence, kind)


def _bare(text: str, kind: AnswerKind) -> str | None:
    """The answer of a text that is nothing but an answer; reasoning that was cut off before its end is none."""
    text = text[concluded.end() :] if (concluded := CONCLUSION.match(text)) else text
    if kind is AnswerKind.text:
        return bare_words(text)
    line, _, rest = text.partition("\n")
    closed = line.strip().removesuffix(".").strip().strip(QUOTES)
    match kind:
        case AnswerKind.option:
            return _bare_option(BULLET.sub("", line.strip()).strip(QUOTES), rest)
        case AnswerKind.number:
            return _bare_number(closed, rest)
        case AnswerKind.brackets:
            return normal_form(closed, kind) if re.fullmatch(BRACKETS, closed) else None
        case _:
            word = _word_alone(line, kind)
            others = {_word_alone(other, kind) for other in rest.split("\n")} - {None, word}
            return None if others else word


def _without_lead_in(sentence: str) -> str:
    """Without "exactly", "the number", an opening quote and the like."""
    return LEAD_IN.sub("", sentence, count=1)  # which matches at the beginning, if only nothing


# --- options


def _stated_option(sentence: str) -> str | None:
    begun = _without_lead_in(sentence)
    letter = OPTION.match(begun)
    if letter is None:
        return _only_option(sentence)
    return None if DENIED.match(begun[letter.end() :]) else _leading_option(begun)


def _bare_option(line: str, rest: str) -> str | None:
    letter = OPTION.match(line)
    if letter is None:
        return _leading_option(line)
    explained = line[letter.end() :].strip(" .:)\"'")
    discussed = DISCUSSED.match(line[letter.end() :]) or (explained and ANOTHER_LINE.search(f"\n{rest}"))
    listed = ANOTHER_LINE.match(f"\n{rest}", 1)  # "(A)", and "(B)" on the next line
    return None if discussed or listed else _leading_option(line)


def _leading_option(sentence: str) -> str | None:
    """The letter that a sentence begins with; none where a second one stands beside it."""
    letter = OPTION.match(sentence)
    if letter is None:
        small = re.fullmatch(r"([a-z])\)?\.?", sentence)
        return normal_form(small[1], AnswerKind.option) if small else None
    if BESIDE.match(sentence[letter.end() :].removeprefix(")")):
        return None
    return normal_form(letter[1] or letter[2] or letter[3], AnswerKind.option)


def _only_option(sentence: str) -> str | None:
    """The one letter in brackets in a sentence that denies nothing, or the sentence that is a small letter."""
    letters = {letter.upper() for letter in IN_BRACKETS.findall(sentence)}
    if len(letters) == 1 and not NEGATION.search(sentence):
        return normal_form(letters.pop(), AnswerKind.option)
    return _leading_option(sentence)


# --- numbers and words


def _leading_number(sentence: str) -> str | None:
    """The number that a sentence begins with; of an equation at its beginning, its last side that is a number."""
    equation = SUM.match(sentence)
    sides = sentence[: equation.end()].split("=") if equation else []
    if len(sides) > 1:
        sides[-1] += sentence[len("=".join(sides)) :]
    for side in reversed(sides) if len(sides) > 1 else [sentence]:
        found = LEADING_NUMBER.match(side)
        if found and len(found[1]) <= LONGEST_NUMBER:
            return normal_form(found[1], AnswerKind.number)
    return None


def _bare_number(line: str, rest: str) -> str | None:
    """A line that is a number with its unit or an equation; below it nothing, or an explanation after a blank line."""
    explained = rest.startswith("\n") and not any(WITH_UNIT.fullmatch(other.strip()) for other in rest.split("\n"))
    if rest.strip() and not explained:
        return None
    with_unit = WITH_UNIT.fullmatch(line)
    if with_unit and len(with_unit[1]) <= LONGEST_NUMBER:
        return normal_form(with_unit[1], AnswerKind.number)
    return _leading_number(line) if "=" in line and SUM.fullmatch(line) else None


def _leading_word(sentence: str, kind: AnswerKind) -> str | None:
    """Of a kind with two words, the one that a sentence begins with or that its expression is equal to."""
    sentence = BULLET.sub("", sentence)
    expression = BOOLEAN.match(sentence) if kind is AnswerKind.true_false else None
    value = expression[0].rpartition("=")[2].strip() if expression and "=" in expression[0] else sentence
    word = WORD.match(value.lstrip("("))
    return word[1].casefold() if word and word[1].casefold() in WORDS[kind] else None


def _word_alone(line: str, kind: AnswerKind) -> str | None:
    line = BULLET.sub("", line.strip())
    if kind is AnswerKind.true_false and "=" in line and BOOLEAN.fullmatch(line):
        return _leading_word(line, kind)
    word = WORD_ALONE.match(_without_lead_in(line).lstrip("("))
    return word[1].casefold() if word and word[1].casefold() in WORDS[kind] else None
