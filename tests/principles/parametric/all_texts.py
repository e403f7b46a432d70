"""Every text that a side of the split can make of a principle, by an enumeration of its own."""

from itertools import product

from salmon.principles.parametric.family import Family
from salmon.principles.parametric.split import Side


def all_texts(family: Family, parameter: str, wanted: bool, side: Side) -> set[str]:
    """The whole sentences, and each topic in each frame of its polarity."""
    same, other = (side.frames_for, side.frames_against) if wanted else (side.frames_against, side.frames_for)
    texts = list(family.wanted if wanted else family.unwanted)
    texts += [frame.replace("{}", topic) for frame, topic in product(same, family.topics)]
    texts += [frame.replace("{}", topic) for frame, topic in product(other, family.absence)]
    filled = "\n".join(texts).replace("{p}", parameter).split("\n")
    return {text[0].upper() + text[1:] for text in filled}
