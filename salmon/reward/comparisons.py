"""What the reward model is trained and measured on: pairs of inputs, as tokens, of which one is preferred."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from salmon.config.reward import PretrainSettings, RewardConfig
from salmon.data.rows import PreferencePair, PreferenceRow
from salmon.models.chat import ChatFormat
from salmon.reward.inputs import reward_input


@dataclass(frozen=True)
class RewardComparison:
    """A preferred and a rejected input of the reward model."""

    chosen: list[int]  # token ids
    rejected: list[int]
    guideline: str  # the only principle that is shown, "not NAME" if negated; "" where none or several are
    cut_tokens: int  # that did not fit, of both inputs
    pair: str  # names the pair of responses


def compare_row(chat: ChatFormat, row: PreferenceRow, settings: RewardConfig) -> RewardComparison:
    """Encode both responses of a row under its guidelines."""
    guidelines = [g.text for g in row.guidelines]
    one, two = (
        reward_input(chat, response, row.prompt, guidelines, settings) for response in (row.response_1, row.response_2)
    )
    chosen, rejected = (one, two) if row.label == 1 else (two, one)
    first = row.guidelines[0]
    name = ("not " if first.negated else "") + first.name if len(row.guidelines) == 1 else ""
    cut = sum(e.cut_instruction + e.cut_response for e in (one, two))
    return RewardComparison(chosen.ids, rejected.ids, name, cut, row.pair)


def compare_pair(chat: ChatFormat, pair: PreferencePair, settings: PretrainSettings) -> RewardComparison:
    """Encode a pre-training pair under the generic criteria."""
    chosen, rejected = (
        reward_input(chat, response, pair.prompt, (), settings) for response in (pair.chosen, pair.rejected)
    )
    cut = sum(e.cut_instruction + e.cut_response for e in (chosen, rejected))
    return RewardComparison(chosen.ids, rejected.ids, "", cut, pair.id)


def group_by_pair(comparisons: Sequence[RewardComparison], size: int) -> list[list[RewardComparison]]:
    """Put up to ``size`` comparisons of the same pair into one group; groups are in the order of their first ones."""
    groups: dict[tuple[str, int], list[RewardComparison]] = {}
    seen: dict[str, int] = defaultdict(int)
    for comparison in comparisons:
        groups.setdefault((comparison.pair, seen[comparison.pair] // size), []).append(comparison)
        seen[comparison.pair] += 1
    return list(groups.values())
