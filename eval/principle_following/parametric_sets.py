"""Sets of items from the universe of parametric principles, by what a reward model knows of their words."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eval.principle_following.items import PROBED_EVERY, Item, ItemSet
from eval.principle_following.universe import Universe
from salmon.principles.parametric.family import PARAMETER, Family
from salmon.principles.parametric.frames import GAP
from salmon.principles.parametric.pairs import Feature, FeaturePair, PairSettings, draw_pair, draw_unedited
from salmon.principles.parametric.split import Side
from salmon.principles.parametric.wording import worded
from salmon.runtime.seeding import stream

log = logging.getLogger("salmon")

WORDINGS = 4  # of a principle, and of its contrary, that have to agree
SENTENCES = 0.5  # share of wordings that are whole sentences, not frames
OF_WORDS = 8  # times as many items of a family in a set of which it is the only one
TRIES = 10  # for each item, to draw a new one
DRAWS = 40  # for each wording; half of them are frames, of which held-out ones are always new
EDITED = PairSettings(unedited=0.0, crossed=0.5, two_answers=0.3, shortened=0.4)

Draw = Callable[[Family, np.random.Generator], FeaturePair | None]


@dataclass(frozen=True)
class _Words:
    """The texts that items of a set are asked about in.

    Attributes:
        side: the texts.
        known: what a reward model was trained on, none of which may be asked; None: anything may.
    """

    side: Side
    known: Side | None = None

    def draw(self, feature: Feature, wanted: bool, number: int, rng: np.random.Generator) -> tuple[str, ...]:
        """Up to ``number`` different wordings of a feature, or of its contrary, as a family has."""
        family, parameter = feature.family, feature.parameter
        forbidden = set(_texts(family.name, parameter, wanted, self.known)) if self.known else set()
        found: dict[str, None] = {}
        for _ in range(number * DRAWS):
            text = worded(family, parameter, wanted, self.side, SENTENCES, rng)
            if text not in forbidden:
                found.setdefault(text)
            if len(found) == number:
                break
        return tuple(found)


def _texts(name: str, parameter: str, wanted: bool, side: Side) -> Iterator[str]:
    """Every wording that a side has of a family, or of its contrary."""
    for family in (family for family in side.families if family.name == name):
        yield from (_said(text, parameter) for text in (family.wanted if wanted else family.unwanted))
        for topics, frames in (
            (family.topics, side.frames_for if wanted else side.frames_against),
            (family.absence, side.frames_against if wanted else side.frames_for),
        ):
            yield from (_said(frame.replace(GAP, topic), parameter) for frame in frames for topic in topics)


def _said(text: str, parameter: str) -> str:
    text = text.replace(PARAMETER, parameter)
    return text[:1].upper() + text[1:]


def parametric_sets(universe: Universe, number: int, seed: int) -> list[ItemSet]:
    """All sets that are not empty.

    Args:
        number: items of each family.
        seed: of every draw.
    """
    trained, held_out, unseen = universe.trained, universe.held_out, universe.unseen
    words = [family for family in held_out.families if family.words]
    styles = [family for family in held_out.families if not family.words]
    new = _Words(held_out, trained)

    def edited(side: Side) -> Draw:
        return lambda family, rng: draw_pair(family, side, universe.prompts, EDITED, rng)

    def unedited(family: Family, rng: np.random.Generator) -> FeaturePair | None:
        alone = replace(held_out, families=(family,))
        drawn = (draw_unedited(alone, universe.prompts, 1, rng) for _ in range(TRIES))
        return next((pair for pair in drawn if pair is not None), None)

    sets = [
        _Set("trained_wordings", "trained wordings of trained families", _Words(trained), edited(trained)),
        _Set("unseen_families", "families never trained on", _Words(unseen), edited(unseen)),
    ]
    if set(trained.frames_for) & set(held_out.frames_for):
        log.warning("the reward model was trained on all frames (reward.parametric.held_out): no held-out wordings")
    else:
        sets += [
            _Set("heldout_words", "held-out words in held-out wordings", new, edited(held_out), words, OF_WORDS),
            _Set("heldout_wordings", "held-out wordings of trained families", new, edited(held_out), styles),
            _Set("unedited", "unedited answers, held-out wordings", new, unedited),
        ]
    return [items for made in sets if (items := made.items(number, seed)).items]


@dataclass(frozen=True)
class _Set:
    """How a set is made.

    Attributes:
        name: the beginning of its metrics.
        title: what it is, for people.
        families: which of the side's; None: all.
        times: how many times as many items each family has.
    """

    name: str
    title: str
    words: _Words
    draw: Draw
    families: Sequence[Family] | None = None
    times: int = 1

    def items(self, number: int, seed: int) -> ItemSet:
        made: list[Item] = []
        for family in self.words.side.families if self.families is None else self.families:
            rng = stream(seed, "principle_following", self.name, family.name)
            found = list(_items(family, self.words, self.draw, number * self.times, rng))
            if not found:
                log.warning("%s: no two answers differ in %s, so it is not measured", self.name, family.name)
            made += found
        return ItemSet(f"{self.name}_", self.title, tuple(made))


def _items(family: Family, words: _Words, draw: Draw, number: int, rng: np.random.Generator) -> Iterator[Item]:
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
            yield _item(pair, words, probed=len(seen) % PROBED_EVERY == 0, rng=rng)
            seen.add(key)


def _item(pair: FeaturePair, words: _Words, probed: bool, rng: np.random.Generator) -> Item:
    """The pair under its first feature; where it is probed, in several wordings and in conflict too."""
    feature = pair.features[0]
    number = WORDINGS if probed else 1
    asserted, negated = (words.draw(feature, wanted, number, rng) for wanted in (True, False))
    disagreement = None
    if probed and len(pair.features) > 1:
        other = pair.features[1]
        wanted = other.prefers != feature.prefers  # what prefers the response that the first feature does not
        disagreement = (asserted[0], *words.draw(other, wanted, 1, rng))
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
