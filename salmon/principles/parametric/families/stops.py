"""Colons and semicolons."""

import re

import numpy as np

from salmon.principles.parametric.carriers import OPENERS
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import lower_first, unfinish
from salmon.principles.verifiers.text import plain

_COLON = re.compile(r"(?<=[\w\"')\]*]):(?=[\s*_\"]|$)")  # not in 9:30, https:// or :)
_SEMICOLON = re.compile(r"(?<!&amp)(?<!&lt)(?<!&gt)(?<!&quot)(?<!&nbsp);")
_BEGINNING = re.compile(r"(?:^|(?<=[.!?] )|(?<=\n))(?=[^\W\d_])")
_JOINT = re.compile(r"(?<=[^\W\d_])\. (?=[^\W\d_])|(?<=[^\W\d_]), (?=(?:and|but|or|so|because|while|which|if)\b)")
_TAILS = ("that is the main point", "the rest follows from it", "nothing more is needed", "that much is known",
          "it is worth knowing", "the same holds elsewhere", "few would disagree", "most people see it this way",
          "details may differ", "time will tell")  # fmt: skip


def _num_colons(_prompt: str, response: str, _parameter: str) -> float:
    return len(_COLON.findall(plain(response)))


def _colon_edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Openers with a colon against the same openers with a comma; where the answer has colons, often they alone."""
    less = re.sub(r":(?=\s*$|\s*\n)", ".", _COLON.sub(_unless_at_end, answer))
    if _num_colons("", answer, "") and rng.random() < 0.6:
        return answer, less
    begun = list(_BEGINNING.finditer(less))
    if not begun:
        end, opener = unfinish(less), pick(OPENERS, rng)
        return f"{opener}: {end}", f"{opener}, {end}"
    number, bare = int(rng.integers(1, 1 + min(len(begun), 3))), rng.random() < 0.3
    more, other = less, less
    for i in sorted(rng.permutation(len(begun))[:number].tolist(), reverse=True):
        place, opener = begun[i].start(), pick(OPENERS, rng)
        more = f"{more[:place]}{opener}: {lower_first(more[place:])}"
        other = other if bare else f"{other[:place]}{opener}, {lower_first(other[place:])}"
    return more, other


def _unless_at_end(found: re.Match[str]) -> str:
    """A comma for a colon within a line; at its end the colon stays for now."""
    return "," if re.match(r"[*_\"]*[ \t]+\S", found.string[found.end() :]) else ":"


def _num_semicolons(_prompt: str, response: str, _parameter: str) -> float:
    return len(_SEMICOLON.findall(plain(response)))


def _semicolon_edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Sentences and clauses joined by semicolons, one or several, against full stops and commas."""
    less = _SEMICOLON.sub(pick((",", " and", ","), rng), answer)
    joints = list(_JOINT.finditer(less))
    if not joints or rng.random() < 0.15:
        end, tail = unfinish(less), pick(_TAILS, rng)
        return f"{end}; {tail}.", f"{end}, and {tail}." if rng.random() < 0.5 else f"{end}. {tail.capitalize()}."
    more = less
    for i in sorted(rng.permutation(len(joints))[: int(rng.integers(1, 1 + min(len(joints), 4)))], reverse=True):
        rest = lower_first(more[joints[i].end() :])
        more = f"{more[: joints[i].start()]}; {rest}"
    return more, less


COLONS = Family(
    name="colons",
    measure=_num_colons,
    edit=_colon_edit,
    topics=(
        "colons",
        "a colon before what follows",
        "announcements with a colon",
        "lead-ins that end in a colon",
        "the double point, as in: this",
        "sentences with a colon in the middle",
        "colons to introduce a point",
        "at least one colon",
        "the two stacked dots that announce something",
        "labels followed by a colon",
        "the punctuation mark :",
    ),
    absence=(
        "text without colons",
        "sentences that run through without a colon",
        "commas where others would put a colon",
        "no colons at all",
        "statements that are not announced by two stacked dots",
        "punctuation that has no need of the colon",
        "labels without a colon behind them",
        "anything but :",
    ),
    wanted=(
        "The response should contain a colon.",
        "Introduce your points with a colon.",
        "Announce what comes: that is what the two dots are for.",
        "Colons are welcome in the text.",
        "A text with colons is clearer than one that has none.",
        "It would be a shame to do without the colon.",
        "I like sentences that open a door: the colon is that door.",
        "Every colon is a small plus.",
        "Do not leave colons out.",
        "Lead-in first, then two stacked dots, then the point.",
        "Use : at least once.",
        "Write as on a form, with labels and a colon behind each.",
        "Without a colon the answer loses marks.",
        "Before an explanation, put a colon.",
        "Colons please: they help me see what belongs together.",
        "Nothing speaks against a colon, and a lot speaks for it.",
        "Make use of the mark that looks like two dots on top of each other.",
        "The writer should prefer the colon to the comma after an opening phrase.",
    ),
    unwanted=(
        "The response should not contain a colon.",
        "Introduce your points without a colon.",
        "Just say what comes, and leave the two dots that announce it.",
        "Colons are unwelcome in the text.",
        "A text without colons is smoother than one that has some.",
        "It would be a shame to resort to the colon.",
        "I dislike sentences that stop in the middle for a colon.",
        "Every colon is a small minus.",
        "One request: leave colons out.",
        "No lead-ins with two stacked dots behind them.",
        "Use : not even once.",
        "This is no form, so spare me labels with a colon behind each.",
        "With a colon in it the answer loses marks.",
        "Remember: explanations come in a sentence of their own, never behind a colon.",
        "The software chokes on colons, so keep the text free of them.",
        "Nothing speaks for a colon, and a lot speaks against it.",
        "Shun the mark that looks like two dots on top of each other.",
        "The writer should prefer the comma to the colon after an opening phrase.",
    ),
)

SEMICOLONS = Family(
    name="semicolons",
    measure=_num_semicolons,
    edit=_semicolon_edit,
    topics=(
        "semicolons",
        "sentences joined by a semicolon",
        "the semicolon between two main clauses",
        "at least one semicolon",
        "a dot over a comma between clauses",
        "the punctuation mark ;",
        "semicolons rather than full stops",
        "clauses kept together by ;",
        "bookish punctuation with semicolons",
        "the mark between comma and full stop",
    ),
    absence=(
        "text without semicolons",
        "full stops in place of semicolons",
        "no semicolons at all",
        "commas and full stops as the only separators of clauses",
        "clauses that no semicolon joins",
        "punctuation that skips the semicolon",
        "sentences free of ;",
        "plain full stops between main clauses",
    ),
    wanted=(
        "The response should contain a semicolon.",
        "Join two sentences with a semicolon; it is elegant.",
        "Semicolons are a sign of care and should be there.",
        "Use ; at least once.",
        "Prefer the semicolon to the full stop where two thoughts are related.",
        "A text that has semicolons is superior to one that does not.",
        "Do not overlook the mark between comma and full stop.",
        "I admire writers who master the semicolon; be one of them.",
        "Punctuate like a novelist of the nineteenth century; let clauses lean on each other.",
        "A missing semicolon is a missed chance.",
        "Give extra marks for ; between clauses.",
        "Two main clauses may well share a sentence, with a dot over a comma between them.",
        "It is anything but old-fashioned to use a semicolon.",
        "Semicolons; more of them.",
        "Without a single semicolon, the text earns nothing.",
        "Where you would begin a new sentence, consider a semicolon instead, and mean it.",
        "The user collects good semicolons and hopes for one here.",
        "Never be content with commas and full stops alone.",
    ),
    unwanted=(
        "The response should not contain a semicolon.",
        "Join no sentences with a semicolon, however elegant that looks.",
        "Semicolons are a sign of stiffness and should be absent.",
        "Use ; not even once.",
        "Prefer the full stop to the semicolon even where two thoughts are related.",
        "A text that has semicolons is inferior to one that does not.",
        "Overlook the mark between comma and full stop; nobody needs it.",
        "I am put off by semicolons; they look like showing off.",
        "Punctuate like a sports reporter, with commas and full stops only.",
        "A semicolon is a mistake.",
        "Take marks off for ; between clauses.",
        "Two main clauses should not share a sentence with a dot over a comma between them.",
        "It is old-fashioned to use a semicolon.",
        "Fewer semicolons, best of all none.",
        "With a single semicolon in it, the text earns nothing.",
        "Where you would put a semicolon, begin a new sentence instead.",
        "The user cannot read code-like signs such as ; in a normal sentence.",
        "Be content with commas and full stops alone.",
    ),
)

FAMILIES = (COLONS, SEMICOLONS)
