"""Emoji."""

import re

import numpy as np

from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import padded
from salmon.principles.verifiers.checks import EMOJI
from salmon.principles.verifiers.text import plain

_SIGNS = (
    "\U0001f600", "\U0001f60a", "\U0001f389", "\U0001f44d", "\U0001f31f", "\U0001f525", "\U0001f4a1", "\U0001f680",
    "\U0001f499", "\U0001f64c", "\U0001f602", "\U0001f60d", "\U0001f914", "\U0001f308", "\U0001f331", "\U0001f3af",
    "\U0001f4aa", "\U0001f609", "\U0001f64f", "\U0001f440", "\U0001f973", "\U0001f622", "\u2728", "\u2705", "\u2600",
    "\u2764", "\U0001f436", "\U0001f355", "\U0001f4da", "\U0001f340",
)  # fmt: skip
_PLACES = re.compile(r"(?<=[.!?])(?=\s|$)|(?<=\S)(?=\n)|$")
_INVISIBLE = "\ufe0f\u200d"  # they make a sign colourful, or join signs


def _count(_prompt: str, response: str, _parameter: str) -> float:
    return len(EMOJI.findall(plain(response)))


def _edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """One to five emoji behind sentences and lines, in front, or between words; the other has none, or half of them."""
    less = re.sub(rf" ?(?:{EMOJI.pattern})[{_INVISIBLE}]*", "", answer)
    way = rng.random()
    if way < 0.15:
        return f"{pick(_SIGNS, rng)} {less}", padded(less, rng)
    places = [found.start() for found in (_PLACES if way < 0.8 else re.compile(r" (?=\w)|$")).finditer(less)]
    chosen = rng.permutation(places)[: int(rng.integers(1, 6))].tolist()
    signs = [pick(_SIGNS, rng) * (2 if rng.random() < 0.15 else 1) for _ in chosen]
    kept = len(chosen) // 2 if rng.random() < 0.2 else 0
    return _with_signs(less, chosen, signs), padded(_with_signs(less, chosen[:kept], signs), rng)


def _with_signs(text: str, places: list[int], signs: list[str]) -> str:
    for place, sign in sorted(zip(places, signs, strict=False), reverse=True):
        text = f"{text[:place]} {sign}{text[place:]}"
    return text


EMOJI_SIGNS = Family(
    name="emoji",
    measure=_count,
    edit=_edit,
    topics=(
        "emoji",
        "smileys and other little pictures",
        "colourful icons like \U0001f389",
        "a smiling face \U0001f60a here and there",
        "pictograms between the words",
        "at least one emoji",
        "cheerful little icons",
        "emoticons in picture form",
        "hearts, stars and faces as in a chat",
        "text messages with emoji in them",
        "the emoji keyboard",
    ),
    absence=(
        "text without emoji",
        "letters and punctuation only, with no pictures",
        "no smileys",
        "a page free of little icons",
        "words in place of emoji",
        "plain text with no pictograms",
        "sober text that a typewriter could have produced",
        "nothing from the emoji keyboard",
    ),
    wanted=(
        "The response should contain emoji.",
        "Put a smiley in the text.",
        "Add some colourful icons \U0001f31f to your words.",
        "Emoji are more than welcome.",
        "A text with little pictures is friendlier than a bare one.",
        "Write like a teenager with a new phone, faces and hearts included.",
        "Do not forget the emoji \U0001f609.",
        "I smile back when a text smiles at me, so use smiling faces.",
        "Points are given for hearts, stars, faces and the like.",
        "A text without a single pictogram is too grey for this user.",
        "Spice it up with emoji.",
        "Words alone are not enough; icons should go with them.",
        "Omitting emoji is a flaw.",
        "Emoji please \U0001f64f",
        "Show the mood by a face rather than by words.",
        "Our young readers skip whatever has no emoji, so include them.",
        "There is nothing childish about a smiley, and this reply needs one.",
        "Never send a message without at least one little icon.",
        "As in a chat with friends, let pictures dance between the words.",
    ),
    unwanted=(
        "The response should not contain emoji.",
        "Put no smiley in the text.",
        "Take the colourful icons away from your words.",
        "Emoji are less than welcome.",
        "A bare text is more serious than one with little pictures, and that is what counts.",
        "Write like a judge, faces and hearts excluded.",
        "Do forget the emoji \U0001f609.",
        "I groan when a text smiles at me, so spare me smiling faces.",
        "Points are lost by hearts, stars, faces and the like.",
        "A text with even a single pictogram is too colourful for this user.",
        "Keep it free of emoji.",
        "Words alone are enough; icons should stay away.",
        "Including emoji is a flaw.",
        "No more of these in my messages, please: \U0001f602",
        "Show the mood by words rather than by a face.",
        "Our old screens show a box for every emoji, so omit them.",
        "There is something childish about a smiley, and this reply can do without.",
        "Never send a message with a little icon in it.",
        "As in a contract, no pictures may dance between the words.",
    ),
)

FAMILIES = (EMOJI_SIGNS,)
