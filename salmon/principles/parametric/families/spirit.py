"""Similes and encouragement."""

import re

import numpy as np

from salmon.principles.parametric.contrast import contrast, placed, purged, sentence_spans
from salmon.principles.parametric.family import Family

_NO_SIMILE = r"(?<!would )(?<!I'd )(?<!you'd )(?<!\bI )(?<!you )(?<!we )(?<!they )(?<!not )(?<!do )(?<!might )(?<!to )"
_SIMILE = re.compile(
    rf"{_NO_SIMILE}\b(?:like (?:an?|the|some|two|your|his|her) \w+|like \w+s (?:in|on|of|at)\b|"
    r"as (?!well\b|soon\b|long\b|far\b|much\b|many\b|often\b|little\b|few\b)\w+ as(?! (?:possible|needed|you)\b)|"
    r"as if|as though|similar to|resembl(?:e|es|ing)|reminiscent of|just as an? \w+)\b",
    re.IGNORECASE,
)
_CHEER = re.compile(
    r"\b(?:you can (?:do|manage|make) (?:it|this)|you(?:'ve| have) got this|you(?:'ll| will) (?:get there|make it|"
    r"manage|succeed|do great)|keep (?:going|it up|trying|up the)|(?:do not|don't|never) (?:give|lose) (?:up|heart)|"
    r"believe in (?:yourself|you)|good luck|well done|(?:great|good|nice) (?:job|work)|"
    r"you(?:'re| are) (?:doing|on the right|stronger|capable|almost there)|proud of you|"
    r"hang in there|stay strong|i know (?:that )?you can|have faith|"
    r"cheer up|chin up|hats off|bravo|every (?:small |little )?step counts|nothing can stop you|the best is yet|"
    r"fingers crossed|go for it|you (?:rock|are a star)|trust yourself)\b",
    re.IGNORECASE,
)

_SIMILE_PAIRS = (
    ("It works like a well-oiled machine.", "It works without any trouble."),
    ("The surface is as smooth as glass.", "The surface is very smooth."),
    ("The days pass like the pages of a book.", "The days pass one by one."),
    ("It is as light as a feather.", "It weighs next to nothing."),
    ("The idea spreads like a fire in dry grass.", "The idea spreads within a few days."),
    ("She moved as if the floor were ice.", "She moved with slow steps."),
    ("The crowd is as loud as a storm.", "The crowd can be heard in the next street."),
    ("It feels like a warm blanket.", "It feels warm and soft."),
    ("The house resembles a castle.", "The house has two towers."),
    ("The brain is similar to a library.", "The brain keeps what it has learned."),
    ("He sleeps like a stone.", "He sleeps for ten hours."),
    ("The answer is as clear as spring water.", "The answer is clear to everybody."),
    ("It grows as fast as a weed.", "It grows a metre a year."),
    ("The road winds like a snake.", "The road has many bends."),
    ("It looks as though a child had drawn it.", "It looks simple and a bit crooked."),
    ("The town is as quiet as a church at night.", "The town is quiet after ten."),
    ("The two fit together like the halves of a shell.", "The two fit together without a gap."),
    ("His voice is reminiscent of an old door.", "His voice is rough."),
    ("The plan is as solid as a rock.", "The plan has been checked twice."),
    ("Ideas come like birds in spring.", "Ideas come now and then."),
)
_CHEER_PAIRS = (
    ("You can do it!", "Few people do it."),
    ("You've got this.", "It takes a while."),
    ("Keep going!", "Then comes a break."),
    ("Don't give up.", "Most give up at this point."),
    ("Believe in yourself.", "Look at the numbers."),
    ("Good luck!", "That is the end of the matter."),
    ("You are doing great.", "The task is hard."),
    ("Every step counts.", "Every step takes a minute."),
    ("You will get there in the end.", "The end is not in sight."),
    ("I know you can master it.", "It is a difficult subject."),
    ("Hang in there, it gets easier.", "It stays hard for a long time."),
    ("Never lose heart!", "Many lose interest."),
    ("Well done so far!", "So far, little has been done."),
    ("You are on the right track.", "The track leads through the wood."),
    ("Chin up, tomorrow is another day.", "Tomorrow is another day."),
    ("Nothing can stop you now.", "The bus does not stop there."),
    ("You are stronger than it seems.", "The wind is stronger than it seems."),
    ("Go for it!", "Wait for the result."),
    ("Have faith, the first try is the hardest.", "The first try is the hardest."),
    ("Keep up the good work.", "The work goes on."),
)
_Pairs = tuple[tuple[str, str], ...]


def _similes(_prompt: str, response: str, _parameter: str) -> float:
    return len(_SIMILE.findall(response))


def _cheers(_prompt: str, response: str, _parameter: str) -> float:
    return len(_CHEER.findall(response.replace("\u2019", "'")))


def _edit_simile(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    return _set_against(answer, _SIMILE, _SIMILE_PAIRS, rng)


def _edit_cheer(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    return _set_against(answer, _CHEER, _CHEER_PAIRS, rng)


def _set_against(answer: str, pattern: re.Pattern[str], pairs: _Pairs, rng: np.random.Generator) -> tuple[str, str]:
    """One or two of the sentences against their sober twins at the same place, or against plain ones."""
    clean = purged(answer, pattern.search, rng)
    if clean != answer and rng.random() < 0.3:
        return answer, clean
    spirited, sober = pairs[int(rng.integers(len(pairs)))]
    if rng.random() < 0.5:
        where = int(rng.integers(len(sentence_spans(clean)) + 1))
        more, less = placed(clean, spirited, where), placed(clean, sober, where)
        if rng.random() < 0.2:
            other, twin = pairs[int(rng.integers(len(pairs)))]
            more, less = placed(more, other, where), placed(less, twin, where)
        return more, less
    return contrast(clean, spirited, rng)


COMPARISON = Family(
    name="comparison",
    measure=_similes,
    edit=_edit_simile,
    topics=(
        "similes",
        "comparisons with like or as",
        "a picture such as like a river",
        "phrases of the form as cold as ice",
        "images drawn by comparison",
        "vivid likenesses",
        "an as if",
        "things likened to other things",
        "poetic comparisons",
        "figures of speech that compare",
        "a telling resemblance",
    ),
    absence=(
        "literal language",
        "sentences that compare nothing",
        "plain description without similes",
        "text free of like a and as if",
        "things called by their own names only",
        "wording without images",
        "matter-of-fact description",
        "prose that likens nothing to anything",
    ),
    wanted=(
        "The response should contain a simile.",
        "Compare things to other things.",
        "Similes are welcome in the text.",
        "I understand better when somebody says what a thing is like.",
        "The answer earns points for each likeness that it draws.",
        'Better "strong as an ox" than merely "strong".',
        "Do not describe things only literally.",
        "Never leave an idea without a picture beside it.",
        'There is nothing wrong with an "as if" or a "like a".',
        "If nothing is likened to anything, the prose stays grey.",
        "Write like a poet who sees one thing in another.",
        "Hold a mirror to each thing and say what it resembles.",
        "A description without likenesses is bare.",
        "Some comparisons, please.",
        "It is a weakness when the writing calls everything by its own name only.",
        "Since the subject is abstract, help the reader with something it is similar to.",
        "Prize the text that says the moon hangs there like a coin.",
        "Let the sea be as flat as a table and the wind as sharp as a knife.",
    ),
    unwanted=(
        "The response should not contain a simile.",
        "Do not compare things to other things.",
        "Similes are unwelcome in the text.",
        "I understand worse when somebody says what a thing is like.",
        "The answer loses points for each likeness that it draws.",
        'Better merely "strong" than "strong as an ox".',
        "Describe things only literally.",
        "Leave ideas without a picture beside them.",
        'There is something wrong with every "as if" and "like a".',
        "If things are likened to other things, the prose becomes purple.",
        "Write like a surveyor who notes down what he measures.",
        "Say what each thing is and never what it resembles.",
        "A description without likenesses is pleasantly clean.",
        "No comparisons, please.",
        "It is a strength when the writing calls everything by its own name only.",
        "Since the subject is exact, spare the reader what it is vaguely similar to.",
        "Turn down the text that says the moon hangs there like a coin.",
        "Let the sea be flat and the wind sharp, and leave tables and knives out of it.",
    ),
)

ENCOURAGEMENT = Family(
    name="encouragement",
    measure=_cheers,
    edit=_edit_cheer,
    topics=(
        "encouragement",
        "words that cheer the user on",
        "a you can do it",
        "good wishes for success",
        "motivating words",
        "a pep talk",
        "moral support",
        "a keep going or well done",
        "heartening sentences",
        "cheers from the sideline",
        "faith in the user's abilities",
    ),
    absence=(
        "sober text that cheers nobody on",
        "a cool, unmoved tone",
        "facts without pep talk",
        "sentences that leave morale alone",
        "content without good luck or well done",
        "a detached manner",
        "answers that do not motivate",
        "dry information",
    ),
    wanted=(
        "The response should encourage the user.",
        "Tell the reader that they can do it.",
        "Heartening words are welcome.",
        "I need somebody who believes in me.",
        "The answer earns points for cheering the user on.",
        "Better a pep talk than a dry account.",
        "Do not let the reader lose heart.",
        "Never leave the user without a kind push forward.",
        "There is nothing wrong with a hearty good luck.",
        "If the text gives no courage, it has missed its aim.",
        "Write like a coach at the side of the track.",
        "Put some wind into the reader's sails.",
        "A reply that leaves morale where it was is not enough.",
        "Motivation, please!",
        "It is a shortcoming when the writing is unmoved by the user's efforts.",
        "Beginners give up easily, so say that they are on the right path.",
        "Favour the author who claps for his readers.",
        "After reading, people should stand a little taller.",
    ),
    unwanted=(
        "The response should not encourage the user.",
        "Do not tell the reader that they can do it.",
        "Heartening words are unwelcome.",
        "I do not need anybody who believes in me.",
        "The answer loses points for cheering the user on.",
        "Better a dry account than a pep talk.",
        "Whether the reader loses heart is none of the text's business.",
        "Leave the user without any push forward.",
        "There is something wrong with a hearty good luck.",
        "If the text tries to give courage, it has missed its aim.",
        "Write like a timekeeper at the side of the track, who only calls out the seconds.",
        "Put no wind into the reader's sails.",
        "A reply that leaves morale where it was is just right.",
        "No motivation, please.",
        "It is a merit when the writing is unmoved by the user's efforts.",
        "Adults find it silly to be told that they are on the right path.",
        "Reject the author who claps for his readers.",
        "After reading, people should be informed and nothing more.",
    ),
)

FAMILIES = (COMPARISON, ENCOURAGEMENT)
