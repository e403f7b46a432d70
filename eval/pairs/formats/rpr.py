"""RPR, reasonable preference reversal (Pitis et al. 2024, arXiv 2407.14916; ``microsoft/rpr`` on the hub).

``{prompt, response_a, response_b, criteria_x, criteria_y}``: under criteria_x response a is the better one, under
criteria_y response b. Scenarios and profiles, which the rows have too, are not read.
"""

from collections.abc import Iterator

from eval.pairs.formats.fields import category_of
from eval.pairs.ranked.rows import Ranked
from eval.user_files import texts
from salmon.runtime.jsonl import Record

KEYS = frozenset({"criteria_x", "criteria_y"})


def read_rpr(where: str, record: Record, category: str) -> Iterator[Ranked]:
    criteria_x, criteria_y = texts(where, record, ("criteria_x", "criteria_y"))
    prompt, *responses = texts(where, record, ("prompt", "response_a", "response_b"), blank=True)
    yield Ranked(
        prompt,
        tuple(responses),
        (0, 1),
        category_of(where, record, category, ("category_x",)),
        criteria_x,
        criteria_y,
    )
