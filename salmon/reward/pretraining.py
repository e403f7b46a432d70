"""Pairs for preference pre-training that no human made: comparisons under generic criteria, without principles."""

from collections import defaultdict
from collections.abc import Sequence

from salmon.data.rows import PreferencePair
from salmon.errors import SalmonError
from salmon.preferences.pairs import Pair
from salmon.runtime.seeding import stream


def mismatched_pairs(pairs: Sequence[Pair], seed: int) -> list[PreferencePair]:
    """Each response to its own prompt, preferred to a response to another prompt.

    A seeded derangement gives every prompt the prompt whose responses it rejects; responses are matched in order, and
    the other prompt's are used again where it has fewer. Equal responses say nothing and are left out.

    Raises:
        SalmonError: there are fewer than two prompts.
    """
    texts: dict[str, str] = {}
    responses: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        texts[pair.prompt_id] = pair.prompt
        responses[pair.prompt_id] += [pair.response_1, pair.response_2]
    ids = list(texts)
    if len(ids) < 2:
        raise SalmonError(
            "reward.pretrain.data=mismatched needs pairs of at least two training prompts, and there "
            f"are {len(ids)}. Raise preferences.num_prompts, or set reward.pretrain.data=null"
        )
    order = [ids[i] for i in stream(seed, "pretrain", "mismatched").permutation(len(ids))]
    other = dict(zip(order, [*order[1:], order[0]], strict=True))  # one cycle: no prompt is its own
    rows = []
    for prompt_id in ids:
        foreign = responses[other[prompt_id]]
        for number, own in enumerate(responses[prompt_id]):
            rejected = foreign[number % len(foreign)]
            if own != rejected:
                rows.append(PreferencePair(f"{prompt_id}-{number}", texts[prompt_id], own, rejected))
    return rows
