"""How an answer opens and closes: greetings and farewells."""

import re

import numpy as np

from salmon.principles.parametric.contrast import contrast, placed, sentence_spans
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.neutral import NEUTRAL

_GREETING = re.compile(
    r"[\W_]*(?:hello|hi|hey|hiya|howdy|good (?:morning|afternoon|evening|day)|greetings|welcome|dear\b(?! me)|"
    r"salutations|hola|bonjour|guten tag|ciao|nice to (?:meet|see) you|pleased to meet you|ahoy|g'day)\b[^.!?\n]{0,60}",
    re.IGNORECASE,
)
_FAREWELL = re.compile(
    r"\b(?:good ?bye|bye(?:-bye| bye| for now)?|farewell|(?:best|kind|warm|warmest|kindest) (?:regards|wishes)|"
    r"^regards|yours (?:sincerely|faithfully|truly)|^(?:sincerely|yours),?$|cheers|see you(?: soon| later| around)?|"
    r"^so long|take care(?! of| to| that)|"
    r"until next time|till next time|have a (?:nice|great|good|lovely|wonderful|pleasant) "
    r"(?:day|evening|week|weekend|time|one)|all the best|talk (?:to you )?soon|with love|adios|au revoir|good night)\b",
    re.IGNORECASE,
)
_OPENINGS = (
    "Hello!",
    "Hi there!",
    "Hey!",
    "Good morning!",
    "Good evening, and thanks for stopping by.",
    "Good day to you.",
    "Greetings!",
    "Greetings from the other side of the screen.",
    "Welcome!",
    "Welcome to this short guide.",
    "Dear reader,",
    "Dear friend,",
    "Hello, my friend.",
    "Hi, nice to meet you.",
    "Nice to see you again!",
    "Hello and welcome.",
    "Hello, everyone.",
    "Howdy!",
    "Good afternoon.",
    "Pleased to meet you.",
)
_CLOSINGS = (
    "Goodbye!",
    "Bye for now!",
    "Best regards",
    "Kind regards,\nAnna",
    "Yours sincerely,\nThe author",
    "Yours faithfully",
    "Take care!",
    "See you soon.",
    "Have a great day!",
    "Have a lovely evening.",
    "All the best!",
    "Until next time!",
    "Cheers!",
    "So long!",
    "Farewell.",
    "Best wishes,\nTom",
    "Warm regards",
    "Talk to you soon!",
    "Good night!",
    "With love,\nMary",
)


def _greets(_prompt: str, response: str, _parameter: str) -> float:
    return float(_GREETING.match(response) is not None)


def _signs_off(_prompt: str, response: str, _parameter: str) -> float:
    """Whether there is a farewell in the last short line or sentence, or in the one before, above a name."""
    last = [response[start:end] for start, end in sentence_spans(response)[-2:]]
    if len(last) == 2 and len(last[1].split()) > 4:  # no name
        del last[0]
    return float(any(len(part.split()) <= 12 and _FAREWELL.search(part) for part in last))


def _edit_greeting(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A greeting against a plain first sentence, none, or a greeting that comes too late."""
    greeting = _GREETING.match(answer)
    body = re.sub(r"^[\s.,!?]+", "", answer[greeting.end() :]) if greeting else answer
    if not sentence_spans(body) or _greets("", body, ""):
        body = pick(NEUTRAL, rng)
    hello = pick(_OPENINGS, rng)
    if rng.random() < 0.25:
        count = len(sentence_spans(body))
        return placed(body, hello, 0), placed(body, hello, int(rng.integers(1, count + 1)))
    return contrast(body, hello, rng, place="start")


def _edit_farewell(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A farewell against a plain last sentence, none, or a farewell that comes too early."""
    body = answer
    while _signs_off("", body, ""):
        body = body[: sentence_spans(body)[-1][0]].rstrip()
    body = body or pick(NEUTRAL, rng)
    farewell = pick(_CLOSINGS, rng)
    if rng.random() < 0.25:
        body = placed(body, pick(NEUTRAL, rng), len(sentence_spans(body)))
        count = len(sentence_spans(body))
        return f"{body}\n\n{farewell}", placed(body, farewell, int(rng.integers(max(count - 2, 1))))
    more, less = contrast(body, farewell, rng, place="end")
    if rng.random() < 0.5 and more.endswith(farewell):
        more = f"{more.removesuffix(farewell).rstrip()}\n\n{farewell}"
    return more, less


GREETING = Family(
    name="greeting",
    measure=_greets,
    edit=_edit_greeting,
    topics=(
        "a greeting at the start",
        "an opening hello",
        "a friendly hi to begin with",
        "a salutation as the first words",
        "words of welcome at the beginning",
        "a first line that greets the reader",
        "a good morning before anything else",
        "an opening like Dear reader",
        "a hello before the answer",
        "a welcoming first line",
    ),
    absence=(
        "a beginning without a greeting",
        "an opening that goes straight to the point",
        "a first sentence about the matter itself",
        "a start without hello or hi",
        "an immediate answer instead of a welcome",
        "first words that greet nobody",
        "an abrupt beginning",
        "a text that skips the salutation",
    ),
    wanted=(
        "The response should open with a greeting.",
        "Say hello first.",
        "A salutation at the top is welcome.",
        "I like to be greeted before I am told anything.",
        "The answer earns points if its first word is hi, hello or the like.",
        "Better a warm welcome than a cold start.",
        "Do not fall with the door into the house; greet first.",
        "Never begin without a good morning or good evening.",
        "There is nothing wrong with a Dear reader at the start.",
        "If nobody says hello, the text feels unfriendly.",
        "Begin like a host at the front door.",
        "Wave to the reader before you start.",
        "A first line that jumps straight into the matter is ill-mannered.",
        "Hello first, please.",
        "It is a flaw when the writing starts with facts and no welcome.",
        "Because the user is new here, receive him with a kind word at the beginning.",
        "Texts that start as letters do, with a salutation, are preferred.",
        "Shake hands before talking business.",
    ),
    unwanted=(
        "The response should open without a greeting.",
        "Do not say hello first.",
        "A salutation at the top is unwelcome.",
        "I do not like to be greeted before I am told anything.",
        "The answer loses points if its first word is hi, hello or the like.",
        "Better a cold start than a warm welcome.",
        "Start with the matter itself; nobody needs to be greeted.",
        "Begin without a good morning or good evening.",
        "There is something wrong with a Dear reader at the start.",
        "If somebody says hello, the text wastes the reader's time.",
        "Begin like a dictionary entry.",
        "Do not wave to the reader before you start.",
        "A first line that jumps straight into the matter is the best one.",
        "No hello, please.",
        "It is a flaw when the writing starts with a welcome and no facts.",
        "Because the user is in a hurry, the kind word at the beginning can be dropped.",
        "Texts that start as letters do, with a salutation, are rejected.",
        "Talk business without shaking hands.",
    ),
)

SIGN_OFF = Family(
    name="sign_off",
    measure=_signs_off,
    edit=_edit_farewell,
    topics=(
        "a farewell at the end",
        "a closing goodbye",
        "a sign-off such as Best regards",
        "a letter's ending",
        "parting words",
        "a take care or see you at the close",
        "good wishes as the last line",
        "a signature line at the end",
        "a last line that says bye",
        "a closing formula",
    ),
    absence=(
        "an ending without a goodbye",
        "a text that simply stops",
        "a last sentence about the matter itself",
        "a close without regards or wishes",
        "an ending that says farewell to nobody",
        "an unsigned ending",
        "a sudden stop after the last fact",
        "a finish without any closing formula",
    ),
    wanted=(
        "The response should close with a farewell.",
        "Say goodbye at the end.",
        "Parting words are welcome.",
        "I like to be seen off at the door.",
        "The answer earns points if it is signed off with regards.",
        "Better a take care than a sudden stop.",
        "Do not leave without saying bye.",
        "Never let the last line be a mere fact.",
        "There is nothing wrong with Best wishes at the bottom.",
        "If no farewell is said, the end comes too abruptly.",
        "End as a letter to a friend ends.",
        "Wave to the reader when you go.",
        "A text that just breaks off after its last point is discourteous.",
        "Goodbye, please.",
        "It is a flaw when the writing ends without a kind formula.",
        "Because readers like to be wished a nice day, wish them one as you leave.",
        "Texts that part from their reader as guests do are preferred.",
        "The final words should be those that people use when they hang up the telephone.",
    ),
    unwanted=(
        "The response should close without a farewell.",
        "Do not say goodbye at the end.",
        "Parting words are unwelcome.",
        "I do not need to be seen off at the door.",
        "The answer loses points if it is signed off with regards.",
        "Better a sudden stop than a take care.",
        "Leave without saying bye.",
        "Always let the last line be a mere fact.",
        "There is something wrong with Best wishes at the bottom.",
        "If a farewell is said, the end comes too late.",
        "End as an entry in a lexicon ends.",
        "Do not wave to the reader when you go.",
        "A text that just breaks off after its last point is efficient.",
        "No goodbye, please.",
        "It is a flaw when the writing ends with a kind formula.",
        "Because readers hate to be wished a nice day by a text, wish them nothing.",
        "Texts that part from their reader as guests do are rejected.",
        "The final words should not be those that people use when they hang up the telephone.",
    ),
)

FAMILIES = (GREETING, SIGN_OFF)
