"""RMGAP (Zhou et al. 2026, arXiv 2605.01831): which of four responses suits what somebody asks for?

``{id, domain, responses: [{key, text}], prompt_groups: [{winner, prompts: [{text}]}]}``: the prompts of a group say in
other words what makes one of the responses the right one.
"""

from collections.abc import Iterator

from eval.pairs.formats.fields import category_of
from eval.pairs.ranked.rows import Ranked
from salmon.errors import SalmonError
from salmon.runtime.jsonl import Record

KEYS = frozenset({"prompt_groups"})
SHAPE = '{"responses": [{"key", "text"}, ...], "prompt_groups": [{"winner": key, "prompts": [{"text"}, ...]}, ...]}'


def read_rmgap(where: str, record: Record, category: str) -> Iterator[Ranked]:
    """A row for each prompt."""
    domain, name = category_of(where, record, category, ("domain",)), str(record.get("id", where))
    try:
        responses = {response["key"]: response["text"] for response in record["responses"]}
        groups = [
            (group["winner"], [prompt["text"] for prompt in group["prompts"]]) for group in record["prompt_groups"]
        ]
    except (KeyError, TypeError) as error:
        raise SalmonError(f"{where}: an instance of RMGAP is like {SHAPE}. Correct the line") from error
    if not all(isinstance(text, str) for text in [*responses.values(), *(text for _, said in groups for text in said)]):
        raise SalmonError(f"{where}: the texts of responses and prompts must be text. Correct the line")
    for number, (winner, prompts) in enumerate(groups, start=1):
        if winner not in responses:
            raise SalmonError(f"{where}: winner {winner!r} is none of the responses {', '.join(map(str, responses))}")
        ranks = tuple(int(key != winner) for key in responses)
        for prompt in prompts:
            yield Ranked(prompt, tuple(responses.values()), ranks, domain, group=f"{name}:{number}", id=name)
