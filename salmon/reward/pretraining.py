"""Pairs for preference pre-training: comparisons under generic criteria, without principles."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from salmon.config.reward import MISMATCHED
from salmon.config.schema import Config
from salmon.data.rows import PreferencePair
from salmon.data.sources import load_pairs
from salmon.data.split import training_rows
from salmon.errors import SalmonError
from salmon.preferences.artifact import training_pairs
from salmon.preferences.pairs import Pair
from salmon.runtime.seeding import stream


def pretraining_pairs(cfg: Config, preferences: Path) -> list[PreferencePair]:
    """Read or make the pairs; the first ``reward.pretrain.limit`` of them in a seeded order, none of a held-out prompt.

    Args:
        cfg: names the source.
        preferences: artifact whose pairs the source "mismatched" is made of.

    Raises:
        SalmonError: the source cannot be read, or has too few pairs.
    """
    settings = cfg.reward.pretrain
    if settings.data == MISMATCHED:
        pairs = mismatched_pairs(training_pairs(preferences, cfg.preferences.min_response_chars), cfg.seed)
    else:
        source = settings.data or ""
        given = load_pairs(source, cfg.prompts.on_bad_line)
        pairs = training_rows(given, lambda pair: pair.prompt, cfg.prompts.held_out, source)
    order = stream(cfg.seed, "pretrain", "rows").permutation(len(pairs))
    return [pairs[i] for i in order[: settings.limit]]


def mismatched_pairs(pairs: Sequence[Pair], seed: int) -> list[PreferencePair]:
    """Prefer each response to its own prompt to a response to another prompt. No human and no judge is needed.

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
