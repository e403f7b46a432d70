"""The kinds of answers that BIG-Bench Hard asks for, and the normal form of each."""

import re
from decimal import Decimal
from enum import Enum

DIGITS = r"(?:\d{1,3}(?:,\d{3})++|\d++)"
NUMBER = rf"[-+]?[ \t]?{DIGITS}(?:\.\d++)?"
LONGEST_NUMBER = 30  # characters; no answer is near it
BRACKET = r"[\[\](){}<>]"
BRACKETS = rf"(?:{BRACKET}(?!\w)[\s,\"']*+)+"


class AnswerKind(Enum):
    """What an answer to a question looks like; the values name it in messages."""

    option = "option letter"
    number = "number"
    yes_no = "yes or no"
    true_false = "True or False"
    validity = "valid or invalid"
    brackets = "brackets"
    text = "text"


WORDS = {
    AnswerKind.yes_no: ("yes", "no"),
    AnswerKind.true_false: ("true", "false"),
    AnswerKind.validity: ("valid", "invalid"),
}


def kind_of(target: str) -> AnswerKind:
    """The kind of answer that is asked for where ``target`` is right."""
    if re.fullmatch(r"\([A-Z]\)", target):
        return AnswerKind.option
    if re.fullmatch(NUMBER, target):
        return AnswerKind.number
    if re.fullmatch(rf"(?:{BRACKET}\s*+)+", target):
        return AnswerKind.brackets
    for kind, words in WORDS.items():
        if target.casefold() in words:
            return kind
    return AnswerKind.text


def normal_form(answer: str, kind: AnswerKind) -> str:
    """An answer of this kind without the differences in writing that do not matter."""
    match kind:
        case AnswerKind.option:
            return f"({answer.strip('()').upper()})"
        case AnswerKind.number:
            value = Decimal(re.sub(r"[,\s]", "", answer))
            return str(int(value)) if value == int(value) else str(value.normalize())
        case AnswerKind.brackets:
            return " ".join(re.sub(r"[\s,\"']", "", answer))
        case AnswerKind.text:
            without_and = re.sub(r",\s+and\s", " ", answer)
            return " ".join(re.sub(r"[,;\"]|(?<!\w)'|'(?!\w)", " ", without_and).casefold().split())
        case _:
            return answer.casefold()
