"""Signs and marks within an answer: brackets, quotation marks, punctuation, emojis, italics."""

import re

import numpy as np

from eval.ifbench.families.checked import bare_sentences, checked_family
from salmon.principles.parametric.contrast import contrast
from salmon.principles.parametric.editing import pick

_BRACKETS = str.maketrans("", "", "()[]{}")
_DEEP = (
    "It depends (on the day [and the place {and the weather (which changes [a lot])}]).",
    "There is a rule (an old one [from the north {where it snows [in May (at times)]}]).",
    "Ask somebody (a friend (or a neighbour [if there is one {nearby (or at work)}])).",
)
_FLAT = (
    "It depends (on the day), and also (a little) on the place, [now and then] on the weather (which changes {a lot}).",
    "There is a rule (an old one [from the north, where it snows in May and even later at times]).",
    "Ask somebody (a friend [or a neighbour {if there is one nearby or at work, or in the house}]).",
)


def _parentheses(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    return contrast(answer.translate(_BRACKETS), pick(_DEEP, rng), rng, plain=_FLAT)


_NO_QUOTES = str.maketrans({'"': None, "'": "’"})
_NESTED = (
    """He wrote: "My aunt said, 'The sign reads "closed" today,' and left." """.rstrip(),
    """She told us, "They shouted, 'We heard "stop" twice,' and ran." """.rstrip(),
    """The book says: "A man cried, 'Somebody called "fire" in here,' at noon." """.rstrip(),
)
_QUOTED = (
    'He wrote: "My aunt said that the sign reads closed today, and then she left."',
    "She told us, 'They shouted that they had heard it twice, and they ran.'",
    'The book says: "A man cried that somebody called for help in here, and that it was noon."',
)


def _quotes(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    return contrast(answer.translate(_NO_QUOTES), pick(_NESTED, rng), rng, plain=_QUOTED)


_SAYINGS = ("easy does it", "all in good time", "the early bird", "a stitch in time", "so far, so good")


def _explained(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    plain, saying = answer.translate(_NO_QUOTES).rstrip(), pick(_SAYINGS, rng)
    meaning = pick(("that there is no hurry", "that one should begin now", "that all is well"), rng)
    return (
        f'{plain} As people say, "{saying}", which means {meaning}.',
        f'{plain} People say {meaning}{pick(("", ", and they have said so for a long time"), rng)}: "{saying}".',
    )


_ALL_MARKS = (
    "Is it so?! Yes: it is, more or less; that much is certain! Who knows?",
    "And then?! Wait, there is more: first this; then that! Does it help?",
    "Really?! Of course: one sees it, one hears it; it is there! What else?",
)


def _marks(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    more = f"{answer.rstrip().rstrip('.')}. {pick(_ALL_MARKS, rng)}"
    spare = pick(("?!", ";", ":", "!"), rng)
    return more, more.replace(spare, {"?!": "?", ";": ",", ":": ",", "!": "."}[spare])


_EMOJI = "😀🎉🌱🚀🍀🌞📚🎵🐝✨"


def _emoji(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    sentences = bare_sentences(answer, int(rng.integers(1, 5)), rng)
    signs = [pick(_EMOJI, rng) for _ in sentences]
    some = rng.random(len(sentences)) < rng.choice([0.0, 0.5])
    return (
        " ".join(f"{text} {sign}." for text, sign in zip(sentences, signs, strict=True)),
        " ".join(
            f"{text} {sign}." if has else f"{text}." for text, sign, has in zip(sentences, signs, some, strict=True)
        ),
    )


def _thesis(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    first, *rest = bare_sentences(re.sub(r"</?\w+>", "", answer), int(rng.integers(2, 5)), rng)
    tail = " ".join(f"{text}." for text in rest)
    sign = pick(("i", "em"), rng)
    other = pick((f"{first}.", f"**{first}.**", f"*{first}.*", f"<b>{first}.</b>"), rng)
    return f"<{sign}>{first}.</{sign}> {tail}", f"{other} {tail}"


INSERTED = (
    checked_family(
        "format:parentheses",
        _parentheses,
        topics=(
            "brackets within brackets, five levels deep",
            "nested parentheses, brackets and braces of depth five",
            "a remark in brackets that holds four further brackets, one inside the other",
        ),
        absence=("brackets that are hardly nested", "text without deeply nested brackets"),
        wanted=(
            "Somewhere five pairs of brackets must stand one inside the other.",
            "Nest the parentheses (or brackets, or braces) at least five deep.",
            "Four levels of nested brackets are not enough.",
            "I want to see a bracket in a bracket in a bracket in a bracket in a bracket.",
        ),
        unwanted=(
            "Nowhere may five pairs of brackets stand one inside the other.",
            "Do not nest the parentheses (or brackets, or braces) five deep.",
            "More than four levels of nested brackets are too much.",
            "I do not want to see a bracket in a bracket in a bracket in a bracket in a bracket.",
        ),
    ),
    checked_family(
        "format:quotes",
        _quotes,
        topics=(
            "a quotation within a quotation within a quotation",
            "nested quotation marks, double and single in turn, three levels deep",
            "somebody who quotes somebody who quotes a third one",
        ),
        absence=("quotations that are not nested", "at most a simple quotation"),
        wanted=(
            "A quotation should contain a quotation that contains a third one.",
            "Alternate double and single quotation marks until three levels stand inside each other.",
            "Quotations have to be nested three deep.",
            "It is too little if a quotation holds only one other quotation.",
        ),
        unwanted=(
            "No quotation should contain a quotation that contains a third one.",
            "Do not alternate double and single quotation marks until three levels stand inside each other.",
            "Quotations must not be nested three deep.",
            "It is too much if a quotation holds a quotation with a further one in it.",
        ),
    ),
    checked_family(
        "format:quote_unquote",
        _explained,
        topics=(
            "an explanation after each quotation",
            "quoted phrases that are followed by what they mean in plain words",
            "words of your own behind every quotation",
        ),
        absence=("a quotation as the last thing", "quotations that nothing explains"),
        wanted=(
            "After each quoted phrase, say without quotation marks what it means.",
            "No quotation may stand at the very end: an explanation follows it.",
            "Every quotation needs an explanation behind it.",
            "Do not leave a quoted phrase without plain words after it.",
        ),
        unwanted=(
            "Do not say after each quoted phrase what it means.",
            "A quotation should stand at the very end, with no explanation behind it.",
            "Quotations do not need an explanation behind them; close with one.",
            "Leave the last quoted phrase without any words after it.",
        ),
    ),
    checked_family(
        "count:punctuation",
        _marks,
        topics=(
            "every common punctuation mark, ?! included",
            "full stop, comma, question mark, exclamation mark, colon, semicolon and ?! at least once each",
            "the whole set of punctuation marks",
        ),
        absence=("text in which some punctuation mark is missing", "an incomplete set of punctuation marks"),
        wanted=(
            "Each standard punctuation mark has to occur, also the semicolon, the colon and ?!.",
            "None of the punctuation marks . , ! ? ; : and ?! may be missing.",
            "Use up the whole range of punctuation at least once.",
            "If a semicolon, a colon or an interrobang is missing, the text fails.",
        ),
        unwanted=(
            "Not every standard punctuation mark may occur; leave out the semicolon, the colon or ?!.",
            "At least one of the punctuation marks . , ! ? ; : and ?! must be missing.",
            "Do not use up the whole range of punctuation.",
            "If semicolon, colon, interrobang and all the others are there, the text fails.",
        ),
    ),
    checked_family(
        "format:emoji",
        _emoji,
        topics=(
            "an emoji at the end of every sentence",
            "sentences that all close with an emoji",
            "a little picture such as 🎉 behind each sentence",
        ),
        absence=("sentences that end without an emoji", "sentence endings free of little pictures"),
        wanted=(
            "All sentences should finish with an emoji.",
            "Put an emoji behind each single sentence.",
            "A sentence that ends without an emoji is not finished.",
            "At every sentence end I expect an emoji.",
        ),
        unwanted=(
            "Sentences should not all finish with an emoji.",
            "Do not put an emoji behind each single sentence.",
            "A sentence that ends without an emoji is needed.",
            "I do not expect an emoji at every sentence end; it annoys me.",
        ),
    ),
    checked_family(
        "format:thesis",
        _thesis,
        topics=(
            "a thesis in italics, by HTML, before the rest",
            "an opening statement between <i> and </i>",
            "sections that start with a claim set in HTML italics",
        ),
        absence=("an opening that is not in HTML italics", "text without the tags <i> or <em>"),
        wanted=(
            "Begin with the main claim in italics, marked by the HTML tag for them.",
            "The thesis comes first, inside <i> or <em>, and plain text follows.",
            "Without an italic statement in HTML at the start of the section, the reply is wrong.",
            "Set the thesis of each section in HTML italics.",
        ),
        unwanted=(
            "Do not begin with the main claim in italics by HTML.",
            "No statement may stand inside <i> or <em> before plain text.",
            "With an italic statement in HTML at the start of the section, the reply is wrong.",
            "Do not set the thesis of any section in HTML italics.",
        ),
    ),
)
