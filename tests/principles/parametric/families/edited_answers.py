"""Answers as a small model writes them, and how many of them an edit turns into a pair that its family tells apart."""

import numpy as np

from salmon.principles.parametric.family import Family

PROMPTS = ("What makes the leaves change colour in autumn?", "Write a short note to my landlord about a dripping tap.")
ANSWERS = (
    "Yes.",
    "Paris",
    "One, thirteen, one.",
    "The order of arrival is: Emma, Noah, Paul, and Olga, meaning Emma came before Noah and Paul.",
    "The leaves change from green to yellow, and often they turn shades of brown.\n\nThe reason for this is winter. It "
    "is when the trees lose their leaves completely, so they are left to take turns under the",
    "Here are some ideas:\n\n1. Use clear language, and avoid words that might confuse the reader.\n2. Make your "
    "writing active.\n3. Read it aloud before you send it, because the ear hears what the eye",
    "- **Salary**: paid per week\n- Duties: watering, weeding and planting\n- Place: the school garden",
    "1. Use simple words: avoid long ones. 2. Keep the sentences active. 3. Ask a friend to read the text.",
    "Dear Mr. Johnson,\n\nI recently noticed that the tap in my kitchen drips. Can you please take a look at it?\n\n"
    "Sincerely,\n\n[Your Name]",
    "A simile compares two things by saying that they are alike. For example: her hair was as thick as a brick! "
    "A metaphor says that one thing *is* the other. Both are common in poems, and both make a text more vivid.",
)


def share_told_apart(family: Family, seeds: int = 4) -> float:
    """The share of edits that differ in the direction they should."""
    told, number = 0, 0
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        for place, answer in enumerate(ANSWERS):
            prompt, parameter = PROMPTS[place % len(PROMPTS)], family.parameters[seed % len(family.parameters)]
            more, less = family.edit(prompt, answer, parameter, rng)
            told += family.prefers(prompt, more, less, parameter)
            number += 1
    return told / number


def texts_problem(family: Family, least: int = 18) -> str:
    """What is wrong with the texts of a family; empty if nothing is."""
    for name in ("topics", "absence", "wanted", "unwanted"):
        texts = getattr(family, name)
        if len(set(texts)) < len(texts):
            return f"{name} has a text twice"
        if len(texts) < {"topics": 10, "absence": 8}.get(name, least):
            return f"{name} has only {len(texts)} texts"
    if set(family.wanted) & set(family.unwanted) or set(family.topics) & set(family.absence):
        return "a text stands on both sides"
    return ""
