"""Responses of the cells to the same held-out prompts, for setting two cells side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweeps.cells import Cell
from sweeps.curves import read_table

BEFORE = "before training"
LONGEST = 2000  # characters shown of a response


@dataclass(frozen=True)
class ShownResponse:
    """One response, with the score and the principles that it was scored by, where the stage recorded them."""

    response: str
    score: float | None
    principles: str

    @property
    def scored(self) -> str:
        """The score and what it was given for, in words."""
        score = "" if self.score is None else f"score {self.score:.3f}"
        return " under ".join(part for part in (score, self.principles) if part)


@dataclass(frozen=True)
class Samples:
    prompts: Sequence[str]
    answers: Mapping[str, Mapping[int, ShownResponse]]  # who answered -> place of the prompt -> response
    seeds: Mapping[str, str]  # who answered -> the seed whose responses these are

    @property
    def data(self) -> dict[str, Any]:
        """For the page's script."""
        answers = {
            name: {place: {"response": one.response, "scored": one.scored} for place, one in by_prompt.items()}
            for name, by_prompt in self.answers.items()
        }
        return {"prompts": list(self.prompts), "answers": answers}

    def label(self, name: str) -> str:
        """Who answered, with the seed."""
        return f"{name} (seed {seed})" if (seed := self.seeds.get(name)) else name


def samples_of(cells: Sequence[Cell]) -> Samples:
    """The last responses of each cell's first finished seed, and those of the first cell before training."""
    answers: dict[str, Mapping[str, ShownResponse]] = {}
    seeds: dict[str, str] = {}
    for cell in cells:
        for seed, path in list(cell.policies.items())[:1]:
            if BEFORE not in answers and (rows := read_table(path, "responses", last=False)):
                answers[BEFORE] = _by_prompt(rows)
            if rows := read_table(path, "responses", last=True):
                answers[cell.name], seeds[cell.name] = _by_prompt(rows), seed
    prompts = list(dict.fromkeys(prompt for by_prompt in answers.values() for prompt in by_prompt))
    numbered = {
        name: {place: by_prompt[prompt] for place, prompt in enumerate(prompts) if prompt in by_prompt}
        for name, by_prompt in answers.items()
    }
    return Samples(prompts, numbered, seeds)


def _by_prompt(rows: Sequence[Mapping[str, Any]]) -> dict[str, ShownResponse]:
    return {str(row["prompt"]): _sample(row) for row in rows}


def _sample(row: Mapping[str, Any]) -> ShownResponse:
    text, score = str(row["response"]), row.get("score")
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]} […]"
    return ShownResponse(cut, score if isinstance(score, int | float) else None, str(row.get("principles", "")))
