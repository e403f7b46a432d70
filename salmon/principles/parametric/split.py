"""Which texts, words and families may be trained on, and which are kept for measuring.

A text's own hash decides, so adding a family, a frame or a sentence moves no other text to the other side.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from salmon.principles.parametric import frames
from salmon.principles.parametric.family import SENTENCES, TEXTS, TOPICS, Family
from salmon.runtime.seeding import stream


@dataclass(frozen=True)
class Side:
    """The texts of one side of the split."""

    families: tuple[Family, ...]  # with their texts of this side only
    frames_for: tuple[str, ...]
    frames_against: tuple[str, ...]
    quotes_for: tuple[str, ...]
    quotes_against: tuple[str, ...]
    words: tuple[str, ...]  # parameters of the families about words

    def parameters(self, family: Family) -> Sequence[str]:
        """What a family's gap may stand for."""
        return family.values(self.words)


@dataclass(frozen=True)
class SplitRule:
    """How texts are divided.

    Attributes:
        seed: another one holds out other texts.
        share: of the frames, sentences, topics and words that are held out.
        families: names of those of which nothing is trained on.
    """

    seed: int
    share: float
    families: tuple[str, ...]

    def holds_out(self, kind: str, text: str) -> bool:
        """Whether a text of a kind is kept for measuring."""
        digest = hashlib.blake2b(f"{self.seed} {kind} {text}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64 < self.share

    def side(self, kind: str, texts: Sequence[str], held_out: bool) -> tuple[str, ...]:
        """The texts of one side, in their order; there may be none."""
        return tuple(text for text in texts if self.holds_out(kind, text) == held_out)


def trained_side(rule: SplitRule, families: Sequence[Family], words: Sequence[str]) -> Side:
    """What a reward model may be trained on."""
    return _side(rule, [family for family in families if family.name not in rule.families], words, held_out=False)


def held_out_side(rule: SplitRule, families: Sequence[Family], words: Sequence[str]) -> Side:
    """Held-out texts and words of the families that are trained on."""
    return _side(rule, [family for family in families if family.name not in rule.families], words, held_out=True)


def unseen_families(rule: SplitRule, families: Sequence[Family], words: Sequence[str]) -> Side:
    """The families of which nothing is trained on, in all their own texts and in held-out frames."""
    unseen = tuple(family for family in families if family.name in rule.families)
    return replace(_side(rule, [], words, held_out=True), families=unseen)


def limited(side: Side, principles: int, seed: int) -> Side:
    """A side with so many of its principles only, one being a family with a parameter.

    Families come in a drawn order, first one parameter of each, then a second one, and so on.
    """
    order = [side.families[i] for i in stream(seed, "parametric", "families").permutation(len(side.families))]
    values = {family.name: _shuffled(side.parameters(family), seed, family.name) for family in order}
    taken: dict[str, list[str]] = {family.name: [] for family in order}
    for depth in range(max(map(len, values.values()))):
        for family in order:
            if depth < len(values[family.name]) and sum(map(len, taken.values())) < principles:
                taken[family.name].append(values[family.name][depth])
    kept = tuple(
        replace(family, parameters=tuple(taken[family.name])) for family in side.families if taken[family.name]
    )
    return replace(side, families=kept)


def _shuffled(values: Sequence[str], seed: int, name: str) -> list[str]:
    return [values[i] for i in stream(seed, "parametric", "parameters", name).permutation(len(values))]


def _side(rule: SplitRule, families: Sequence[Family], words: Sequence[str], held_out: bool) -> Side:
    return Side(
        tuple(_divided(rule, family, held_out) for family in families),
        rule.side("for", frames.FOR, held_out) or frames.FOR,
        rule.side("against", frames.AGAINST, held_out) or frames.AGAINST,
        rule.side("quote for", frames.QUOTES_FOR, held_out) or frames.QUOTES_FOR,
        rule.side("quote against", frames.QUOTES_AGAINST, held_out) or frames.QUOTES_AGAINST,
        rule.side("word", words, held_out) or tuple(words),
    )


def _divided(rule: SplitRule, family: Family, held_out: bool) -> Family:
    """A family with its texts of one side.

    Where all its topics are on the other side, it has those: in this side's frames they are new texts. Whole sentences
    would not be, so that it may have none. Those that a frame makes of a topic are left to the frames, which may be on
    the other side.
    """
    texts = {name: rule.side(f"{family.name} {name}", getattr(family, name), held_out) for name in TEXTS}
    topics = (*family.topics, *family.absence)
    framed = {f.replace(frames.GAP, t).casefold() for f in (*frames.FOR, *frames.AGAINST) for t in topics}
    for name in SENTENCES:
        texts[name] = tuple(text for text in texts[name] if text.casefold() not in framed)
    for name in TOPICS:
        texts[name] = texts[name] or getattr(family, name)
    return replace(
        family,
        topics=texts["topics"],
        absence=texts["absence"],
        wanted=texts["wanted"],
        unwanted=texts["unwanted"],
    )
