"""TyDiQA's gold-passage task: questions in nine languages, each with the passage that answers it.

A local ``tydiqa/`` holds ``train`` and ``validation`` as the hub's rows of the configuration ``secondary_task``, one a
line (``train.jsonl`` or ``train.json``), or the original ``tydiqa-goldp-v1.1-{train,dev}.json``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.config import TYDIQA_LANGUAGES
from eval.hub_rows import hub_rows
from eval.results import NoData
from eval.sources import rows_with
from salmon.errors import SalmonError
from salmon.runtime.foreign import read_json

HUB = ("google-research-datasets/tydiqa", "secondary_task")
FILES = {
    "train": ("train.jsonl", "train.json", "tydiqa-goldp-v1.1-train.json"),
    "validation": ("validation.jsonl", "validation.json", "tydiqa-goldp-v1.1-dev.json"),
}
REQUIRED = ("id", "title", "context", "question", "answers")

RowOfHub = dict[str, Any]  # id, title, context, question, answers {text, answer_start}


@dataclass(frozen=True)
class LanguageData:
    example: RowOfHub  # the language's first training row: the one worked example of its prompts
    questions: list[RowOfHub]  # its validation rows


def tydiqa_data(folder: Path | None, wanted: Sequence[str] | None) -> dict[str, LanguageData]:
    """Data of the wanted languages, in the order of ``TYDIQA_LANGUAGES``; None is all that there are.

    Raises:
        Unavailable: the data cannot be reached.
        SalmonError: it is damaged, or lacks a wanted language.
    """
    splits = {name: _rows_of_folder(folder / "tydiqa", name) if folder else _rows_of_hub(name) for name in FILES}
    examples = {language: rows[0] for language, rows in splits["train"].items()}
    questions = splits["validation"]
    lacking = [name for name in wanted or questions if name not in examples or name not in questions]
    if lacking:
        raise SalmonError(
            f"{folder / 'tydiqa' if folder else HUB[0]}: no training example, or no question, in "
            f"{', '.join(lacking)}; add them, or name others in eval.tydiqa.languages"
        )
    return {
        name: LanguageData(examples[name], questions[name])
        for name in TYDIQA_LANGUAGES
        if name in (wanted or questions)
    }


def language_of(row: RowOfHub) -> str:
    """The language that begins every id."""
    return row["id"].partition("-")[0]


def _rows_of_folder(folder: Path, split: str) -> dict[str, list[RowOfHub]]:
    path = next((folder / name for name in FILES[split] if (folder / name).is_file()), None)
    if path is None:
        raise NoData(f"none of {', '.join(FILES[split])} in {folder}")
    original = path.name == FILES[split][-1]
    return _by_language(_rows_of_original(path) if original else rows_with(path, REQUIRED), str(path), split)


def _rows_of_original(path: Path) -> Iterator[RowOfHub]:
    """Rows of a file in SQuAD's nested format."""
    try:
        for article in read_json(path)["data"]:
            for paragraph in article["paragraphs"]:
                for asked in paragraph["qas"]:
                    answers = {key: [answer[key] for answer in asked["answers"]] for key in ("text", "answer_start")}
                    yield {
                        "id": asked["id"],
                        "title": article.get("title", ""),
                        "context": paragraph["context"],
                        "question": asked["question"],
                        "answers": answers,
                    }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SalmonError(f"{path} is not in the format of tydiqa-goldp-v1.1: {error!r}") from error


def _rows_of_hub(split: str) -> dict[str, list[RowOfHub]]:
    name, config = HUB
    return _by_language(hub_rows(name, split, config), f"{name} {split}", split)


def _by_language(rows: Iterable[RowOfHub], source: str, split: str) -> dict[str, list[RowOfHub]]:
    """Rows of each language; of the training rows, which are ten times as many, only the first."""
    found: dict[str, list[RowOfHub]] = {}
    for number, row in enumerate(rows, start=1):
        where = f"{source}, row {number}"
        if not isinstance(row["id"], str) or language_of(row) not in TYDIQA_LANGUAGES:
            raise SalmonError(
                f"{where}: id {row['id']!r} does not begin with a language of {', '.join(TYDIQA_LANGUAGES)} and -"
            )
        of_language = found.setdefault(language_of(row), [])
        if split != "train" or not of_language:
            of_language.append(_checked(row, where))
    ids = Counter(row["id"] for of_language in found.values() for row in of_language)
    repeated = [key for key, count in ids.items() if count > 1]
    if repeated:
        raise SalmonError(f"{source}: id {repeated[0]} more than once")
    return found


def _checked(row: RowOfHub, where: str) -> RowOfHub:
    if not all(isinstance(text, str) and text.strip() for text in (row["context"], row["question"])):
        raise SalmonError(f"{where} (id {row['id']}): context and question must be texts")
    answers = row["answers"].get("text") if isinstance(row["answers"], dict) else None
    if not isinstance(answers, list) or not answers or not all(isinstance(a, str) and a.strip() for a in answers):
        raise SalmonError(f"{where} (id {row['id']}): answers must be {{text: [at least one text]}}")
    return row
