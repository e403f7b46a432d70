"""Answers that open with a command."""

import re

import numpy as np

from salmon.principles.parametric.contrast import contrast, placed, replaced, sentence_spans
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.neutral import NEUTRAL

_VERBS = (
    "add allow ask avoid bake be begin boil book break bring brush buy call carry check choose clean close "
    "collect combine compare consider contact cook count cover create cut decide divide draw drink drive dry eat "
    "enjoy ensure explain fill find finish fold follow forget get give go grab heat hold identify imagine include "
    "invite join keep know learn leave let listen look make measure meet mix move multiply never note offer open "
    "pack pay pick place pour prepare press pull put read reduce remember remove replace rinse run save say "
    "search see sell send separate serve set show sit slice soak speak spend stand start stay stir stop subtract "
    "suppose switch take talk tell think throw tie touch treat try turn understand use visit wait walk wash watch "
    "wear wipe write"
).split()
# Behind these the first word is a noun: "Use of", "Note: ...", "Read's".
_NOUN = r"(?! (?:is|was|are|were|has|have|can|will|may|might|does)\b|[-'’:]|(?<=use) of\b)"
_COMMAND = re.compile(
    rf"[\W_\d]*(?:(?:please|first|then|now|next|always|just|simply),? )?"
    rf"(?:(?:do not|don't|don’t|never) [a-z]+|let(?:'|’)s [a-z]+|(?:{'|'.join(_VERBS)})\b{_NOUN})",
    re.IGNORECASE,
)
_STARTS = (
    "start with the basics",
    "take a sheet of paper",
    "put the box on the table",
    "look at the first page",
    "make a list of the parts",
    "begin in the kitchen",
    "find a quiet place",
    "read the whole text once",
    "open the window",
    "ask a friend",
    "use a sharp pencil",
    "wash the pot",
    "write down the date",
    "think of a river",
    "imagine a small village",
    "choose the larger one",
    "go to the nearest shop",
    "follow the path to the left",
    "keep the order of the steps",
    "try the second version",
    "count the stones",
    "draw a line down the middle",
    "fill the glass",
    "set the clock",
    "give it a day",
    "check the label",
)
# A command made into a statement.
_STATING = (
    "People usually",
    "Most people",
    "The first step is to",
    "The idea is to",
    "It helps to",
    "It is common to",
    "Some families",
    "Many beginners",
    "The plan is to",
    "There is good reason to",
    "We",
    "They",
)


def _opens(_prompt: str, response: str, _parameter: str) -> float:
    return float(_COMMAND.match(response) is not None)


def _edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A command at the start against a statement, a plain sentence, or a command that stands further back."""
    start = pick(_STARTS, rng)
    command = f"{pick(('', '', '', 'Please ', 'First, ', 'Do not forget this: '), rng)}{start}."
    command = command[0].upper() + command[1:]
    statement = f"{pick(_STATING, rng)} {start}."
    if _opens("", answer, ""):
        first = sentence_spans(answer)[0]
        bare = answer[first[0] : first[1]]
        less = f"{pick(_STATING, rng)} {bare[0].lower()}{bare[1:]}" if bare.split()[0].lower() in _VERBS else statement
        less = replaced(answer, first, less)
        if not _opens("", less, "") and rng.random() < 0.6:
            return answer, less
        answer = placed(answer, pick(NEUTRAL, rng), 0)
    way = rng.random()
    if way < 0.35:
        return placed(answer, command, 0), placed(answer, statement, 0)
    if way < 0.55:
        return placed(answer, command, 0), placed(
            answer, command, int(rng.integers(1, len(sentence_spans(answer)) + 1))
        )
    return contrast(answer, command, rng, place="start")


IMPERATIVE_OPENING = Family(
    name="imperative_opening",
    measure=_opens,
    edit=_edit,
    topics=(
        "a command as the opening",
        "an imperative at the very start",
        "a verb of command as the first word",
        "an opening that tells the reader what to do",
        "a first sentence like Take a sheet of paper",
        "an order to begin with",
        "an instruction as the first sentence",
        "a beginning such as Start, Put or Use",
        "a call to action as the first words",
        "first words that give an order",
    ),
    absence=(
        "a statement as the opening",
        "a first sentence that describes",
        "an opening that orders nobody about",
        "a beginning without a command",
        "a noun or pronoun as the first word",
        "a descriptive first line",
        "an observation to begin with",
        "a start that tells how things are",
    ),
    wanted=(
        "The response should open with a command.",
        "Begin with an imperative.",
        "A verb that gives an order is welcome as the first word.",
        "I like to be told what to do right at the beginning.",
        "The answer earns points if it starts with an instruction.",
        'Better "Take a pan" than "A pan is needed" as a first line.',
        "Do not open with a description.",
        "Never let a noun lead the way; the verb goes first.",
        "There is nothing wrong with ordering the reader about from word one.",
        "If the first sentence merely states something, the text gets going too late.",
        "Start like a recipe: Peel, Cut, Heat.",
        "Let the opening words push the reader into action.",
        "A text whose first line leaves the reader's hands idle is a poor text.",
        "Command first, please.",
        "It is a weakness when the writing starts off by observing.",
        "Users want to get to work at once, so lead with what they must do.",
        "Favour the author who takes the floor as a drill instructor does.",
        '"Look at the map" makes a better first line than "This is the map".',
    ),
    unwanted=(
        "The response should not open with a command.",
        "Begin with a statement.",
        "A verb that gives an order is unwelcome as the first word.",
        "I do not like to be told what to do right at the beginning.",
        "The answer loses points if it starts with an instruction.",
        'Better "A pan is needed" than "Take a pan" as a first line.',
        "Open with a description.",
        "Let a noun or a pronoun lead the way and keep the verb for later.",
        "There is something wrong with ordering the reader about from word one.",
        "If the first sentence barks an order, the text has already lost its reader.",
        "Start like an encyclopedia, not like a recipe.",
        "Let the opening words leave the reader in the armchair.",
        "A text whose first line describes how things stand is a good text.",
        "No command first, please.",
        "It is a strength when the writing starts off by observing.",
        "Users want to understand before they act, so lead with how things are.",
        "Reject the author who takes the floor as a drill instructor does.",
        '"This is the map" makes a better first line than "Look at the map".',
    ),
)

FAMILIES = (IMPERATIVE_OPENING,)
