"""The answer in a text generated for BIG-Bench Hard, and whether it is the target.

The live evaluation and ``python -m eval score`` both read answers here. What counts as an answer depends on the kind of
the target (an option's letter, a number, brackets, ...), never on which answer is right:

1. Only the text before a next question (a line that begins with "Q:", "Human:" or "### User") is the model's answer.
2. Of several statements "the answer is ..." or "the correct option is ..." the last one that names an answer of this
   kind counts: a model that corrects itself has answered with the correction.
3. A text without any such statement counts only if it is a bare answer, as those to direct prompts are.

An answer that names a second option beside the first is none. Case, thousands separators, commas between words,
markdown, ``\\boxed`` and a closing full stop do not matter. Numbers in words are not read.
"""

import re
from decimal import Decimal
from enum import Enum

VERSION = 2  # raised when the same text would be read differently

NEXT_QUESTION = re.compile(r"\n\s*(?:Q:|Human:|### ?User)")
MARKDOWN = re.compile(r"\*\*|__|`|(?<![\w)])\*(?=\S[^*\n]*\*)|(?<=[^\s*])\*(?![\w(])")
BOXED = re.compile(r"\\(?:boxed|text)\{([^{}]*)\}")
STATEMENT = re.compile(
    r"\b(?:answer|(?:correct|right|best) (?:option|choice))\b(?:[^.:\n]{0,40}?\b(?:is|be)\b|\s*(?=:))\s*:?",
    re.IGNORECASE,
)
SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
NUMBER = r"-?\s?\d[\d,]*(?:\.\d+)?"
LEADING_NUMBER = re.compile(rf"({NUMBER})(?!\S*\d)(?!\s*[-+*/×^])")
LETTER = r"(?:\(([A-Za-z])\)|([A-Z])(?=$|[).:,])|([B-HJ-Z])(?=\s))"  # "A" and "I" are words too
OPTION = re.compile(rf"(?:(?:[Oo]ption|[Cc]hoice)\s+)?{LETTER}")
BESIDE = re.compile(
    r"\s*(?:(?:,|/|&|and|or)\s*)*\([A-Za-z]\)|\s*(?:,\s*)?(?:/|&|and|or)\s*[A-Z]\b|,\s*[A-Z](?=$|[).:,])"
)
DISCUSSED = re.compile(r"\s+(?:is|are|was|has|cannot|can't|isn't|does)\b(?! (?:the )?(?:right|correct|best|answer))")
ANOTHER_LINE = re.compile(r"\n\s*\(?[A-Za-z]\)")
IN_BRACKETS = re.compile(r"\(([A-Za-z])\)")
NEGATION = re.compile(r"\b(?:not|never|neither|except|unless)\b|n't\b", re.IGNORECASE)
WORD = re.compile(r"(?:[a-z]+ly\s+)?([A-Za-z]+)")  # "deductively valid"
WORDS = (("yes", "no"), ("true", "false"), ("valid", "invalid"))
BRACKETS = r"[\[\](){}<>]"


class AnswerKind(Enum):
    """What an answer to a question looks like; the values name it in messages."""

    option = "option letter"
    number = "number"
    yes_no = "yes or no"
    true_false = "True or False"
    validity = "valid or invalid"
    brackets = "brackets"
    text = "text"


_WORDS_OF = dict(zip((AnswerKind.yes_no, AnswerKind.true_false, AnswerKind.validity), WORDS, strict=True))


def kind_of(target: str) -> AnswerKind:
    """The kind of answer that is asked for where ``target`` is right."""
    if re.fullmatch(r"\([A-Z]\)", target):
        return AnswerKind.option
    if re.fullmatch(NUMBER, target):
        return AnswerKind.number
    if re.fullmatch(rf"(?:{BRACKETS}\s*)+", target):
        return AnswerKind.brackets
    for kind, words in _WORDS_OF.items():
        if target.casefold() in words:
            return kind
    return AnswerKind.text


def read_answer(text: str, kind: AnswerKind) -> str | None:
    """The answer in a generated text in its normal form, or None where there is none of this kind."""
    text = NEXT_QUESTION.split(text, maxsplit=1)[0].replace("−", "-").replace("’", "'")
    text = MARKDOWN.sub("", BOXED.sub(r"\1", text)).strip()
    statements = list(STATEMENT.finditer(text))
    if not statements:
        return _bare(text, kind)
    for statement in reversed(statements):
        answer = _stated(text[statement.end() :].lstrip().split("\n")[0], kind)
        if answer is not None:
            return answer
    return None


def is_right(answer: str | None, target: str) -> bool:
    """Whether an answer that was read is the target."""
    return answer is not None and answer == normal_form(target, kind_of(target))


def normal_form(answer: str, kind: AnswerKind) -> str:
    """An answer of this kind without the differences in writing that do not matter."""
    match kind:
        case AnswerKind.option:
            return f"({answer.strip('()').upper()})"
        case AnswerKind.number:
            value = Decimal(re.sub(r"[,\s]", "", answer))
            return str(int(value)) if value == int(value) else str(value.normalize())
        case AnswerKind.brackets:
            return " ".join("".join(answer.split()))
        case AnswerKind.text:
            return " ".join(re.sub(r'[,;"“”]', " ", answer).casefold().split())
        case _:
            return answer.casefold()


def _stated(statement: str, kind: AnswerKind) -> str | None:
    """The answer that the words after "the answer is" begin with; what follows it is an explanation."""
    sentence = SENTENCE_END.split(statement, maxsplit=1)[0].strip().strip("\"'“”$")
    match kind:
        case AnswerKind.option:
            return _leading_option(sentence) if OPTION.match(sentence) else _only_option(sentence)
        case AnswerKind.number:
            found = LEADING_NUMBER.match(sentence.rpartition("=")[2].strip().lstrip("$"))
            return normal_form(found[1], kind) if found else None
        case AnswerKind.brackets:
            brackets = re.match(rf"(?:{BRACKETS}\s*)+", sentence)
            return normal_form(brackets[0], kind) if brackets else None
        case AnswerKind.text:
            return normal_form(sentence, kind) or None
        case _:
            word = WORD.match(sentence)
            return word[1].casefold() if word and word[1].casefold() in _WORDS_OF[kind] else None


def _bare(text: str, kind: AnswerKind) -> str | None:
    """The answer of a text that is nothing but an answer; reasoning that was cut off before its end is none."""
    line = text.split("\n")[0].strip()
    closed = line.removesuffix(".").strip().strip("\"'“”")
    match kind:
        case AnswerKind.option:
            letter = OPTION.match(line)
            discussed = letter and DISCUSSED.match(line[letter.end() :]) or ANOTHER_LINE.search(text)
            return None if discussed else _leading_option(line)
        case AnswerKind.number:
            with_unit = re.fullmatch(rf"\$?({NUMBER})(?:\s+[A-Za-z]+)?", closed)
            return normal_form(with_unit[1], kind) if with_unit and "\n" not in text else None
        case AnswerKind.brackets:
            return normal_form(closed, kind) if re.fullmatch(rf"(?:{BRACKETS}\s*)+", closed) else None
        case AnswerKind.text:
            is_sentence = "\n" in text or SENTENCE_END.search(closed) or re.search(r'[:?"“]', closed)
            return None if is_sentence else normal_form(closed, kind) or None
        case _:
            word = re.match(r"[A-Za-z]+(?=\s*(?:[.,;:!]|$))", closed)
            return word[0].casefold() if word and word[0].casefold() in _WORDS_OF[kind] else None


def _leading_option(sentence: str) -> str | None:
    """The letter that a sentence begins with; none where a second one stands beside it."""
    letter = OPTION.match(sentence)
    if letter is None:
        return normal_form(sentence, AnswerKind.option) if re.fullmatch(r"[a-z]\)?", sentence) else None
    if BESIDE.match(sentence[letter.end() :].removeprefix(")")):
        return None
    return normal_form(letter[1] or letter[2] or letter[3], AnswerKind.option)


def _only_option(sentence: str) -> str | None:
    """The one letter in brackets in a sentence that denies nothing, or the sentence that is a small letter."""
    letters = {letter.upper() for letter in IN_BRACKETS.findall(sentence)}
    if len(letters) == 1 and not NEGATION.search(sentence):
        return normal_form(letters.pop(), AnswerKind.option)
    return _leading_option(sentence)
