"""How sure a text sounds: its hedges and assurances, and how to add and remove them."""

import re

import numpy as np

from salmon.principles.parametric.contrast import contrast, purged, replaced, sentence_spans
from salmon.principles.parametric.editing import pick

_HEDGE = re.compile(
    r"\b(?:maybe|perhaps|might|possibly|probably|presumably|seemingly|apparently|arguably|conceivably|likely|seems?|"
    r"appears? to|(?-i:may)(?= (?:\w+ly )?(?:not |also )?(?:be|have|help|need|take|want|\w+))|not (?:quite |entirely |"
    r"so )?(?:sure|certain)|I (?:think|guess|suppose|believe|suspect)|as far as (?:I|we) know|could be|to some extent|"
    r"sort of|more or less|if I am not mistaken|hard to say|nobody knows for sure)\b",
    re.IGNORECASE,
)
_SURE = re.compile(
    r"\b(?:certainly|definitely|undoubtedly|surely|absolutely|unquestionably|indisputably|assuredly|of course|"
    r"obviously|without (?:a |any |the slightest )?doubt|no doubt|"
    r"beyond (?:all |any )?doubt|(?<!not )(?<!knows )for sure|"
    r"for certain|(?:am|is|are|'m|'s) (?:absolutely |quite )?(?:sure|certain)|guaranteed?|"
    r"there is no question|undeniabl[ey])\b",
    re.IGNORECASE,
)

_HEDGES = ("Maybe", "Perhaps", "Possibly,", "Probably,", "It might be that", "It seems that", "I guess that",
           "Presumably,", "I think that", "As far as we know,", "Apparently,", "It could be that", "Arguably,",
           "To some extent,", "It may be that", "I am not sure, but")  # fmt: skip
_ASSURANCES = ("Certainly,", "Definitely,", "Without doubt,", "Undoubtedly,", "Surely,", "Of course,", "No doubt,",
               "I am certain that", "It is certain that", "Absolutely,", "Obviously,", "Unquestionably,",
               "Beyond any doubt,", "There is no question that", "I am sure that", "Undeniably,")  # fmt: skip
_PLAIN_FRAMES = ("In short,", "In addition to this,", "As before,", "In the same way,", "After that,", "In this case,",
                 "At the same time,", "By contrast,")  # fmt: skip
_HEDGED = (
    "This is probably enough.",
    "Maybe it works, maybe it does not.",
    "It might rain, though.",
    "Perhaps that is the reason.",
    "It seems to be so in most places.",
    "It is hard to say which is better.",
    "The number could be higher.",
    "I think so, at least.",
    "Nobody knows for sure.",
    "That is more or less it.",
)
_ASSURED = (
    "That is certain.",
    "This is definitely enough.",
    "It works without any doubt.",
    "There is no question about it.",
    "Success is guaranteed.",
    "It is absolutely so in all places.",
    "The second is undeniably better.",
    "I am sure of it.",
    "That is the reason, for sure.",
    "Of course it does.",
)
# hedges that can be taken out of a sentence, and what is left
_FIRM = tuple(
    (re.compile(pattern), firm)
    for pattern, firm in (
        (r"\b(?:may|might|could) be\b", "is"),
        (r"\b(?:may|might)\b", "will"),
        (r"\b(?:[Pp]erhaps|[Mm]aybe|[Pp]ossibly|[Pp]robably|[Ll]ikely),? ", ""),
        (r"\b(?:seems|appears) to be\b", "is"),
        (r"\bI (?:think|believe|guess)(?: that)? ", ""),
    )
)
_UNSURE = tuple(
    (re.compile(pattern), soft)
    for pattern, soft in (
        (r"\bis\b(?! (?:that|why|how|what|where)\b)", "might be"),
        (r"\bwill\b", "might"),
        (r"\bcan\b", "can perhaps"),
        (r"\bare\b", "are probably"),
        (r"\bwas\b", "was possibly"),
    )
)
_STRONG = tuple(
    (re.compile(pattern), strong)
    for pattern, strong in (
        (r"\bis\b(?! (?:that|why|how|what|where)\b)", "is certainly"),
        (r"\bwill\b", "will definitely"),
        (r"\bcan\b", "can surely"),
        (r"\bare\b", "are undoubtedly"),
        (r"\bwas\b", "was without doubt"),
    )
)
_Rules = tuple[tuple[re.Pattern[str], str], ...]


def count_hedges(_prompt: str, response: str, _parameter: str) -> float:
    """Words and turns such as "perhaps" and "it seems"."""
    return len(_HEDGE.findall(response))


def count_assurances(_prompt: str, response: str, _parameter: str) -> float:
    """Words and turns such as "certainly" and "without doubt"."""
    return len(_SURE.findall(response))


def _once(text: str, rules: _Rules, rng: np.random.Generator) -> str:
    """The text with the verb of one place, or of all places, made softer or stronger; as it was without such a verb."""
    fitting = [rule for rule in rules if rule[0].search(text)]
    if not fitting:
        return text
    pattern, new = fitting[int(rng.integers(len(fitting)))]
    return pattern.sub(new, text, count=int(rng.integers(2)))


def _framed(text: str, frame: str, rng: np.random.Generator) -> str:
    spans = sentence_spans(text)
    if not spans:
        return f"{frame} {text}"
    start, end = spans[int(rng.integers(len(spans)))]
    sentence = re.sub(
        r"^(?:The|This|It|In|A|An|These|There|We|You|They|To|If|When|For)\b", lambda f: f[0].lower(), text[start:end]
    )
    return replaced(text, (start, end), f"{frame} {sentence}")


def _firm(answer: str, rng: np.random.Generator) -> str:
    """The answer without hedges and assurances."""
    for pattern, firm in _FIRM:
        answer = pattern.sub(firm, answer)
    return purged(answer, lambda sentence: _HEDGE.search(sentence) or _SURE.search(sentence), rng)


def _coloured(
    base: str, rules: _Rules, frames: tuple[str, ...], sentences: tuple[str, ...], rng: np.random.Generator
) -> str:
    way = rng.random()
    text = _once(base, rules, rng) if way < 0.4 else base
    if text != base:
        return text
    return _framed(base, pick(frames, rng), rng) if way < 0.8 else f"{base.rstrip()} {pick(sentences, rng)}"


def less_sure(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A hedged answer and a plain or sure one."""
    return _edit(answer, (_UNSURE, _HEDGES, _HEDGED), (_STRONG, _ASSURANCES, _ASSURED), rng)


def more_sure(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A sure answer and a plain or hedged one."""
    return _edit(answer, (_STRONG, _ASSURANCES, _ASSURED), (_UNSURE, _HEDGES, _HEDGED), rng)


_Colour = tuple[_Rules, tuple[str, ...], tuple[str, ...]]


def _edit(answer: str, colour: _Colour, contrary: _Colour, rng: np.random.Generator) -> tuple[str, str]:
    """A softer or surer verb, frame or sentence against none, a plain one, or one of the contrary."""
    base = _firm(answer, rng)
    way = rng.random()
    if way < 0.25:
        return contrast(base, pick(colour[2], rng), rng)
    more = _coloured(base, *colour, rng)
    if way < 0.5:
        return more, base
    if way < 0.75:
        return more, _framed(base, pick(_PLAIN_FRAMES, rng), rng)
    return more, _coloured(base, *contrary, rng)
