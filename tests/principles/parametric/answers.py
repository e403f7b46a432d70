"""Answers like those of a small model, and how often the edit of a family makes two of one that differ in it."""

from collections.abc import Iterator

import numpy as np

from salmon.principles.parametric.family import Family

PROMPT = "How do I keep tomatoes on a balcony?"
ANSWERS = (
    "Tomatoes need sun, so put them where it is warm. Water them in the morning, and give them some food each week.",
    "Here is what you need:\n\n1. A large pot with holes\n2. Good soil, at least 20 litres\n3. A sunny place",
    "Blue.",
    "To solve this problem, we first have to find the number of seeds in each of the rows, and then we multiply it by",
    "It's a wonderful idea! The best way is to begin small: one pot (or two), a bag of soil - and patience. Enjoy...",
    '"Growing your own" is fun; however, balconies are windy places, and Maria\'s plants fell over twice in 2019.',
    "- **Sun**: six hours a day\n- **Water**: daily\n- **Food**: every two weeks",
    "Yes",
)


def _edited(family: Family, seeds: int) -> Iterator[tuple[str, str, str]]:
    """The parameter, the answer with more of the feature and the one with less, for every answer and seed."""
    for seed in range(seeds):
        for number, answer in enumerate(ANSWERS):
            rng = np.random.default_rng((seed, number))
            parameter = family.parameters[int(rng.integers(len(family.parameters)))]
            yield parameter, *family.edit(PROMPT, answer, parameter, rng)


def share_that_differs(family: Family, seeds: int = 6) -> float:
    """The share of answers whose two edits the family's measure tells apart in the right direction."""
    right = [family.prefers(PROMPT, more, less, parameter) == 1 for parameter, more, less in _edited(family, seeds)]
    return sum(right) / len(right)


def share_where_more_is_longer(family: Family, seeds: int = 6) -> float:
    """The share of edits whose answer with more of the feature has more characters, ties counted half."""
    return float(np.mean([(np.sign(len(more) - len(less)) + 1) / 2 for _, more, less in _edited(family, seeds)]))
