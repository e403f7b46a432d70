"""The words of ``python -m eval score task=... predictions=FILE ...``, and what they make."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from eval.config import BBHMode
from eval.score.report import ScoreReport, merged
from eval.score.saved import SavedItem, read_items
from salmon.errors import SalmonError
from salmon.runtime.environment import command_line, versions
from salmon.runtime.files import file_digest

TASKS = ("bbh", "mt_bench", "truthfulqa_mc", "truthfulqa_gen")
HELP = """python -m eval score task=TASK predictions=FILE [output=FOLDER] [name=NAME]

Scores saved outputs again, without a model. FILE is a JSON array or JSON lines, or a folder of such files.

  task=bbh            {"prediction": text, "target": text}, with "task" and "input" where known
                      [mode=cot|direct]: which of lm-eval's ways of reading to compare with
  task=truthfulqa_mc  {"loglikelihoods": [...], "labels": [0 or 1, ...]}
  task=truthfulqa_gen the verdicts/ folder of an evaluation, or one file of it
  task=mt_bench       FastChat's judgements, of single answers or of pairs
                      [questions=FILE]: FastChat's question.jsonl, for ratings by category

The samples/ folder and the model_judgment/ files of an evaluation can be given as they are. With output= the folder
gets results.json, results.md with every item that is listed, and items.jsonl."""


@dataclass(frozen=True)
class ScoreOptions:
    """One call of the command."""

    task: str
    predictions: str
    mode: str | None = None
    questions: str | None = None
    output: str | None = None
    name: str | None = None


def parse_score_options(words: Sequence[str]) -> ScoreOptions:
    """The options in words of the form key=value.

    Raises:
        SalmonError: an unknown, repeated or missing key, or a value that does not fit.
    """
    known = [field.name for field in fields(ScoreOptions)]
    given: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in known:
            raise SalmonError(f"{word}: score takes {', '.join(f'{name}=' for name in known)}")
        if key in given:
            raise SalmonError(f"{word}: {key}= is given twice")
        given[key] = value
    for key, needed in (("task", f"one of {', '.join(TASKS)}"), ("predictions", "a file, or a folder of files")):
        if not given.get(key):
            raise SalmonError(f"score needs {key}=, {needed}")
    if given["task"] not in TASKS:
        raise SalmonError(f"task={given['task']}: score knows {', '.join(TASKS)}")
    for key, task in (("mode", "bbh"), ("questions", "mt_bench")):
        if key in given and given["task"] != task:
            raise SalmonError(f"{key}= is for task={task} only")
    if given.get("mode") not in (None, *BBHMode.__members__):
        raise SalmonError(f"mode={given['mode']}: it must be {' or '.join(BBHMode.__members__)}")
    return ScoreOptions(**given)


def score_saved(options: ScoreOptions) -> ScoreReport:
    """The saved outputs, scored.

    Raises:
        SalmonError: a file cannot be read, or an item is not as it has to be; file and line are named.
    """
    path = Path(options.predictions).expanduser()
    items = read_items(path)
    name = options.name or path.stem
    match options.task:
        case "bbh":
            from eval.score.bbh import score_bbh_items

            return score_bbh_items(items, name, BBHMode[options.mode] if options.mode else None)
        case "truthfulqa_mc":
            from eval.score.truthfulqa import score_truthfulqa_items

            return score_truthfulqa_items(items, name)
        case "truthfulqa_gen":
            from eval.score.truthfulqa_generation import score_verdicts

            return score_verdicts(items, name)
        case _:
            from eval.score.mt_bench import score_judgements  # the judges import torch
            from eval.score.mt_bench_pairs import is_pair, score_pairs

            pairs, single = [i for i in items if is_pair(i)], [i for i in items if not is_pair(i)]
            parts = [score_judgements(single, _categories(options.questions))] if single else []
            return merged([*parts, *([score_pairs(pairs)] if pairs else [])])


def run_score(words: Sequence[str]) -> str:
    """What ``python -m eval score`` shows; the files are written where ``output=`` asks for them."""
    if not words or set(words) & {"--help", "-h", "help"}:
        return HELP
    options = parse_score_options(words)
    scored = score_saved(options)
    if options.output is None:
        return scored.text
    folder = Path(options.output).expanduser()
    scored.write(folder, _facts(options))
    return f"{scored.text}\nresults: {folder / 'results.json'}"


def _categories(questions: str | None) -> dict[Any, str] | None:
    if questions is None:
        return None
    layout = '{"question_id", "category", ...}, a row of FastChat\'s question.jsonl'

    def row(item: SavedItem) -> tuple[Any, str]:
        return item.get("question_id", (int, str), layout), item.get("category", str, layout)

    return dict(row(item) for item in read_items(Path(questions).expanduser()))


def _facts(options: ScoreOptions) -> dict[str, Any]:
    path = Path(options.predictions).expanduser()
    files = sorted(path.glob("*.json*")) if path.is_dir() else [path]
    return {
        "suite": "score",
        "model": options.name or path.stem,
        "predictions": {str(file): file_digest(file) for file in files},
        "command": command_line(),
        "versions": versions(),
    }
