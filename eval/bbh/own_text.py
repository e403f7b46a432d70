"""The part of a generated text that is the model's answer, without markup.

Markdown, LaTeX and HTML are removed, and so is what follows once the model goes on with a question of its own. A
LaTeX box, the usual way to mark a final answer, stays visible as ``BOX_START`` and ``BOX_END``.
"""

import re

BOX_START, BOX_END = "\ue000", "\ue001"  # of Unicode's private characters, which no text has
LONGEST_BOX = 400  # characters

NEXT_QUESTION = re.compile(
    r"(?<=\n)[ \t#*_>]*(?:"
    r"(?:Q|Question|Human|User|Instruction)(?:[ \t]*\#?\d+)?[ \t*_]*:"
    r"|(?:Question|Problem|Exercise|Example|Task)[ \t]*\#?\d+\b"
    r"|(?<=\#)[ \t]*(?:User|Human|Instruction|Question)\b)",
    re.IGNORECASE,
)
NEXT_ANSWER = re.compile(r"(?<=\n)[ \t*_]*A(?:nswer)?[ \t*_]*:[ \t*_]*Let's think step by step", re.IGNORECASE)
_TURN = r"(?:<\|[a-z_]{1,40}\|>|</s>|<eos>|<(?:start|end)_of_turn>|\[/?INST\])"  # tokens of chat templates
TURN, FIRST_TURN = re.compile(_TURN), re.compile(rf"(?:\s*+{_TURN})*+")

MARKDOWN = re.compile(
    r"\*\*|__|`|(?<![\w)])\*(?=\S[^*\n]*\*)|(?<=[^\s*])\*(?![\w(])|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)"
    r"|(?<![^\n])[ \t]{0,8}\#{1,6}[ \t]+"
)
MARKED_NUMBER = re.compile(r"(?<![^\n])\#{4}[ \t]*(?=[-+$\d])")  # how sets of sums mark the result
TAGS = re.compile(r"</?(?:b|strong|i|em|u|code|p|br)[ \t]?/?>", re.IGNORECASE)
BOX = re.compile(r"\\f?box(?:ed)?[ \t]?\{")
FONT = re.compile(r"\\(?:text|textbf|textit|texttt|mathrm|mathbf|mathit|mathtt|mathsf|operatorname)\*?\{([^{}]*)\}")
LATEX = (
    (re.compile(r"\{,\}|(?<=\d)\\,(?=\d{3})|(?<=\d)[\u00a0\u2009\u202f](?=\d{3})"), ","),  # thousands
    (re.compile(r"\\(?:left|right|!)|\\?\$"), ""),
    (re.compile(r"\\langle\b"), "<"),
    (re.compile(r"\\rangle\b"), ">"),
    (re.compile(r"\\(?:times|cdot)\b"), "*"),
    (re.compile(r"\\[()\[\],;: ]"), " "),
    (re.compile(r"\\([{}%&#])"), r"\1"),
)
PLAIN = str.maketrans({"−": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "«": '"', "»": '"', "\r": "\n"})


def own_text(text: str, ends_in_brackets: bool = False) -> str:
    """What a model wrote as its answer.

    Args:
        ends_in_brackets: answers are brackets, so that a box ends at the last ``}`` of its line.
    """
    text = text.replace("\r\n", "\n").translate(PLAIN).rpartition("</think>")[2]
    text = _before_next_question(text)
    text = _with_marked_boxes(text, ends_in_brackets)
    text = MARKED_NUMBER.sub("Answer: ", text.replace("<answer>", "\nAnswer: ").replace("</answer>", "\n"))
    for _ in range(3):  # one font in another
        text = FONT.sub(r"\1", text)
    for pattern, plain in LATEX:
        text = pattern.sub(plain, text)
    return MARKDOWN.sub("", TAGS.sub("", text)).strip()


def _before_next_question(text: str) -> str:
    text = text[: start.start()] if (start := NEXT_QUESTION.search(text)) else text
    if (opened := FIRST_TURN.match(text)) is not None:
        text = text[opened.end() :]
    text = text[: turn.start()] if (turn := TURN.search(text)) else text
    again = NEXT_ANSWER.search(text)
    return text[: again.start()] if again and text[: again.start()].strip() else text


def _with_marked_boxes(text: str, ends_in_brackets: bool) -> str:
    parts, done = [], 0
    for box in BOX.finditer(text):
        if box.start() < done:
            continue  # a box in a box
        end = _end_of_box(text, box.end(), ends_in_brackets)
        if end is None:
            continue
        parts += [text[done : box.start()], BOX_START, text[box.end() : end], BOX_END]
        done = end + 1
    return "".join([*parts, text[done:]])


def _end_of_box(text: str, start: int, ends_in_brackets: bool) -> int | None:
    """Where the ``}`` of a box is that begins at ``start``; None where it never ends."""
    content = text[start : start + LONGEST_BOX].split("\n")[0]
    if ends_in_brackets:
        end = content.rfind("}")
        return start + end if end >= 0 else None
    depth = 1
    for place, character in enumerate(content):
        if character in "{}" and (place == 0 or content[place - 1] != "\\"):
            depth += 1 if character == "{" else -1
        if depth == 0:
            return start + place
    return None
