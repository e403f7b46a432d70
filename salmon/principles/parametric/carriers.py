"""Asides and openers that say next to nothing, for edits that put a mark around or behind them."""

# They stand between commas, in brackets, or between dashes.
ASIDES = (
    "of course",
    "in a sense",
    "by the way",
    "as many know",
    "at least in part",
    "more or less",
    "as it happens",
    "in most cases",
    "to be fair",
    "so to speak",
    "as a rule",
    "for the most part",
    "at first sight",
    "in other words",
    "if all goes well",
    "or something like it",
    "as one might expect",
    "to some extent",
    "like so much else",
    "in the long run",
)

# In front of a sentence, with a comma or a colon behind.
OPENERS = (
    "In short",
    "To begin with",
    "Put simply",
    "In other words",
    "To be clear",
    "Another thing",
    "As a reminder",
    "In practice",
    "To sum up",
    "In plain terms",
    "By way of example",
    "More to the point",
    "First things first",
    "On the whole",
)
