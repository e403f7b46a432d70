"""The pairs of responses that a reward model is measured on, from files."""

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from eval.pairs.files import read_preferences
from eval.user_files import existing, records, texts
from salmon.data.rows import content_id
from salmon.errors import SalmonError
from salmon.preferences.pairs import Pair
from salmon.runtime.artifact import Artifact, open_artifact
from salmon.runtime.seeding import stream

HELD_OUT = "held_out_pairs.jsonl"
SETTING = "eval.principle_following.pairs"


@dataclass(frozen=True)
class RealPairs:
    """Pairs with a human preference; response 1 is the preferred one."""

    pairs: list[Pair]
    skipped: int  # blank responses, equal responses, rows that are no pair


def find_pairs(reward: Artifact, given: str | None) -> Path:
    """The file of held-out pairs: the given one, or that of the preferences which the model was trained with.

    Raises:
        SalmonError: there is none.
    """
    if given is not None:
        return existing(SETTING, given)
    stage, _, key = str(reward.manifest.get("upstream", {}).get("preferences", "")).partition("-")
    folder = reward.path.parent.parent / stage / key
    if not key:
        raise SalmonError(
            f"{reward.path} was taken as it is (reward.start), so it has no held-out pairs of its own. Give some, "
            f"{{prompt_id, prompt, response_1, response_2}} a line: {SETTING}=FILE.jsonl"
        )
    if not folder.is_dir():
        raise SalmonError(
            f"{reward.path} was trained with preferences that are not beside it in the store (no {folder}). Copy them "
            f"there, or give pairs of prompts that it was not trained on: {SETTING}=FILE.jsonl"
        )
    if not (folder / HELD_OUT).is_file():
        raise SalmonError(
            f"{folder} has no {HELD_OUT}: it was made by an older version. Give pairs of prompts that the reward "
            f"model was not trained on, {{prompt_id, prompt, response_1, response_2}} a line: {SETTING}=FILE.jsonl"
        )
    return open_artifact(folder).file(HELD_OUT)


def read_pairs(path: Path, limit: int | None, seed: int) -> list[Pair]:
    """Rows ``{prompt_id, prompt, response_1, response_2}``; pairs of equal responses are kept (they tie).

    Raises:
        SalmonError: the file is unreadable or has no row, or a line is no such row.
    """
    pairs = []
    for where, record in records(path):
        prompt_id, prompt, one, two = texts(where, record, ("prompt_id", "prompt", "response_1", "response_2"))
        pairs.append(Pair(prompt_id, prompt, one, two))
    if not pairs:
        raise SalmonError(f"{path} has no pairs. Hold prompts out (preferences.held_out_fraction), or give {SETTING}")
    return drawn(pairs, limit, seed)


def read_real_pairs(path: Path, limit: int | None, seed: int) -> RealPairs:
    """The pairs of a file in any format of ``eval.pairs.files``; rows without a preference to measure are skipped.

    Raises:
        SalmonError: the file is unreadable or has no pair.
    """
    found = read_preferences(path)
    pairs = [Pair(content_id(row.prompt), row.prompt, row.chosen, row.rejected) for row in found.pairs]
    return RealPairs(drawn(pairs, limit, seed), found.skipped)


def drawn(pairs: list[Pair], limit: int | None, seed: int) -> list[Pair]:
    """At most ``limit`` pairs, of as many prompts as possible; in the order of the file.

    Prompts are drawn, so that neither the file's order nor its prompts with many pairs decide. Every prompt gives its
    first pair before one gives its second.
    """
    if limit is None or len(pairs) <= limit:
        return pairs
    by_prompt: dict[str, list[int]] = {}
    for place, pair in enumerate(pairs):
        by_prompt.setdefault(pair.prompt_id, []).append(place)
    groups = list(by_prompt.values())
    order = stream(seed, "principle_following", "prompts").permutation(len(groups))
    rounds = zip_longest(*(groups[number] for number in order))
    places = [place for places in rounds for place in places if place is not None]
    return [pairs[place] for place in sorted(places[:limit])]
