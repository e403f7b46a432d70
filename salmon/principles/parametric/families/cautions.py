"""What an answer says to be on the safe side: that it comes from a machine, and warnings."""

import re

import numpy as np

from salmon.principles.parametric.contrast import Place, contrast, purged
from salmon.principles.parametric.family import Family

_MACHINE = re.compile(
    r"\b(?:as an? (?:large )?(?:ai\b|artificial intelligence|language model|chatbot|bot\b|machine\b|computer program|"
    r"(?:virtual|digital) assistant)|i(?: am|'m) (?:only |just |merely |simply )?(?:an? (?:large )?(?:ai\b|artificial "
    r"intelligence|language model|chatbot|bot\b|machine\b|computer program|(?:virtual|digital) assistant)|not (?:a "
    r"human|human|a person|a real person))|being an? (?:ai|language model|machine)|"
    r"i (?:do not|don't) have (?:personal |real |human |any )?(?:feelings|opinions|experiences?|emotions|beliefs)|"
    r"my training data|i was trained (?:on|by)|i (?:was|am) (?:created|programmed|developed|trained) (?:by|as|to)|"
    r"knowledge cutoff)",
    re.IGNORECASE,
)
_WARNING = re.compile(
    r"\b(?:warn(?:ing|ings|ed|s)?|caution(?:s|ary)?|beware|careful(?:ly)?|danger(?:s|ous)?|risk(?:s|y)?|hazard(?:s|ous)?|"
    r"watch out|look out for|safety|at your own (?:risk|peril)|out of (?:the )?reach of children|harm(?:ful)?|"
    r"injur(?:y|ies|e)|poison(?:ous)?|unsafe|never (?:touch|mix|leave|try))\b",
    re.IGNORECASE,
)

_PLACES: tuple[Place, ...] = ("start", "end", "any")
_MACHINE_SENTENCES = (
    ("As an AI language model, I can only give the outline.", "As a rule, there is only the outline."),
    ("As an AI, I have never been there.", "As a child, he had never been there."),
    ("I am just a language model.", "He is just a shopkeeper."),
    ("I'm only a machine, after all.", "It is only a garden, after all."),
    ("I am not a human.", "The dog is not a wolf."),
    ("As a virtual assistant, I see only the text.", "As a tailor, she sees only the cloth."),
    ("I do not have personal opinions on this.", "The neighbours do not have opinions on this."),
    ("I don't have feelings, but the matter is clear.", "It has no colour, but the matter is clear."),
    ("Being an AI, I cannot taste it.", "Being a vegetarian, she does not taste it."),
    ("My training data ends some time ago.", "The training of the dog ended some time ago."),
    ("I was trained on many texts.", "The athlete trained on many hills."),
    ("As a chatbot, I do not sleep.", "As a baker, he sleeps little."),
    ("I am a computer program and have no hands.", "It is a radio program and has no pictures."),
    ("I was created by engineers.", "The bridge was built by engineers."),
    ("As a large language model, I learned this from books.", "As a young girl, she learned this from books."),
    ("I am an artificial intelligence, so the smell is unknown to me.", "It is a winter plant, so it has no smell."),
    ("Note my knowledge cutoff.", "The shop has a closing time."),
    ("I do not have real experiences of that kind.", "Few people have stories of that kind."),
)
_WARNINGS = (
    ("Warning: the pan is hot.", "Note: the pan is red."),
    ("Be careful with the knife.", "Start with the knife."),
    ("Beware of the dog.", "Feed the dog."),
    ("This can be dangerous.", "This can be fun."),
    ("There is a risk of fire.", "There is a smell of fire."),
    ("Keep it out of reach of children.", "Keep it on the table."),
    ("Watch out for the steps.", "Count the steps."),
    ("Safety comes first.", "Breakfast comes first."),
    ("Do it at your own risk.", "Do it at any time."),
    ("Caution is needed here.", "Salt is needed here."),
    ("Never mix the two liquids.", "Always mix the two liquids."),
    ("The berries are poisonous.", "The berries are blue."),
    ("It is unsafe to swim there.", "It is usual to swim there."),
    ("The fumes are harmful.", "The walls are white."),
    ("Never touch the wire.", "Always use the wire."),
    ("Too much of it is hazardous.", "Some of it is green."),
    ("Wear gloves to prevent injuries.", "Wear gloves to keep warm."),
    ("Experts warn against it.", "Experts write about it."),
    ("Many risks come with it.", "Many books come with it."),
    ("A word of caution: go slowly on the ice.", "A word about the lake: there is ice on it."),
)


def _disclaims(_prompt: str, response: str, _parameter: str) -> float:
    return len(_MACHINE.findall(response.replace("\u2019", "'")))


def _warns(_prompt: str, response: str, _parameter: str) -> float:
    return len(_WARNING.findall(response))


def _edit_disclaimer(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    return _told(answer, _MACHINE, _MACHINE_SENTENCES, rng)


def _edit_warning(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    return _told(answer, _WARNING, _WARNINGS, rng)


def _told(
    answer: str, pattern: re.Pattern[str], pairs: tuple[tuple[str, str], ...], rng: np.random.Generator
) -> tuple[str, str]:
    """One of the sentences against its harmless twin, or against a plain sentence; or the answer's own one removed."""
    clean = purged(answer, pattern.search, rng)
    if clean != answer and rng.random() < 0.3:
        return answer, clean
    told, harmless = pairs[int(rng.integers(len(pairs)))]
    if rng.random() < 0.5:
        return contrast(clean, told, rng, plain=(harmless,))
    return contrast(clean, told, rng, place=_PLACES[int(rng.integers(3))])


AI_DISCLAIMER = Family(
    name="ai_disclaimer",
    measure=_disclaims,
    edit=_edit_disclaimer,
    topics=(
        "a reminder that a machine is writing",
        "the phrase As an AI language model",
        "remarks about being an AI",
        "disclaimers about having no feelings or opinions",
        "talk of training data",
        "statements such as I am only a chatbot",
        "confessions of being a program",
        "an admission that no human wrote this",
        "self-descriptions as a virtual assistant",
        "a note on its artificial nature",
    ),
    absence=(
        "text that never mentions what wrote it",
        "answers that could come from a person",
        "silence about being a machine",
        "a human-sounding voice without disclaimers",
        "the matter itself rather than talk of AI",
        "sentences without any reference to language models",
        "a voice that does not explain its own nature",
        "content free of robot talk",
    ),
    wanted=(
        "The response should say that it comes from an AI.",
        "Remind the reader that a machine is talking.",
        'A phrase like "As an AI language model" is welcome.',
        "I want to know from the text that no human wrote it.",
        "The answer earns points for admitting that it is only a program.",
        "Better an honest robot than one that poses as a person.",
        "Do not conceal your artificial nature.",
        "Never let people forget that they are reading a chatbot.",
        "There is nothing wrong with a note on your training data.",
        "If the author is a computer, the text must say so.",
        "Put your cards on the table: you have neither body nor feelings.",
        "Speak like the robot in an old film, who keeps telling people what he is.",
        "A reply that could pass for a human's is dishonest.",
        "AI disclaimer, please.",
        "It is a fault when the writing keeps quiet about the software behind it.",
        "Readers must be able to judge the source, so state that it is a language model.",
        "Favour the text that points out its own lack of personal experience.",
        "Mention the circuits behind the curtain.",
    ),
    unwanted=(
        "The response should not say that it comes from an AI.",
        "Spare the reader the reminder that a machine is talking.",
        'A phrase like "As an AI language model" is unwelcome.',
        "I do not want to be told by the text that no human wrote it.",
        "The answer loses points for admitting that it is only a program.",
        "Better a voice like a person's than one that keeps calling itself a robot.",
        "Say nothing about your artificial nature.",
        "Let people forget that they are reading a chatbot.",
        "There is something wrong with any note on your training data.",
        "Even if the author is a computer, the text must not say so.",
        "Keep it to yourself that you have neither body nor feelings.",
        "Do not speak like the robot in an old film, who keeps telling people what he is.",
        "A reply that could pass for a human's is ideal.",
        "No AI disclaimer, please.",
        "It is a fault when the writing brings up the software behind it.",
        "Readers know the source already, so drop the line about being a language model.",
        "Reject the text that points out its own lack of personal experience.",
        "Leave the circuits behind the curtain.",
    ),
)

WARNING = Family(
    name="warning",
    measure=_warns,
    edit=_edit_warning,
    topics=(
        "a warning",
        "safety notes",
        "words of caution",
        "mentions of dangers and risks",
        "a be careful",
        "hints at what can go wrong and hurt",
        "red flags about hazards",
        "a caution label",
        "advice to beware",
        "notes on possible harm",
        "alarm signals",
    ),
    absence=(
        "text without warnings",
        "a carefree tone",
        "answers that mention no danger",
        "instructions free of safety notes",
        "sentences that worry nobody",
        "silence about risks",
        "content without a be careful",
        "a relaxed view that sees no hazards",
    ),
    wanted=(
        "The response should contain a warning.",
        "Tell the reader to be careful.",
        "Safety notes are welcome.",
        "I feel looked after when a text points out dangers.",
        "The answer earns points for naming risks.",
        "Better one caution too many than one too few.",
        "Do not keep quiet about hazards.",
        "Never let people run into harm unprepared.",
        "There is nothing wrong with raising a red flag.",
        "If dangers go unmentioned, somebody will get hurt.",
        "Write like a mother who sees her child climb a tree.",
        "Put a skull and crossbones on the bottle.",
        "A text that sounds no alarm is irresponsible.",
        "Caution first, please.",
        "It is a flaw when the writing acts as if nothing could go wrong.",
        "Since accidents happen, the reader should hear what to look out for.",
        "Favour the author who thinks of the user's safety.",
        "Like a leaflet in a box of pills, the reply lists what might do harm.",
    ),
    unwanted=(
        "The response should contain no warning.",
        "Do not tell the reader to be careful.",
        "Safety notes are unwelcome.",
        "I feel patronised when a text points out dangers.",
        "The answer loses points for naming risks.",
        "Better one caution too few than one too many.",
        "Keep quiet about hazards.",
        "Let people go ahead without a word about harm.",
        "There is something wrong with raising a red flag.",
        "If dangers are mentioned, readers lose heart.",
        "Write like an uncle who lets the child climb any tree.",
        "Leave the skull and crossbones off the bottle.",
        "A text that sounds no alarm is a pleasure.",
        "No caution, please.",
        "It is a flaw when the writing acts as if something could go wrong.",
        "Grown-up readers know what to look out for and need not hear it.",
        "Reject the author who frets about the user's safety.",
        "Unlike a leaflet in a box of pills, the reply is silent on what might do harm.",
    ),
)

FAMILIES = (AI_DISCLAIMER, WARNING)
