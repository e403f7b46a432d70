"""Sets of items from the universe of parametric principles, by what a reward model knows of their words."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from eval.principle_following.items import PROBED_EVERY, Item, ItemSet
from eval.principle_following.universe import Universe
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.pairs import FeaturePair, PairSettings, draw_pair, draw_unedited
from salmon.principles.parametric.split import Side
from salmon.principles.parametric.wording import worded
from salmon.runtime.seeding import stream

log = logging.getLogger("salmon")

WORDINGS = 4  # of a principle, and of its contrary, that have to agree
SENTENCES = 0.5  # share of wordings that are whole sentences, not frames
OF_WORDS = 8  # times as many items of a family in a set of which it is the only one
TRIES = 10  # for each item or wording, to draw a new one
EDITED = PairSettings(unedited=0.0, crossed=0.5, two_answers=0.3, shortened=0.4)

Draw = Callable[[Family, np.random.Generator], FeaturePair | None]


def parametric_sets(universe: Universe, number: int, seed: int) -> list[ItemSet]:
    """All sets that are not empty.

    Args:
        number: items of each family.
        seed: of every draw.
    """
    trained, held_out, unseen = universe.trained, universe.held_out, universe.unseen
    words = [family for family in held_out.families if family.words]
    styles = [family for family in held_out.families if not family.words]

    def edited(side: Side) -> Draw:
        return lambda family, rng: draw_pair(family, side, universe.prompts, EDITED, rng)

    def unedited(family: Family, rng: np.random.Generator) -> FeaturePair | None:
        alone = replace(held_out, families=(family,))
        drawn = (draw_unedited(alone, universe.prompts, 1, rng) for _ in range(TRIES))
        return next((pair for pair in drawn if pair is not None), None)

    sets = [
        _set("trained_wordings", "trained wordings of trained families", trained, trained.families, edited(trained)),
        _set("heldout_words", "held-out words in held-out wordings", held_out, words, edited(held_out), OF_WORDS),
        _set("heldout_wordings", "held-out wordings of trained families", held_out, styles, edited(held_out)),
        _set("unseen_families", "families never trained on", unseen, unseen.families, edited(unseen)),
        _set("unedited", "unedited answers, held-out wordings", held_out, held_out.families, unedited),
    ]
    return [made for make in sets if (made := make(number, seed)).items]


def _set(
    name: str, title: str, side: Side, families: Sequence[Family], draw: Draw, times: int = 1
) -> Callable[[int, int], ItemSet]:
    """A set of items of some families, in the words of one side."""

    def make(number: int, seed: int) -> ItemSet:
        items: list[Item] = []
        for family in families:
            rng = stream(seed, "principle_following", name, family.name)
            found = list(_items(family, side, draw, number * times, rng))
            if not found:
                log.warning("%s: no two answers differ in %s, so it is not measured", name, family.name)
            items += found
        return ItemSet(f"{name}_", title, tuple(items))

    return make


def _items(family: Family, side: Side, draw: Draw, number: int, rng: np.random.Generator) -> Iterator[Item]:
    """Different items of a family; fewer where tries make no more."""
    seen: set[tuple[str, ...]] = set()
    for _ in range(number * TRIES):
        if len(seen) == number:
            return
        pair = draw(family, rng)
        if pair is None:
            continue
        key = (pair.prompt, *sorted((pair.first, pair.second)), pair.features[0].parameter)
        if key not in seen:
            yield _item(pair, side, probed=len(seen) % PROBED_EVERY == 0, rng=rng)
            seen.add(key)


def _item(pair: FeaturePair, side: Side, probed: bool, rng: np.random.Generator) -> Item:
    """The pair under its first feature; where it is probed, in several wordings and in conflict too."""
    feature = pair.features[0]

    def texts(wanted: bool) -> tuple[str, ...]:
        return _wordings(feature.family, feature.parameter, wanted, side, WORDINGS if probed else 1, rng)

    asserted, negated = texts(True), texts(False)
    disagreement = None
    if probed and len(pair.features) > 1:
        other = pair.features[1]
        wanted = other.prefers != feature.prefers  # what prefers the response that the first feature does not
        disagreement = (asserted[0], *_wordings(other.family, other.parameter, wanted, side, 1, rng))
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


def _wordings(
    family: Family, parameter: str, wanted: bool, side: Side, number: int, rng: np.random.Generator
) -> tuple[str, ...]:
    """Up to ``number`` different wordings, as a family has."""
    found: dict[str, None] = {}
    for _ in range(number * TRIES):
        found.setdefault(worded(family, parameter, wanted, side, SENTENCES, rng))
        if len(found) == number:
            break
    return tuple(found)
