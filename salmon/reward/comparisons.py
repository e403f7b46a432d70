"""What the reward model is trained and measured on: pairs of inputs, as tokens, of which one is preferred."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from salmon.config.reward import PretrainSettings, RewardConfig, RewardHead
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
    preferred: str = ""  # text of the response in ``chosen``: tells which scores of a pair are of the same response
    tie: bool = False  # neither response is better: ``chosen`` and ``rejected`` are in any order
    # Names what is asked for: comparisons of a pair that share it ask for the same in other words; "" = not compared.
    meaning: str = ""

    def asks_the_same_as(self, other: "RewardComparison") -> bool:
        """Whether both are of one pair of responses, under the same principles in different words."""
        same = bool(self.meaning) and (self.pair, self.meaning) == (other.pair, other.meaning)
        return same and sorted((self.chosen, self.rejected)) != sorted((other.chosen, other.rejected))


def encode_two(
    chat: ChatFormat,
    prompt: str,
    responses: tuple[str, str],
    guidelines: Sequence[str],
    limits: RewardConfig | PretrainSettings,
    head: RewardHead,
) -> tuple[list[int], list[int], int]:
    """The inputs of two responses to one prompt under the same guidelines, and the tokens that did not fit."""
    one, two = (reward_input(chat, response, prompt, guidelines, limits, head) for response in responses)
    return one.ids, two.ids, sum(e.cut_instruction + e.cut_response for e in (one, two))


def compare_row(chat: ChatFormat, row: PreferenceRow, settings: RewardConfig) -> RewardComparison:
    """Encode both responses of a row under its guidelines."""
    ordered = (row.response_1, row.response_2) if row.label == 1 else (row.response_2, row.response_1)
    texts = [g.text for g in row.guidelines]
    chosen, rejected, cut = encode_two(chat, row.prompt, ordered, texts, settings, settings.head)
    names = [("not " if g.negated else "") + g.name for g in row.guidelines]
    return RewardComparison(
        chosen,
        rejected,
        guideline=names[0] if len(names) == 1 else "",
        cut_tokens=cut,
        pair=row.pair,
        preferred=ordered[0],
        meaning="\x1f".join(sorted(names)),
    )


def compare_pair(chat: ChatFormat, pair: PreferencePair, settings: RewardConfig) -> RewardComparison:
    """Encode a pre-training pair under the generic criteria."""
    ordered = (pair.chosen, pair.rejected)
    chosen, rejected, cut = encode_two(chat, pair.prompt, ordered, (), settings.pretrain, settings.head)
    return RewardComparison(chosen, rejected, "", cut, pair.id)


def group_by_pair(comparisons: Sequence[RewardComparison], size: int) -> list[list[RewardComparison]]:
    """Put up to ``size`` comparisons of the same pair into one group; groups are in the order of their first ones."""
    groups: dict[tuple[str, int], list[RewardComparison]] = {}
    seen: dict[str, int] = defaultdict(int)
    for comparison in comparisons:
        groups.setdefault((comparison.pair, seen[comparison.pair] // size), []).append(comparison)
        seen[comparison.pair] += 1
    return list(groups.values())


@dataclass(frozen=True)
class Rewording:
    """Two comparisons of a batch that ask for the same in different words."""

    one: int  # place in the batch
    other: int
    aligned: bool  # they prefer the same response


def rewordings(groups: Sequence[Sequence[RewardComparison]]) -> list[Rewording]:
    """All of them within a group; places count through the groups.

    Those across groups are left out, since groups of a batch need not be read together.
    """
    found, start = list[Rewording](), 0
    for group in groups:
        for (i, one), (j, other) in combinations(enumerate(group, start), 2):
            if one.asks_the_same_as(other):
                found.append(Rewording(i, j, one.preferred == other.preferred))
        start += len(group)
    return found
