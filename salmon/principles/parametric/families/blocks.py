"""Code blocks and tables."""

import re

import numpy as np

from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import finish, padded, parts, sentence_ends, unfinish
from salmon.principles.verifiers.text import without_code

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^`\n]*$\n?", re.MULTILINE)
_ROW = re.compile(r"^[ \t]*\|(?=[^\n]*\w)[^\n]*\|[ \t]*$", re.MULTILINE)
_CODE = (
    'print("Hello")', "for item in items:\n    print(item)", "total = price * number", "const sum = a + b;",
    "SELECT name FROM books;", "ls -l notes", 'echo "done"', "def double(x):\n    return 2 * x", "git status",
    "<p>Hello</p>", "x = [1, 2, 3]", "if ready:\n    start()",
)  # fmt: skip
_HEADS = (("Point", "Detail"), ("No.", "Content"), ("Item", "Note"), ("Step", "What to do"), ("Part", "Text"))


def _code_blocks(_prompt: str, response: str, _parameter: str) -> float:
    """Fenced blocks; one that is never closed counts."""
    return (len(_FENCE.findall(response)) + 1) // 2


def _table(_prompt: str, response: str, _parameter: str) -> float:
    """1 with two or more rows between bars, else 0."""
    return float(len(_ROW.findall(without_code(response))) >= 2)


def _edit_code(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A part of the answer, or a line of code behind it, in a fence; in the other answer the same without the fence."""
    plain = _FENCE.sub("", answer).strip()
    language = pick(("", "", "python", "text", "bash"), rng)
    way = rng.random()
    if way < 0.45:
        code = pick(_CODE, rng)
        rest = plain if way < 0.25 else f"{finish(plain)}\n{code}"
        return f"{plain}\n\n```{language}\n{code}\n```", padded(rest, rng)
    ends = sentence_ends(plain)
    start = int(rng.choice(ends)) if ends and way < 0.8 else 0
    inside = plain[start:].strip()
    before = f"{plain[:start].rstrip()}\n\n" if start else ""
    return f"{before}```{language}\n{inside}\n```", padded(plain, rng)


def _edit_table(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """The sentences as rows of a table; in the other answer as a list, as lines or as prose."""
    cells = [unfinish(part.replace("|", " ")) or part for part in parts(answer)]
    before = f"{finish(cells.pop(0))}\n\n" if len(cells) > 2 and rng.random() < 0.4 else ""
    left, right = _HEADS[int(rng.integers(len(_HEADS)))]
    rows = [f"| {n} | {cell} |" for n, cell in enumerate(cells, 1)]
    rule = ["|---|---|"] if rng.random() < 0.8 else []
    table = f"{before}" + "\n".join([f"| {left} | {right} |", *rule, *rows])
    way = rng.random()
    if way < 0.3:
        other = before + "\n".join(f"- {cell}" for cell in cells)
    elif way < 0.5 or _ROW.search(answer):
        other = before + "\n".join(finish(cell) for cell in cells)
    else:
        other = answer
    return table, padded(other, rng)


CODE_BLOCK = Family(
    name="code_block",
    measure=_code_blocks,
    edit=_edit_code,
    topics=(
        "a code block",
        "fenced code",
        "triple backticks",
        "a Markdown code fence",
        "text between three backticks",
        "a block in monospace type",
        "code blocks",
        "a fenced block",
        "a snippet in a box",
        "a listing between fences",
    ),
    absence=(
        "text without a code block",
        "no code fences",
        "text outside of any fence",
        "no triple backticks",
        "ordinary type instead of a code box",
        "text free of fenced blocks",
        "plain text in place of a code block",
        "unfenced text",
    ),
    wanted=(
        "The response should have a code block.",
        "Use triple backticks.",
        "Put something into a fenced block.",
        "Code fences are welcome.",
        "I like to see a box in monospace type that can be copied.",
        "A reply without a code block loses points.",
        "Fence a part of the text with three backticks.",
        "Do not leave out the code block.",
        "The user copies from fenced blocks, so give one.",
        "Of two answers, take the one with a code fence.",
        "Format it like a programmer's manual, with listings set apart.",
        "If no fence is there, the answer is incomplete.",
        "At least one snippet should stand between backticks, three on each side.",
        "A listing, please.",
        "Without ``` something is missing.",
        "A fenced block earns a point.",
        "Set a part apart as code.",
        "There is no harm in a code block.",
    ),
    unwanted=(
        "The response should not have a code block.",
        "Do not use triple backticks.",
        "Put nothing into a fenced block.",
        "Code fences are unwelcome.",
        "I dislike boxes in monospace type.",
        "A reply with a code block loses points.",
        "Fence no part of the text with three backticks.",
        "Leave out the code block.",
        "The user cannot display fenced blocks, so give none.",
        "Of two answers, take the one without a code fence.",
        "Format it like a letter, with no listings.",
        "If a fence is there, the answer is spoilt.",
        "Not a single snippet should stand between triple backticks.",
        "No listings, please.",
        "With ``` in it, the text is no good.",
        "A fenced block costs a point.",
        "Set nothing apart as code.",
        "There is no use for a code block.",
    ),
)

TABLE = Family(
    name="table",
    measure=_table,
    edit=_edit_table,
    topics=(
        "a table",
        "a Markdown table",
        "rows and columns",
        "a grid of cells",
        "tabular form",
        "columns separated by bars",
        "cells between vertical bars",
        "a tabular overview",
        "a table with a header row",
        "the layout of a spreadsheet",
    ),
    absence=(
        "text without a table",
        "no rows and columns",
        "sentences in place of a table",
        "content outside of any grid",
        "no vertical bars",
        "words rather than cells",
        "a form that is not tabular",
        "no tabular layout",
    ),
    wanted=(
        "The response should have a table.",
        "Arrange the content in rows and columns.",
        "Tables are welcome.",
        "I take things in best when they stand in a grid.",
        "A reply without a table loses points.",
        "Set it out like a spreadsheet.",
        "Do not answer without a table.",
        "The user wants cells, not sentences.",
        "Of two answers, the tabular one wins.",
        "Draw up a grid with vertical bars.",
        "Let a header row stand over the columns.",
        "If there are no columns, the format is wrong.",
        "Think of a timetable at a station, and write in that form.",
        "Prose has to give way to a table.",
        "A table, please.",
        "A tabular overview is worth extra marks.",
        "Put facts into cells so that they can be compared.",
        "There is nothing better than columns.",
    ),
    unwanted=(
        "The response should not have a table.",
        "Do not arrange the content in rows and columns.",
        "Tables are unwelcome.",
        "I take things in badly when they stand in a grid.",
        "A reply with a table loses points.",
        "Do not set it out like a spreadsheet.",
        "Answer without a table.",
        "The user wants sentences, not cells.",
        "Of two answers, the tabular one loses.",
        "Draw up no grid, and use no vertical bars.",
        "No header row should stand over columns.",
        "If there are columns, the format is wrong.",
        "My screen reader stumbles over cells, so write without them.",
        "A table has to give way to other forms.",
        "No tables, please.",
        "A tabular overview is worth a deduction.",
        "Keep facts out of cells.",
        "There is nothing worse than columns.",
    ),
)

FAMILIES = (CODE_BLOCK, TABLE)
