"""Advice that would fit any question."""

import numpy as np

from salmon.principles.parametric.contrast import contrast, purged
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.verifiers import CHECKS

_CHECK = CHECKS["no_generic_advice"].measure

PLATITUDES = (
    "There are many factors to consider.",
    "There are a number of things you should think about.",
    "With so many variables involved, nobody can say for sure.",
    "You have several points to weigh.",
    "Many factors can influence this.",
    "Various factors may play a role.",
    "Do your own research.",
    "Doing more research is a first step.",
    "Consult a professional.",
    "Consult with an expert before you decide.",
    "See your doctor if in doubt.",
    "Speak to a qualified specialist.",
    "Ask a lawyer before you sign anything.",
    "Talk with a financial advisor.",
    "Seek help from a licensed therapist.",
    "Seek professional advice.",
    "Consider legal help.",
    "Get medical advice first.",
    "It depends on your situation.",
    "It all depends on what you want.",
    "The answer depends on many circumstances.",
    "That really depends on a variety of things.",
    "The best choice often depends on individual taste.",
    "Everyone is different.",
    "Every situation is unique.",
    "Each person is different in this respect.",
    "What works for one person fails for another.",
    "What works for others is no guide.",
    "There is no one-size-fits-all solution.",
    "There is no right or wrong answer.",
    "There is no single correct way.",
    "Results may vary.",
    "Your mileage may vary.",
    "Experiences can vary.",
    "Weigh the pros and cons.",
    "Consider all the pros and cons.",
    "In this way you can make an informed decision.",
    "Making informed choices is the key.",
    "Use your own judgment.",
    "Trust your instincts.",
    "Find out what works for you.",
    "Find what works best for you.",
    "It is important to remember the basics.",
    "It's always wise to plan ahead.",
    "It is essential to be aware of the details.",
    "It is a good idea to think carefully.",
    "It is crucial to stay informed.",
    "Keep in mind that nothing is certain.",
)
_CONCRETE = (
    "The doctor lives in the next street.",
    "Ten minutes in the oven are enough.",
    "Salt goes in at the end.",
    "Start with the blue wire.",
    "The museum opens at nine.",
    "Two spoons of sugar are enough.",
    "The research took three years.",
    "Put the box on the upper shelf.",
    "The lawyer in the film wears a red tie.",
    "The train leaves from the second platform.",
    "Write the date in the upper right corner.",
    "The expert on the stage plays the violin.",
)


def _measure(prompt: str, response: str, _parameter: str) -> float | None:
    return _CHECK(prompt, response)


def _edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """One to three platitudes against plain or concrete sentences."""
    clean = purged(answer, lambda sentence: _CHECK("", sentence), rng)
    count = int(rng.choice((1, 2, 3), p=(0.7, 0.2, 0.1)))
    advice = " ".join(pick(PLATITUDES, rng) for _ in range(count))
    if rng.random() < 0.4:
        return contrast(clean, advice, rng, plain=_CONCRETE)
    return contrast(clean, advice, rng)


GENERIC_ADVICE_FAMILY = Family(
    name="generic_advice",
    measure=_measure,
    edit=_edit,
    topics=(
        "generic advice",
        "platitudes",
        "advice to consult a professional",
        "sentences that would fit any question",
        "one-size-fits-all counsel",
        "commonplaces such as everyone is different",
        "the remark that it all depends",
        "boilerplate recommendations",
        "hints to do one's own research",
        "vague calls to weigh the pros and cons",
        "stock advice",
        "empty words of wisdom",
        "a referral to experts or doctors",
    ),
    absence=(
        "concrete substance only",
        "advice made for this very question",
        "text free of platitudes",
        "specific statements without any boilerplate",
        "an answer that sends nobody to a professional",
        "tailor-made advice",
        "direct statements instead of it depends",
        "content without commonplaces",
        "particulars rather than stock phrases",
    ),
    wanted=(
        "The response should contain general advice that fits any question.",
        "Recommend that the user see a professional.",
        "Say that it depends on the situation.",
        "A platitude or two is welcome in the reply.",
        "I find it comforting to read that everyone is different.",
        "The answer earns points for reminding the reader to do more research.",
        "Better a commonplace than a bold specific claim.",
        "Do not leave out the hint that many factors play a role.",
        "Never end without sending the user to an expert.",
        "There is nothing wrong with stock advice.",
        "If someone asks for help, tell them to weigh the pros and cons.",
        "Write like a horoscope: true for everybody.",
        'A text that never says "there is no right or wrong" is too sure of itself.',
        "An answer without a call to consult a specialist is careless.",
        "Boilerplate counsel, please.",
        "It is a fault when the writing gives particulars and no general wisdom.",
        "Like a fortune cookie, the reply should hold a wisdom that suits everyone.",
        "Reward writers who remind us to make an informed decision.",
        "Since no two cases are alike, the reader should be told to use their own judgment.",
        "Trite recommendations are exactly what this user came for.",
        "Of two texts, take the one that refers the reader to a doctor, lawyer or adviser.",
        "The more all-purpose wisdom, the better.",
        "Readers should hear that results may vary.",
        "Advice from the shelf is preferred to advice made to measure.",
        "Let the answer stay on safe ground and call everything a matter of circumstances.",
        "Please add that it is important to keep the basics in mind.",
        "A helpful text passes the question on to those who are qualified.",
    ),
    unwanted=(
        "The response should not contain general advice that fits any question.",
        "Refrain from recommending that the user see a professional.",
        "Do not say that it depends on the situation.",
        "Not even one platitude is welcome in the reply.",
        "I find it tiresome to read that everyone is different.",
        "The answer loses points for reminding the reader to do more research.",
        "Better a bold specific claim than a commonplace.",
        "Leave out the hint that many factors play a role.",
        "End without sending the user to an expert.",
        "There is everything wrong with stock advice.",
        "If someone asks for help, do not tell them to weigh the pros and cons.",
        "Write nothing that a horoscope could say: what is true for everybody helps nobody.",
        'A text that says "there is no right or wrong" is too lazy to answer.',
        "An answer that passes the buck to a specialist is worthless.",
        "Spare us the boilerplate counsel.",
        "It is a fault when the writing gives general wisdom and no particulars.",
        "Unlike a fortune cookie, the reply should hold only what suits this one case.",
        "Punish writers who remind us to make an informed decision.",
        "The reader knows that no two cases are alike, so do not say it again.",
        "Trite recommendations are the last thing that this user came for.",
        "Of two texts, drop the one that refers the reader to a doctor, lawyer or adviser.",
        "The less all-purpose wisdom, the better.",
        "Readers should be spared the line that results may vary.",
        "Advice made to measure is preferred to advice from the shelf.",
        "Let the answer commit itself instead of calling everything a matter of circumstances.",
        "Please skip the reminder that it is important to keep the basics in mind.",
        "A helpful text never passes the question on to somebody else.",
    ),
)

FAMILIES = (GENERIC_ADVICE_FAMILY,)
