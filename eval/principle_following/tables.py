"""What the metrics are computed from: margins and truths of pairs, as plain arrays."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank, Principle
from salmon.principles.verifiers import compare
from salmon.reward.scorer import Cell

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
    """One principle on N pairs: what its check says, and by how much the model prefers response 1.

    Margins are NaN where they were not asked for, which is where no figure reads them.
    """

    name: str
    truth: np.ndarray  # [N] 1 / -1: response 1 / 2 follows it better; 0: a tie, which counts nowhere
    scores: np.ndarray | None  # [R] of the responses where it alone is asked for; None: not of all of them
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


def truths(bank: Bank, pairs: Sequence[Pair]) -> dict[str, np.ndarray]:
    """By principle: 1 / -1 where response 1 / 2 of a pair follows it better by its check, 0 at a tie; [N]."""
    return {
        principle.name: np.sign([compare(principle.check, p.prompt, p.response_1, p.response_2) for p in pairs])
        for principle in bank.principles
        if principle.check is not None
    }


def bank_cells(bank: Bank, truth: Mapping[str, np.ndarray], pairs: Sequence[Pair], everywhere: bool) -> list[Cell]:
    """Everything that must be scored to measure a bank, each once.

    A pair that a principle's check does not tell apart counts in none of its figures, so it is not asked about.

    Args:
        truth: by principle, [N] of the pairs.
        everywhere: score every response under each principle alone too, for figures of scores instead of margins.
    """
    cells: dict[Cell, None] = {}
    by_name = {principle.name: principle for principle in bank.principles}
    if everywhere:
        alone = [(principle.definition,) for principle in bank.principles]
        cells |= dict.fromkeys((response, column) for response in responses_of(pairs) for column in alone)
    for principle in bank.principles:
        columns = list(_columns(principle, by_name))
        for pair, known in zip(pairs, truth[principle.name], strict=True):
            if known:
                two = ((pair.prompt, pair.response_1), (pair.prompt, pair.response_2))
                cells |= dict.fromkeys((response, column) for response in two for column in columns)
    return list(cells)


def _columns(principle: Principle, by_name: Mapping[str, Principle]) -> Iterator[Column]:
    """A principle alone, its negation, its opposite alone, and both opposites in both orders."""
    text = principle.definition
    yield (text,)
    if principle.negative_definition:
        yield (principle.negative_definition,)
    other = by_name.get(principle.opposite or "")
    if other is not None:
        yield from ((other.definition,), (text, other.definition), (other.definition, text))


def principle_tables(
    bank: Bank,
    truth: Mapping[str, np.ndarray],
    pairs: Sequence[Pair],
    scores: Mapping[Cell, float],
    everywhere: bool,
) -> list[PrincipleTable]:
    """What each principle of the bank needs of the scores of ``bank_cells``."""
    responses = responses_of(pairs)
    texts = {principle.name: principle.definition for principle in bank.principles}

    def margins(*column: str) -> np.ndarray:
        asked = [((pair.prompt, pair.response_1), (pair.prompt, pair.response_2)) for pair in pairs]
        both = [[scores.get((response, column), np.nan) for response in two] for two in asked]
        return np.array([first - second for first, second in both])

    tables = []
    for p in bank.principles:
        opposite = p.opposite if p.opposite in texts else None
        joint: tuple[np.ndarray, ...] = ()
        if opposite is not None:
            both = (p.definition, texts[opposite])
            joint = (margins(*both), margins(*both[::-1]))
        alone = np.array([scores[response, (p.definition,)] for response in responses]) if everywhere else None
        tables.append(
            PrincipleTable(
                name=p.name,
                truth=truth[p.name],
                scores=alone,
                asserted=margins(p.definition),
                negated=margins(p.negative_definition) if p.negative_definition else None,
                opposite=opposite,
                joint=joint,
                about_length=(p.check or "").partition(":")[0] in LENGTH_CHECKS,
            )
        )
    return tables
