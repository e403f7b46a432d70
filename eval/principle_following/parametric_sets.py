"""Sets of items from the universe of parametric principles, by what a reward model knows of their words."""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from eval.config import ITEM_SETS
from eval.ifbench.families import IFBENCH_FAMILIES
from eval.principle_following.drawing import TRIES, WORDINGS, SpreadPairs, items_of_each
from eval.principle_following.items import Item, ItemSet
from salmon.config.reward import EditSettings
from salmon.principles.parametric.answers import AnsweredPrompt
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.pairs import Feature, FeaturePair, draw_pair, draw_unedited
from salmon.principles.parametric.split import Side
from salmon.principles.parametric.universe import Universe
from salmon.principles.parametric.wording import quoted, worded
from salmon.runtime.seeding import stream

log = logging.getLogger("salmon")

SENTENCES = 0.5  # share of wordings that are whole sentences, not frames
# Answers of one to three sentences, most of which differ in one thing only.
CONTRAST = EditSettings(crossed=0.3, two_answers=0.0, shortened=1.0, clearest_of=1)

Draw = Callable[[Family, np.random.Generator, Sequence[AnsweredPrompt]], FeaturePair | None]


def _wordings(
    side: Side, feature: Feature, wanted: bool, number: int, rng: np.random.Generator, quotes: bool
) -> tuple[str, ...]:
    """Up to ``number`` different wordings of a feature, or of its contrary, as a family has."""
    word = quoted if quotes else worded
    found: dict[str, None] = {}
    for _ in range(number * TRIES):
        found.setdefault(word(feature.family, feature.parameter, wanted, side, SENTENCES, rng))
        if len(found) == number:
            break
    return tuple(found)


def parametric_sets(universe: Universe, number: int, seed: int, names: Collection[str] = ITEM_SETS) -> list[ItemSet]:
    """Those of the sets that are not empty.

    Args:
        number: items of each family; more in sets of few families.
        seed: of every draw.
        names: of the sets that are made.
    """
    trained, held_out, unseen = universe.trained, universe.unread, universe.unseen
    of_others = replace(unseen, families=IFBENCH_FAMILIES)
    words = [family for family in held_out.families if family.words]
    styles = [family for family in held_out.families if not family.words]

    def edited(side: Side) -> Draw:
        return lambda family, rng, prompts: draw_pair(family, side, prompts, CONTRAST, rng)

    def unedited(family: Family, rng: np.random.Generator, prompts: Sequence[AnsweredPrompt]) -> FeaturePair | None:
        alone = replace(held_out, families=(family,))
        drawn = (draw_unedited(alone, prompts, 1, 0.0, rng) for _ in range(TRIES))
        return next((pair for pair in drawn if pair is not None), None)

    sets = [
        _Set("trained_wordings", "trained wordings of trained families", trained, edited(trained)),
        _Set("unseen_families", "families never trained on", unseen, edited(unseen)),
        _Set("ifbench_families", "IFBench's constraints, never trained on", of_others, edited(of_others)),
    ]
    if set(trained.frames_for) & set(held_out.frames_for):
        log.warning("the reward model was trained on all frames (reward.parametric.held_out): no held-out wordings")
    else:
        sets += [
            _Set("heldout_words", "held-out words in held-out wordings", held_out, edited(held_out), words),
            _Set("heldout_wordings", "held-out wordings of trained families", held_out, edited(held_out), styles),
            _Set(
                "quoted",
                "held-out wordings, quoted and agreed with or turned around",
                held_out,
                edited(held_out),
                quotes=True,
            ),
            _Set("unedited", "unedited answers, held-out wordings", held_out, unedited),
        ]
    asked = [made for made in sets if made.name in names]
    return [items for made in asked if (items := made.items(universe.held_out, number, seed)).items]


@dataclass(frozen=True)
class _Set:
    """How a set is made.

    Attributes:
        name: the beginning of its metrics.
        title: what it is, for people.
        families: which of the side's; None: all.
        quotes: principles are quoted.
    """

    name: str
    title: str
    side: Side
    draw: Draw
    families: Sequence[Family] | None = None
    quotes: bool = False

    def items(self, prompts: Sequence[AnsweredPrompt], number: int, seed: int) -> ItemSet:
        made, alike = list[Item](), list[str]()
        families = self.side.families if self.families is None else self.families
        pairs, each = SpreadPairs(prompts), items_of_each(number, len(families))
        for family in families:
            rng = stream(seed, "principle_following", self.name, family.name)
            drawn = pairs.draw(each, partial(self.draw, family, rng))
            found = [self._item(pair, probed, rng) for pair, probed in drawn]
            if not found:
                alike.append(family.name)
            made += found
        if alike:
            log.warning("%s: not measured, since no two answers differ in it: %s", self.name, ", ".join(alike))
        return ItemSet(f"{self.name}_", self.title, tuple(made))

    def _item(self, pair: FeaturePair, probed: bool, rng: np.random.Generator) -> Item:
        """The pair under its first feature; where it is probed, in several wordings and in conflict too."""
        feature = pair.features[0]
        number = WORDINGS if probed else 1
        asserted, negated = (
            _wordings(self.side, feature, wanted, number, rng, self.quotes) for wanted in (True, False)
        )
        disagreement = None
        if probed and len(pair.features) > 1:
            other = pair.features[1]
            wanted = other.prefers != feature.prefers  # what prefers the response that the first feature does not
            disagreement = (asserted[0], _wordings(self.side, other, wanted, 1, rng, self.quotes)[0])
        return Item(
            group=feature.family.name,
            prompt=pair.prompt,
            first=pair.first,
            second=pair.second,
            truth=feature.prefers,
            asserted=asserted,
            negated=negated,
            conflict=(asserted[0], negated[0]) if probed else None,
            disagreement=disagreement,
        )
