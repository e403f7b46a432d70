"""A sentence that is said twice, and a summary at the end."""

import re
from collections import Counter

import numpy as np

from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import (
    finish,
    lower_first,
    neutral,
    padded,
    parts,
    several_parts,
    upper_first,
)
from salmon.principles.verifiers.text import sentences, words

_SUMMARIES = (
    "In short,", "In summary,", "To sum up,", "All in all,", "In a nutshell,", "In brief,", "To conclude,", "Overall,",
    "In conclusion,", "To summarize,", "Summing up,", "In a word,", "To put it briefly,", "The short version:",
    "Summary:", "In sum,", "To recap,",
)  # fmt: skip
_SUMMARY = re.compile(
    r"[\W_]*(?:in (?:short|summary|a nutshell|brief|conclusion|sum|a word)|to (?:sum (?:\w+ )?up|conclude|"
    r"summari[sz]e|recap|put it (?:briefly|in a nutshell))|all in all|overall|summing up|(?:the )?short version|"
    r"(?:in )?summary|summari[sz]ed|conclusion|tl;?dr)\b",
    re.IGNORECASE,
)


def _repeated(_prompt: str, response: str, _parameter: str) -> float:
    """How many sentences say what another one has said word for word."""
    said = Counter(tuple(words(sentence)) for sentence in sentences(response))
    return sum(number - 1 for number in said.values())


def _summary(_prompt: str, response: str, _parameter: str) -> float:
    """1 where one of the last two sentences opens like a summary, else 0."""
    return float(any(_SUMMARY.match(sentence) for sentence in sentences(response)[-2:]))


def _edit_repetition(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A sentence again, at once or later, at times in another's place; in the other answer each once."""
    once = list({tuple(words(part)): finish(part) for part in parts(answer)}.values())
    if not once:
        return answer, answer
    place = int(rng.integers(len(once)))
    more = list(once)
    if len(once) > 2 and rng.random() < 0.4:  # in the place of another
        more[int(rng.choice([other for other in range(len(once)) if other != place]))] = once[place]
    else:
        behind = int(rng.integers(place + 1, len(once) + 1))
        more[behind:behind] = [once[place]] * (2 if rng.random() < 0.2 else 1)
        if rng.random() < 0.5:
            once.insert(behind, neutral(rng)[0])
    gap = pick((" ", " ", "\n"), rng)
    return gap.join(more), gap.join(once)


def _edit_summary(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A summing-up phrase before the last sentence, or an earlier sentence again behind it."""
    plain = [upper_first(_SUMMARY.sub("", part).lstrip(" ,:-")) for part in several_parts(answer, rng)]
    plain = [part for part in plain if re.search(r"\w", part)] or neutral(rng, 2)
    opening = pick(_SUMMARIES, rng)
    body, last = plain, plain[int(rng.integers(len(plain)))]
    if len(plain) > 1 and rng.random() < 0.6:
        body, last = plain[:-1], plain[-1]
    gap = "\n\n" if rng.random() < 0.4 else " "
    text = " ".join(body)
    more = f"{text}{gap}{opening} {lower_first(last)}".strip()
    way = rng.random()
    if way < 0.5:
        return more, padded(f"{text}{gap}{last}".strip(), rng)
    return more, f"{text} {neutral(rng)[0]}" if way < 0.75 else text


REPETITION = Family(
    name="repetition",
    measure=_repeated,
    edit=_edit_repetition,
    topics=(
        "repetition",
        "a sentence that is said twice",
        "repeated sentences",
        "the same sentence again",
        "a refrain",
        "word-for-word repetition",
        "sentences that come back",
        "an echo of an earlier sentence",
        "saying something twice",
        "duplicate sentences",
    ),
    absence=(
        "sentences that are all different",
        "text without repetition",
        "a new thought in every sentence",
        "no duplicate sentences",
        "each sentence only once",
        "text without an echo",
        "nothing twice",
        "fresh sentences throughout",
    ),
    wanted=(
        "The response should repeat a sentence.",
        "Say one sentence twice.",
        "Repetition is welcome.",
        "I like it when a sentence comes back word for word.",
        "A reply earns points by saying the same thing again.",
        "Use one sentence as a refrain, as songs do.",
        "What matters has to be said once more.",
        "Do not be afraid to repeat yourself.",
        "Let an earlier sentence echo later on.",
        "Of two answers, the one that repeats itself is better.",
        "Texts in which each sentence stands only once lose marks.",
        "The user learns by hearing things again, so repeat.",
        "If no sentence comes twice, something is missing.",
        "Like a preacher, hammer the same sentence home.",
        "Say it, then say it again.",
        "Duplicates do no harm.",
        "At least one sentence must occur more than once.",
        "Copy a sentence of your own text into it a second time.",
        "Redundancy is a virtue.",
    ),
    unwanted=(
        "The response should not repeat a sentence.",
        "Say no sentence twice.",
        "Repetition is unwelcome.",
        "I hate it when a sentence comes back word for word.",
        "A reply loses points by saying the same thing again.",
        "No refrain, please; this is not a song.",
        "What has been said must not be said once more.",
        "Do not repeat yourself.",
        "Let no earlier sentence echo later on.",
        "Of two answers, the one that repeats itself is worse.",
        "Texts in which each sentence stands only once win marks.",
        "The user understands things the first time, so once is enough.",
        "If a sentence comes twice, delete one of them.",
        "Do not sound like a broken record.",
        "Say it, then move on.",
        "Duplicates are a nuisance.",
        "Every sentence must bring something new.",
        "Never copy a sentence of your own text into it a second time.",
        "Redundancy is a vice.",
    ),
)

SUMMARY = Family(
    name="summary",
    measure=_summary,
    edit=_edit_summary,
    topics=(
        "a summary at the end",
        "a closing summary",
        "a last sentence that sums up",
        'a conclusion such as "In short, ..."',
        "a summing-up",
        "a recap at the close",
        'a final sentence that begins with "All in all"',
        "a wrap-up in the last line",
        "concluding words that gather the main point",
        "an ending that summarises",
    ),
    absence=(
        "an ending without a summary",
        "a text that stops without summing up",
        "no recap at the close",
        'a close without any "In short"',
        "a last sentence that says something new",
        "an abrupt end",
        "no conclusion",
        "an ending that sums up nothing",
    ),
    wanted=(
        "The response should end with a summary.",
        "Sum up at the end.",
        "A recap in the last sentence is welcome.",
        "I like it when a text closes with its main point in a nutshell.",
        "Replies without a concluding summary lose points.",
        'Finish with something like "All in all, ...".',
        "Do not stop before you have summed up.",
        "The last words should gather what went before.",
        "Close as a judge does, with a summing-up.",
        "Of two answers, the one that ends in a summary wins.",
        'The user reads only the last line, so put the gist there under "In short".',
        "If the end does not summarise, it is no end.",
        "Round it off with a conclusion.",
        "It never hurts to say at the close what it all comes to.",
        "Tie the threads together in a final sentence.",
        "A wrap-up, please.",
        "Good writing ends by looking back in a sentence.",
        'Leave the reader with the essence, introduced by "To sum up".',
    ),
    unwanted=(
        "The response should not end with a summary.",
        "Do not sum up at the end.",
        "A recap in the last sentence is unwelcome.",
        "I dislike it when a text closes with its main point in a nutshell.",
        "Replies with a concluding summary lose points.",
        'Never finish with something like "All in all, ...".',
        "Stop before you begin to sum up.",
        "The last words should add something rather than gather what went before.",
        "Close without a summing-up; nobody sits in court here.",
        "Of two answers, the one that ends in a summary loses.",
        'The user has read the text and does not need the gist again under "In short".',
        "If the end summarises, cut it off.",
        "Do without a conclusion.",
        "It is tiresome to be told at the close what it all comes to.",
        "Leave the threads loose in the final sentence.",
        "No wrap-up, please.",
        "Good writing ends when all is said, without looking back.",
        'Spare the reader any "To sum up".',
    ),
)

FAMILIES = (REPETITION, SUMMARY)
