"""Contrast pairs for the principles of a bank: made by the family that its check measures, judged by the check."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from eval.principle_following.drawing import TRIES, WORDINGS, SpreadPairs, items_of_each
from eval.principle_following.items import Item, ItemSet
from eval.principle_following.parametric_sets import CONTRAST
from salmon.principles.bank import Bank, Principle
from salmon.principles.parametric.answers import AnsweredPrompt
from salmon.principles.parametric.checks import CheckedFamily, family_of_check
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.pairs import FeaturePair, draw_pair
from salmon.principles.parametric.universe import Universe
from salmon.principles.verifiers import compare
from salmon.runtime.seeding import stream

log = logging.getLogger("salmon")


def contrast_set(prefix: str, bank: Bank, reworded: Bank | None, universe: Universe, number: int, seed: int) -> ItemSet:
    """Items of a bank's principles whose checks have a family; the log names the others.

    Args:
        prefix: of the bank's metrics.
        reworded: a bank with the same principles in other words, which have to agree with the bank's.
        number: items of each principle; more where the bank has few principles.
        seed: of every draw. Banks of principles of the same names and checks are measured on the same pairs.
    """
    items: list[Item] = []
    made_by = {
        principle.name: (checked, family)
        for principle in bank.principles
        if (checked := family_of_check(principle.check or "")) and (family := universe.family(checked.family))
    }
    lacking = [f"{p.name} ({p.check})" for p in bank.principles if p.name not in made_by]
    pairs, each = SpreadPairs(universe.held_out), items_of_each(number, len(made_by))
    others = {principle.name: principle for principle in reworded.principles} if reworded else {}
    opposites = {principle.name: principle for principle in bank.principles}
    for principle in bank.principles:
        if principle.name not in made_by:
            continue
        checked, family = made_by[principle.name]
        rng, of_words = (
            stream(seed, "principle_following", "contrast", *names)
            for names in ((principle.name,), (prefix, principle.name))
        )
        words = _Words.of(principle, others.get(principle.name), opposites.get(principle.opposite or ""))
        drawn = pairs.draw(each, partial(_pair, principle.check or "", checked, family, universe, rng))
        found = [
            words.item(principle.name, pair, checked.direction * pair.features[0].prefers, probed, of_words)
            for pair, probed in drawn
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
        """A pair under one of the wordings; where it is probed, under several of them and in conflict too."""
        prompt, first, second = pair.prompt, pair.first, pair.second
        asserted, negated = _some(self.asserted, rng), _some(self.negated, rng)
        conflict = (asserted[0], negated[0]) if probed and negated else None
        disagreement = None
        if probed and self.opposite is not None:
            other_truth = compare(self.opposite.check or "", prompt, first, second)
            if other_truth * truth < 0:
                disagreement = (asserted[0], self.opposite.definition)
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


def _some(texts: tuple[str, ...], rng: np.random.Generator) -> tuple[str, ...]:
    """Up to ``WORDINGS`` of the texts, drawn."""
    return tuple(texts[int(place)] for place in rng.permutation(len(texts))[:WORDINGS])


def _pair(
    check: str,
    checked: CheckedFamily,
    family: Family,
    universe: Universe,
    rng: np.random.Generator,
    prompts: Sequence[AnsweredPrompt],
) -> FeaturePair | None:
    """A pair that the check tells apart in the direction of its family; None where tries make none."""
    side = universe.everything
    if checked.parameter:
        side = replace(side, words=(checked.parameter,))
        family = replace(family, parameters=(checked.parameter,))
    for _ in range(TRIES):
        pair = draw_pair(family, side, prompts, CONTRAST, rng)
        if pair is None:
            return None
        truth = checked.direction * pair.features[0].prefers
        if compare(check, pair.prompt, pair.first, pair.second) * truth > 0:
            return pair
    return None
