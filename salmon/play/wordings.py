"""What a principle in free words asks for, where its words are those of a parametric family; and its contrary."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from salmon.principles.parametric.family import PARAMETER, SENTENCES, TOPICS
from salmon.principles.parametric.frames import GAP

Texts = Mapping[str, Sequence[str]]  # of one family: by the names of its fields, parameters included

_CONTRARY = {"wanted": "unwanted", "unwanted": "wanted"}


@dataclass(frozen=True)
class Reading:
    """What a text asks for."""

    family: str
    parameter: str  # of the family, such as a word; "" for a family without one
    wanted: bool  # more of the feature; False: less
    contrary: str | None  # words that ask for the contrary


@dataclass(frozen=True)
class Wordings:
    """All texts that some families and sentence frames make."""

    families: Mapping[str, Texts]
    frames_for: tuple[str, ...]
    frames_against: tuple[str, ...]
    quotes_for: tuple[str, ...] = ()
    quotes_against: tuple[str, ...] = ()
    words: frozenset[str] | None = None  # what the gap of a family about words may stand for; None: any word

    def read(self, text: str) -> Reading | None:
        """What a text asks for; None where it is none of these texts. Case, spaces and a final stop do not count."""
        plain = normal(text)
        for template, found in self._sentences.get(plain, ()) or self._gapped(plain, self._open_sentences):
            return self._reading(template, found)
        for frame, is_for in _with_side(self.frames_for, self.frames_against):
            before, _, after = normal(frame).partition(GAP)
            if len(plain) > len(before) + len(after) and plain.startswith(before) and plain.endswith(after):
                topic = plain[len(before) : len(plain) - len(after)]
                for template, parameter in self._topics.get(topic, ()) or self._gapped(topic, self._open_topics):
                    wanted = is_for == (template.field == "topics")
                    contrary = self._opposite_frame(frame, is_for)
                    filled = template.text.replace(PARAMETER, parameter)
                    said = None if contrary is None else contrary.replace(GAP, filled)
                    return Reading(template.family, parameter, wanted, said and said[:1].upper() + said[1:])
        return self._quoted(" ".join(text.split()))

    def _quoted(self, text: str) -> Reading | None:
        """What a quote of one of these texts asks for; its contrary is the quoted text, or what that text's is."""
        for quote, agrees in _with_side(self.quotes_for, self.quotes_against):
            before = quote.removesuffix(GAP)
            inner = self.read(text[len(before) :]) if text.casefold().startswith(before.casefold()) else None
            if inner is not None:
                contrary = inner.contrary if agrees else text[len(before) :]
                return Reading(inner.family, inner.parameter, inner.wanted == agrees, contrary)
        return None

    def _reading(self, template: "_Template", parameter: str) -> Reading:
        other = self.families[template.family].get(_CONTRARY[template.field], ())
        contrary = other[0].replace(PARAMETER, parameter) if other else None
        return Reading(template.family, parameter, template.field == "wanted", contrary)

    def _opposite_frame(self, frame: str, is_for: bool) -> str | None:
        """The frame of the other side in the same place; the lists are written in pairs."""
        own, other = (self.frames_for, self.frames_against) if is_for else (self.frames_against, self.frames_for)
        place = own.index(frame)
        return other[min(place, len(other) - 1)] if other else None

    @cached_property
    def _sentences(self) -> dict[str, list[tuple["_Template", str]]]:
        return self._filled(SENTENCES)

    @cached_property
    def _topics(self) -> dict[str, list[tuple["_Template", str]]]:
        return self._filled(TOPICS)

    @cached_property
    def _open_sentences(self) -> list["_Template"]:
        return list(self._about_words(SENTENCES))

    @cached_property
    def _open_topics(self) -> list["_Template"]:
        return list(self._about_words(TOPICS))

    def _filled(self, fields: Sequence[str]) -> dict[str, list[tuple["_Template", str]]]:
        """Texts with each of their family's own parameters, by their normal form."""
        found: dict[str, list[tuple[_Template, str]]] = {}
        for template in self._templates(fields):
            for parameter in self.families[template.family].get("parameters", ("",)):
                if parameter or PARAMETER not in template.text:
                    text = normal(template.text.replace(PARAMETER, parameter))
                    found.setdefault(text, []).append((template, parameter))
        return found

    def _about_words(self, fields: Sequence[str]) -> Iterator["_Template"]:
        """Texts with a gap for a word: of families that list no parameters of their own.

        Where any word may stand there, a text that is nothing but the gap is left out: "use lists" is not about a word.
        """
        for template in self._templates(fields):
            bare = self.words is None and template.text == PARAMETER
            if (
                PARAMETER in template.text
                and not bare
                and not any(self.families[template.family].get("parameters", ()))
            ):
                yield template

    def _templates(self, fields: Sequence[str]) -> Iterator["_Template"]:
        for family, texts in self.families.items():
            for field in fields:
                yield from (_Template(family, field, text) for text in texts.get(field, ()))

    def _gapped(self, plain: str, templates: Sequence["_Template"]) -> Iterator[tuple["_Template", str]]:
        for template in templates:
            match = template.pattern.fullmatch(plain)
            if match and (self.words is None or match["word"] in self.words):
                yield template, match["word"]


@dataclass(frozen=True)
class _Template:
    """A text of a family, perhaps with a gap for a word."""

    family: str
    field: str  # of the family
    text: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Of the normal form of the text with any word in its gap; a word that comes twice must be the same."""
        before, *others = (re.escape(part) for part in normal(self.text).split(PARAMETER))
        return re.compile(before + r"(?P<word>[^\W_]+)" + "(?P=word)".join(others))


def _with_side(agreeing: Sequence[str], turning: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Texts of two sides, with whether they are of the first."""
    yield from ((text, True) for text in agreeing)
    yield from ((text, False) for text in turning)


def normal(text: str) -> str:
    """A text as texts are compared: lower case, single spaces, no stop at its end."""
    return " ".join(text.casefold().split()).rstrip(" .!")
