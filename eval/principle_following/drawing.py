"""How the items of a set are spread: over its groups, over prompts, and which of them are asked about in more words."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from salmon.principles.parametric.answers import AnsweredPrompt
from salmon.principles.parametric.pairs import FeaturePair

PROBED_EVERY = 5  # of a set's items: the first, the sixth, ... are asked about in several wordings and in conflict
WORDINGS = 4  # of a principle, and of its contrary, that have to agree
MIN_ITEMS = 30  # of a set, as far as they can be made: intervals are over its prompts
TRIES = 10  # for each item, to draw a new one

PairOf = Callable[[Sequence[AnsweredPrompt]], FeaturePair | None]  # a pair of one of these prompts, if it can be made


def items_of_each(number: int, groups: int) -> int:
    """Items of each group: ``number``, or more where the set would have fewer than ``MIN_ITEMS``."""
    return max(number, -(-MIN_ITEMS // max(groups, 1)))


class SpreadPairs:
    """Draws the pairs of a set, each of a prompt that the set has used least, as far as such a prompt has a pair."""

    def __init__(self, prompts: Sequence[AnsweredPrompt]) -> None:
        """Nothing is drawn yet."""
        self._prompts = prompts
        self._used: Counter[str] = Counter()

    def draw(self, number: int, pair_of: PairOf) -> Iterator[tuple[FeaturePair, bool]]:
        """Up to ``number`` different pairs of one group, each with whether its item is one of the probed ones."""
        seen: set[tuple[str, ...]] = set()
        for _ in range(number * TRIES):
            if len(seen) == number:
                return
            pair = pair_of(self._least_used()) or pair_of(self._prompts)
            if pair is None:
                continue
            key = (pair.prompt, *sorted((pair.first, pair.second)), pair.features[0].parameter)
            if key in seen:
                continue
            seen.add(key)
            probed = self._used.total() % PROBED_EVERY == 0
            self._used[pair.prompt] += 1
            yield pair, probed

    def _least_used(self) -> list[AnsweredPrompt]:
        fewest = min(self._used[asked.prompt] for asked in self._prompts)
        return [asked for asked in self._prompts if self._used[asked.prompt] == fewest]
