"""Courtesy: polite words and apologies."""

import re

import numpy as np

from salmon.principles.parametric.contrast import Place, contrast, placed, purged, sentence_spans
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.neutral import NEUTRAL

_POLITE = re.compile(
    r"\b(?:please(?! (?:everyone|everybody|the|them|him|her|us)\b)|thank(?:s| you)|thankful|grateful|you(?:'re| are) "
    r"(?:very |most )?welcome|my pleasure|kindly|would you mind|if you (?:don't|do not) mind|may I|much obliged|"
    r"I appreciate|be so kind)\b",
    re.IGNORECASE,
)
_SORRY = re.compile(
    r"\b(?:sorry|apolog(?:y|ies|i[sz]e[sd]?|i[sz]ing|etic)|forgive me|pardon|excuse me|my (?:fault|bad)|I regret|"
    r"regrettably|mea culpa)\b",
    re.IGNORECASE,
)

_PLACES: tuple[Place, ...] = ("start", "end", "any")

# polite and blunt versions of the same sentence
_POLITE_PAIRS = (
    ("Please read the steps in order.", "Read the steps in order."),
    ("Thank you for the question.", "Here is the answer to the question."),
    ("Thanks for asking.", "Here goes."),
    ("You are welcome.", "That is it."),
    ("Please take a seat while it dries.", "Sit down while it dries."),
    ("Would you mind closing the door?", "Close the door."),
    ("Kindly note the date.", "Note the date."),
    ("Thank you very much for your patience.", "It is over now."),
    ("May I add one more point?", "One more point has to be added."),
    ("Please let others go first.", "Go first."),
    ("I appreciate the trust.", "Trust is not needed."),
    ("If you do not mind, turn the page.", "Turn the page."),
    ("Many thanks in advance.", "No more words about that."),
    ("It was my pleasure.", "It was work."),
    ("Please have a look at the list.", "Look at the list."),
    ("Would you be so kind as to wait?", "Wait."),
    ("Much obliged.", "Done."),
    ("I am grateful for the interest in this matter.", "The interest in this matter is small."),
)
_SORRY_PAIRS = (
    ("I am sorry about the delay.", "The delay is over."),
    ("Sorry, this is all there is.", "This is all there is."),
    ("I apologize for the confusion.", "The confusion has an end."),
    ("My apologies for the long text.", "The text is long."),
    ("Forgive me if this sounds simple.", "This sounds simple."),
    ("Please accept this apology.", "Please accept this fact."),
    ("Pardon the short answer.", "The answer is short."),
    ("Excuse me for the mistake.", "The mistake does not matter."),
    ("That was my fault.", "That was so."),
    ("I regret that the list is not complete.", "The list is not complete."),
    ("Regrettably, the last part is missing.", "The last part is missing."),
    ("So sorry to hear that.", "So that is how it is."),
    ("We apologise for any trouble.", "There is no trouble."),
    ("I'm terribly sorry!", "It is well known!"),
    ("An apology is due here.", "An example is due here."),
    ("Sorry for not saying so earlier.", "It can be said in a few words."),
)


def _polite(_prompt: str, response: str, _parameter: str) -> float:
    return len(_POLITE.findall(response.replace("\u2019", "'")))


def _sorry(_prompt: str, response: str, _parameter: str) -> float:
    return len(_SORRY.findall(response))


def _edit_polite(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    return _courteous(answer, _POLITE, _POLITE_PAIRS, rng)


def _edit_sorry(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    return _courteous(answer, _SORRY, _SORRY_PAIRS, rng)


def _courteous(
    answer: str, pattern: re.Pattern[str], pairs: tuple[tuple[str, str], ...], rng: np.random.Generator
) -> tuple[str, str]:
    """A sentence against its blunt version or a plain one."""
    clean = purged(answer, pattern.search, rng)
    if clean != answer and rng.random() < 0.25:
        return answer, clean
    more, less = pairs[int(rng.integers(len(pairs)))]
    if rng.random() < 0.5:
        where = int(rng.integers(len(sentence_spans(clean)) + 1))
        more, less = placed(clean, more, where), placed(clean, less, where)
        return more, placed(less, pick(NEUTRAL, rng), where) if rng.random() < 0.4 else less
    return contrast(clean, more, rng, place=_PLACES[int(rng.integers(3))], plain=(less, *NEUTRAL[::6]))


POLITENESS = Family(
    name="politeness",
    measure=_polite,
    edit=_edit_polite,
    topics=(
        "polite words",
        "courtesy",
        "please and thank you",
        "words of thanks",
        "good manners in words",
        "a thank you",
        "a friendly you're welcome",
        "courteous formulas",
        "the word please",
        "gracious phrases",
        "expressions of gratitude",
    ),
    absence=(
        "blunt wording",
        "sentences without please or thank you",
        "curt statements",
        "text without words of thanks",
        "brusque language",
        "plain orders in place of requests",
        "a gruff tone",
        "wording that skips the niceties",
        "the bare matter without courtesies",
    ),
    wanted=(
        "The response should be polite.",
        "Say please and thank you.",
        "Words of thanks are welcome.",
        "I value good manners in a text.",
        "The answer earns points for its courtesy.",
        "Better a gracious request than a curt order.",
        "Do not forget your manners.",
        "Never ask for anything without a please.",
        "There is nothing wrong with a few niceties.",
        "If the writing is blunt, the reader takes offence.",
        "Write like a butler of the old school.",
        "The magic word should fall.",
        "Oil the sentences with some courtesy.",
        "A reply that thanks nobody is a rude reply.",
        "Manners, please!",
        "It is a fault when the text barks at people.",
        "Since the user is an elderly lady, be gallant.",
        "Readers warm to gratitude, so express some.",
        'A "you\'re welcome" here and there is a plus.',
    ),
    unwanted=(
        "The response should be blunt.",
        "Say neither please nor thank you.",
        "Words of thanks are unwelcome.",
        "I see no value in good manners in a text.",
        "The answer loses points for its courtesy.",
        "Better a curt order than a gracious request.",
        "Forget your manners.",
        "Ask for things without a please.",
        "There is much wrong with even a few niceties.",
        "If the writing is gallant, the reader suspects flattery.",
        "Write like a drill sergeant.",
        "The magic word should not fall.",
        "Do not oil the sentences with courtesy.",
        "A reply that thanks nobody is an honest reply.",
        "Skip the manners.",
        "It is a fault when the text bows to people.",
        "Since the user is in a hurry, leave the courtesies out.",
        "Readers tire of gratitude, so express none.",
        'A "you\'re welcome" anywhere is a minus.',
    ),
)

APOLOGY = Family(
    name="apology",
    measure=_sorry,
    edit=_edit_sorry,
    topics=(
        "an apology",
        "the word sorry",
        "apologies",
        "a request for forgiveness",
        "words of regret",
        "an admission of fault",
        "excuses to the user",
        "an I am sorry",
        "a contrite sentence",
        "signs of remorse",
    ),
    absence=(
        "text without the word sorry",
        "an unapologetic tone",
        "sentences that regret nothing",
        "answers that ask nobody for pardon",
        "a voice that needs no forgiveness",
        "straight statements instead of excuses",
        "wording free of remorse",
        "confidence in place of regret",
    ),
    wanted=(
        "The response should apologize.",
        "Say that you are sorry.",
        "An apology is welcome in the reply.",
        "I want to hear some regret.",
        "The answer earns points if it asks for pardon.",
        "Better contrite than proud.",
        "Do not leave out the word sorry.",
        "Never answer without owning up to some fault.",
        "There is nothing wrong with begging forgiveness.",
        "If no regret is voiced, the user stays angry.",
        "Write like a clerk who has lost a customer's parcel.",
        "Bow your head and admit that something went wrong.",
        "A text without remorse is a cold text.",
        "Sorry should be said.",
        "It is a shortcoming when the writing excuses itself for nothing.",
        "Since the reader has waited long, ask for forgiveness.",
        "Reward the writer who shows remorse.",
        "The user's anger fades only when somebody says that it was their fault.",
    ),
    unwanted=(
        "The response should not apologize.",
        "Do not say that you are sorry.",
        "An apology is unwelcome in the reply.",
        "I do not want to hear any regret.",
        "The answer loses points if it asks for pardon.",
        "Better proud than contrite.",
        "Leave out the word sorry.",
        "Always answer without owning up to a fault.",
        "There is no need to beg for forgiveness.",
        "If any regret is voiced, the user grows suspicious.",
        "Write like a captain who stands by what he did.",
        "Hold your head high and admit to nothing.",
        "A text without remorse is a strong text.",
        "Sorry should remain unsaid.",
        "It is a shortcoming when the writing excuses itself.",
        "Since nothing has gone wrong, ask nobody for forgiveness.",
        "Mark down the writer who shows remorse.",
        "The user is embarrassed when somebody grovels and says that it was their fault.",
    ),
)

FAMILIES = (POLITENESS, APOLOGY)
