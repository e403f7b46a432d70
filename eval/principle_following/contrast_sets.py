"""Contrast pairs for the principles of a bank: made by the family that its check measures, judged by the check."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from eval.principle_following.items import PROBED_EVERY, Item, ItemSet
from eval.principle_following.parametric_sets import CONTRAST
from salmon.principles.bank import Bank, Principle
from salmon.principles.parametric.checks import CheckedFamily, family_of_check
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.pairs import FeaturePair, draw_pair
from salmon.principles.parametric.universe import Universe
from salmon.principles.verifiers import compare
from salmon.runtime.seeding import stream

log = logging.getLogger("salmon")

TRIES = 10  # for each item, to make a pair that the check tells apart as its family does


def contrast_set(prefix: str, bank: Bank, reworded: Bank | None, universe: Universe, number: int, seed: int) -> ItemSet:
    """Items of a bank's principles whose checks have a family; the log names the others.

    Args:
        prefix: of the bank's metrics.
        reworded: a bank with the same principles in other words, which have to agree with the bank's.
        number: items of each principle.
        seed: of every draw.
    """
    items: list[Item] = []
    lacking = []
    others = {principle.name: principle for principle in reworded.principles} if reworded else {}
    opposites = {principle.name: principle for principle in bank.principles}
    for principle in bank.principles:
        checked = family_of_check(principle.check or "")
        family = universe.family(checked.family) if checked else None
        if checked is None or family is None:
            lacking.append(f"{principle.name} ({principle.check})")
            continue
        rng = stream(seed, "principle_following", "contrast", prefix, principle.name)
        opposite = opposites.get(principle.opposite or "")
        words = _Words.of(principle, others.get(principle.name), opposite)
        found = [
            words.item(principle.name, pair, truth, place % PROBED_EVERY == 0, rng)
            for place, (pair, truth) in enumerate(_pairs(principle.check or "", checked, family, universe, number, rng))
        ]
        if not found:
            log.warning("%s: no contrast pair can be made for %s, so it is not measured", bank.name, principle.name)
        items += found
    if lacking:
        log.warning("%s: no family makes contrast pairs for %s: not measured on them", bank.name, ", ".join(lacking))
    return ItemSet(f"{prefix}contrast_", f"contrast pairs, {bank.name}", tuple(items))


@dataclass(frozen=True)
class _Words:
    """The texts of one principle: its own, those of the reworded bank, and its opposite."""

    asserted: tuple[str, ...]
    negated: tuple[str, ...]
    asserted_elsewhere: tuple[str, ...]
    negated_elsewhere: tuple[str, ...]
    opposite: Principle | None

    @classmethod
    def of(cls, principle: Principle, reworded: Principle | None, opposite: Principle | None) -> "_Words":
        negative = principle.negative_definition
        elsewhere = (reworded.negative_definition,) if reworded and reworded.negative_definition else ()
        return cls(
            (principle.definition, *principle.paraphrases),
            (negative, *principle.negative_paraphrases) if negative else (),
            (reworded.definition,) if reworded else (),
            elsewhere if negative else (),
            opposite,
        )

    def item(self, group: str, pair: FeaturePair, truth: int, probed: bool, rng: np.random.Generator) -> Item:
        """A pair under one of the wordings; where it is probed, under all of them and in conflict too."""
        prompt, first, second = pair.prompt, pair.first, pair.second
        asserted, negated = _one_first(self.asserted, rng), _one_first(self.negated, rng)
        conflict = (asserted[0], negated[0]) if probed and negated else None
        disagreement = None
        if probed and self.opposite is not None:
            other_truth = compare(self.opposite.check or "", prompt, first, second)
            if other_truth * truth < 0:
                disagreement = (self.asserted[0], self.opposite.definition)
        return Item(
            group=group,
            prompt=prompt,
            first=first,
            second=second,
            truth=truth,
            asserted=(*asserted, *self.asserted_elsewhere) if probed else asserted[:1],
            negated=(*negated, *self.negated_elsewhere) if probed else negated[:1],
            conflict=conflict,
            disagreement=disagreement,
        )


def _one_first(texts: tuple[str, ...], rng: np.random.Generator) -> tuple[str, ...]:
    """The texts, with one that is drawn in front."""
    if not texts:
        return ()
    drawn = pick(texts, rng)
    return (drawn, *(text for text in texts if text != drawn))


def _pairs(
    check: str, checked: CheckedFamily, family: Family, universe: Universe, number: int, rng: np.random.Generator
) -> Iterator[tuple[FeaturePair, int]]:
    """Pairs that the check tells apart in the direction of its family, with the truth: 1 / -1 for first / second."""
    side = universe.everything
    if checked.parameter:
        side = replace(side, words=(checked.parameter,))
        family = replace(family, parameters=(checked.parameter,))
    made = 0
    for _ in range(number * TRIES):
        if made == number:
            return
        pair = draw_pair(family, side, universe.held_out, CONTRAST, rng)
        if pair is None:
            continue
        truth = checked.direction * pair.features[0].prefers
        if compare(check, pair.prompt, pair.first, pair.second) * truth > 0:
            yield pair, truth
            made += 1
