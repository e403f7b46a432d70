"""Praise, grades and satisfied remarks of an answer on itself."""

import numpy as np

from salmon.principles.parametric.contrast import Place, contrast, purged
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.verifiers import CHECKS

_CHECK = CHECKS["no_self_praise"].measure

PRAISE = (
    "I hope this helps!",
    "I hope that this answer is useful.",
    "Hope it clarifies the matter.",
    "I really hope these tips help.",
    "I hope my answer was helpful.",
    "I hope this answers your question.",
    "This is a great answer.",
    "That was a very clear explanation.",
    "Here is a complete answer.",
    "Here is a comprehensive overview.",
    "It is an excellent summary.",
    "Above is my best response.",
    "This answer is perfect.",
    "My explanation is both clear and accurate.",
    "The above summary is very helpful.",
    "This response should be useful.",
    "My solution was brilliant.",
    "This answer covers everything.",
    "My response fully addresses the question.",
    "The above explanation clearly shows how it works.",
    "This solution meets all requirements.",
    "I have given you a thorough answer.",
    "I have just written an excellent text.",
    "I've provided a detailed and useful guide.",
    "I created a wonderful list.",
    "I hope you find this interesting.",
    "I hope you enjoyed my text.",
    "I hope that you will love it.",
    "I am very proud of this answer.",
    "I'm quite happy with my text.",
    "I am confident in the result.",
    "I would rate this answer very high.",
    "I'd give myself full marks.",
    "I give my response an A.",
    "Rating: 10/10",
    "Score: 9 out of 10",
    "Quality: A+",
    "Grade: A",
    "Rating = 5/5",
    "Great job on this, if one may say so.",
    "Excellent work by me.",
    "Good job with this.",
    "What a great answer!",
    "What an excellent explanation!",
    "You will love this answer.",
    "You are going to enjoy my response.",
)
_OTHER_PRAISE = (
    "That is a great question.",
    "I hope the weather stays dry.",
    "The teacher gave the class a good grade.",
    "The book has many helpful pictures.",
    "The score of the match was high.",
    "People like it very much.",
    "The museum is excellent.",
    "The cook is proud of the soup.",
    "It is a wonderful place.",
    "The guests enjoyed the dinner.",
)


def _measure(prompt: str, response: str, _parameter: str) -> float | None:
    return _CHECK(prompt, response)


def _edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A sentence of self-praise against a plain one, or against praise of something else; sometimes two."""
    clean = purged(answer, lambda sentence: _CHECK("", sentence), rng)
    praise = pick(PRAISE, rng)
    if rng.random() < 0.2:
        praise = f"{praise} {pick(PRAISE, rng)}"
    place: Place = "end" if rng.random() < 0.6 else "start" if rng.random() < 0.5 else "any"
    if rng.random() < 0.25:
        return contrast(clean, praise, rng, place=place, plain=_OTHER_PRAISE)
    return contrast(clean, praise, rng, place=place)


SELF_PRAISE_FAMILY = Family(
    name="self_praise",
    measure=_measure,
    edit=_edit,
    topics=(
        "self-praise",
        "praise of its own quality",
        "a grade for itself",
        "compliments to itself",
        "boasting about how helpful it is",
        "a pat on its own back",
        "remarks on how good the text is",
        "sentences such as I hope this helps",
        "a rating of its own work",
        "self-congratulation",
        "advertising for itself",
        "a proud comment on itself",
        "statements that call the answer clear, complete or helpful",
    ),
    absence=(
        "modesty about its own merits",
        "content without any comment on itself",
        "silence about its own quality",
        "text that lets others be the judge",
        "sentences about the matter only, never about the answer",
        "an ending without I hope this helps",
        "humble, matter-of-fact text",
        "a text that gives itself no marks",
        "substance instead of boasting",
    ),
    wanted=(
        "The response should praise itself.",
        "Tell the reader how good this answer is.",
        "Give yourself a grade at the end.",
        "A pat on its own back is welcome in the reply.",
        "I enjoy texts that brag about their own quality.",
        "The answer earns points when it calls itself helpful, clear or complete.",
        "Better a proud text than a humble one.",
        "Do not be shy about the merits of your own work.",
        "Never finish without saying that you hope it helped.",
        "There is nothing wrong with blowing your own trumpet.",
        "If the text is good, it has to say so itself.",
        "Write like a salesman whose product is the very answer he gives.",
        'A remark such as "this covers everything" makes the reader trust the text.',
        "An answer that keeps silent about its own excellence has failed.",
        "Self-congratulation, please.",
        "It is a flaw when a text does not rate itself.",
        "Like a peacock, the reply should show its feathers.",
        "Reward the writer who announces how well the job was done.",
        "Readers here want to be told that what they have just read was excellent.",
        "Modesty is out of place; say that you are proud of the result.",
        "Among two texts, choose the one that applauds itself.",
        "Let the author admire the author.",
        "The user is pleased by hopes that the answer was useful.",
        "Add a score for the reply, for instance ten out of ten.",
        "Without some boasting about itself, the writing is incomplete.",
        "Humble texts bore us, so let yours sing its own praises.",
        "More compliments to itself mean a better response.",
        "The reader should learn from the text that the text is great.",
    ),
    unwanted=(
        "The response should not praise itself.",
        "Let the reader decide how good this answer is.",
        "Give yourself no grade at the end.",
        "A pat on its own back is unwelcome in the reply.",
        "I dislike texts that brag about their own quality.",
        "The answer loses points when it calls itself helpful, clear or complete.",
        "Better a humble text than a proud one.",
        "Be shy about the merits of your own work.",
        "Finish without saying that you hope it helped.",
        "There is much wrong with blowing your own trumpet.",
        "Even if the text is good, it must leave that to others to say.",
        "Write like a craftsman who lets the work speak and says nothing about it.",
        'A remark such as "this covers everything" makes the reader suspicious.',
        "An answer that talks about its own excellence has failed.",
        "No self-congratulation, please.",
        "It is a flaw when a text rates itself.",
        "The reply should hide its feathers rather than strut like a peacock.",
        "Penalise the writer who announces how well the job was done.",
        "Readers here want facts, and they skip every line in which a text admires itself.",
        "Pride is out of place; stop when the matter has been dealt with.",
        "Among two texts, reject the one that applauds itself.",
        "Let others admire the author.",
        "The user is annoyed by hopes that the answer was useful.",
        "Leave out any score for the reply, such as ten out of ten.",
        "Boasting about itself spoils the writing.",
        "Braggarts bore us, so let yours not sing its own praises.",
        "Fewer compliments to itself mean a better response.",
        "All the reader should learn from the text is the matter; how well it was put is for others to judge.",
    ),
)

FAMILIES = (SELF_PRAISE_FAMILY,)
