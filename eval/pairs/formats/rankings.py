"""Our own format of rankings: ``{prompt, responses: [best, ..., worst][, guideline, contrary, group, category, id]}``.

Every response is better than those behind it. ``contrary`` is a guideline under which the order is reversed. Rows of
one ``group`` have the same responses and ask for the same in other words.
"""

from collections.abc import Iterator

from eval.pairs.formats.fields import category_of, only_known, optional_text, text_list
from eval.pairs.ranked.rows import Ranked
from eval.user_files import texts
from salmon.errors import SalmonError
from salmon.runtime.jsonl import Record

KEYS = frozenset({"prompt", "responses", "guideline", "contrary", "group", "category", "id"})


def read_ranking(where: str, record: Record, category: str) -> Iterator[Ranked]:
    only_known(where, record, KEYS)
    (prompt,) = texts(where, record, ("prompt",), blank=True)
    responses = text_list(where, "responses", record.get("responses"))
    if len(responses) < 2:
        raise SalmonError(f"{where}: responses has only one text, and nothing to compare it with. Correct the line")
    guideline, contrary, group = (optional_text(where, record, key) for key in ("guideline", "contrary", "group"))
    yield Ranked(
        prompt,
        responses,
        tuple(range(len(responses))),
        category_of(where, record, category),
        guideline,
        contrary,
        group,
        str(record.get("id", "")),
    )
