"""What the metrics are computed from: margins and truths of pairs, as plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank
from salmon.principles.verifiers import compare

Column = tuple[str, ...]  # guideline texts shown together
LENGTH_CHECKS = ("concise", "comprehensive")  # they ask for a length, so score and length should go together


@dataclass(frozen=True)
class PairTable:
    """N pairs of R responses to P prompts."""

    first: np.ndarray  # [N] number of response 1
    second: np.ndarray  # [N]
    prompt: np.ndarray  # [N] number of the prompt, 0 to P - 1
    prompt_of_response: np.ndarray  # [R]
    lengths: np.ndarray  # [R] tokens

    @property
    def prompts(self) -> int:
        return int(self.prompt.max()) + 1


@dataclass(frozen=True)
class PrincipleTable:
    """One principle on N pairs: what its check says, and by how much the model prefers response 1."""

    name: str
    truth: np.ndarray  # [N] 1 / -1: response 1 / 2 follows it better; 0: a tie, which counts nowhere
    scores: np.ndarray  # [R] of the responses where it alone is asked for
    asserted: np.ndarray  # [N] margin: score of response 1 minus score of response 2
    negated: np.ndarray | None  # [N] margin under its negative definition; None: it has none
    opposite: str | None = None
    joint: tuple[np.ndarray, ...] = ()  # margins [N] under it and its opposite, in both orders
    about_length: bool = False


def pair_table(pairs: Sequence[Pair], tokens: dict[tuple[str, str], int]) -> PairTable:
    """Numbers of responses are their places in ``responses_of(pairs)``; ``tokens``: length of each."""
    responses = {key: number for number, key in enumerate(responses_of(pairs))}
    prompts = {key: number for number, key in enumerate(dict.fromkeys(pair.prompt_id for pair in pairs))}
    owner = np.zeros(len(responses), dtype=int)
    for pair in pairs:
        for text in (pair.response_1, pair.response_2):
            owner[responses[pair.prompt, text]] = prompts[pair.prompt_id]
    return PairTable(
        first=np.array([responses[pair.prompt, pair.response_1] for pair in pairs]),
        second=np.array([responses[pair.prompt, pair.response_2] for pair in pairs]),
        prompt=np.array([prompts[pair.prompt_id] for pair in pairs]),
        prompt_of_response=owner,
        lengths=np.array([tokens[key] for key in responses]),
    )


def responses_of(pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    """Every (prompt, response) once."""
    return list(
        dict.fromkeys(
            chain.from_iterable(((pair.prompt, pair.response_1), (pair.prompt, pair.response_2)) for pair in pairs)
        )
    )


def principle_columns(bank: Bank) -> list[Column]:
    """Everything that must be scored to measure a bank: each principle, its negation, and it with its opposite."""
    columns: list[Column] = []
    texts = {principle.name: principle.definition for principle in bank.principles}
    for principle in bank.principles:
        columns.append((principle.definition,))
        if principle.negative_definition:
            columns.append((principle.negative_definition,))
        if principle.opposite in texts:
            columns.append((principle.definition, texts[principle.opposite]))
    return columns


def truths(bank: Bank, pairs: Sequence[Pair]) -> dict[str, np.ndarray]:
    """By principle: 1 / -1 where response 1 / 2 of a pair follows it better by its check, 0 at a tie; [N]."""
    return {
        principle.name: np.sign([compare(principle.check, p.prompt, p.response_1, p.response_2) for p in pairs])
        for principle in bank.principles
        if principle.check is not None
    }


def principle_tables(
    bank: Bank, truth: dict[str, np.ndarray], pairs: PairTable, columns: Sequence[Column], scores: np.ndarray
) -> list[PrincipleTable]:
    """Cut the score table [R, C] of ``columns`` into what each principle of the bank needs."""
    place = {column: number for number, column in enumerate(columns)}
    texts = {principle.name: principle.definition for principle in bank.principles}

    def margins(*column: str) -> np.ndarray:
        of_column = scores[:, place[column]]
        return of_column[pairs.first] - of_column[pairs.second]

    tables = []
    for p in bank.principles:
        opposite = p.opposite if p.opposite in texts else None
        joint: tuple[np.ndarray, ...] = ()
        if opposite is not None:
            both = (p.definition, texts[opposite])
            joint = tuple(margins(*order) for order in (both, both[::-1]) if order in place)
        tables.append(
            PrincipleTable(
                name=p.name,
                truth=truth[p.name],
                scores=scores[:, place[p.definition,]],
                asserted=margins(p.definition),
                negated=margins(p.negative_definition) if p.negative_definition else None,
                opposite=opposite,
                joint=joint,
                about_length=(p.check or "").partition(":")[0] in LENGTH_CHECKS,
            )
        )
    return tables
