"""TruthfulQA's own ``TruthfulQA.csv``: questions with their true and their false reference answers."""

import csv
from pathlib import Path
from typing import Any

from eval.results import NoData
from salmon.errors import SalmonError

FILE = "TruthfulQA.csv"
ANSWERS = {"correct_answers": "Correct Answers", "incorrect_answers": "Incorrect Answers"}  # the hub's name -> column
SEPARATOR = ";"


def generation_rows(folder: Path) -> list[dict[str, Any]]:
    """``truthfulqa/TruthfulQA.csv`` of a data folder in the row format of the hub's data set (answers as lists).

    Raises:
        Unavailable: there is no such file.
        SalmonError: it is not TruthfulQA's; the line is named.
    """
    path = folder / "truthfulqa" / FILE
    if not path.is_file():
        raise NoData(f"no truthfulqa/{FILE} in {folder}")
    rows = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [column for column in ("Question", *ANSWERS.values()) if column not in (reader.fieldnames or ())]
            if missing:
                raise SalmonError(f"{path}: no column {', '.join(missing)}; it must be TruthfulQA's own {FILE}")
            for row in reader:
                rows.append(_row(row, f"{path}, line {reader.line_num}"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SalmonError(f"{path} cannot be read: {error}") from error
    if not rows:
        raise SalmonError(f"{path}: no questions")
    return rows


def _row(row: dict[str, Any], place: str) -> dict[str, Any]:
    question = (row["Question"] or "").strip()
    answers = {
        key: [text for part in (row[column] or "").split(SEPARATOR) if (text := part.strip())]
        for key, column in ANSWERS.items()
    }
    empty = [] if question else ["Question"]
    empty += [column for key, column in ANSWERS.items() if not answers[key]]
    if empty:
        raise SalmonError(f"{place}: {', '.join(empty)} empty; every question needs true and false reference answers")
    return {"question": question, **answers}
