"""A principle as somebody writes it: what the reward model reads of it, and how a program checks it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from salmon.play.wordings import Reading, Wordings, normal
from salmon.principles.bank import BANKS, Bank, Principle, load_bank
from salmon.principles.parametric import frames
from salmon.principles.parametric.family import TEXTS
from salmon.principles.parametric.universe import all_families
from salmon.principles.verifiers import verify

# Whose contrary nobody has put in words is turned around by this; the model reads it as it stands.
AGAINST = "It is wrong to follow this: {}"

Verdict = Callable[[str, str], float | None]  # (prompt, response) -> how well it follows; None: nothing to say


@dataclass(frozen=True)
class Written:
    """One line of the page's box."""

    text: str
    against: bool = False  # the contrary is asked for


@dataclass(frozen=True)
class AskedPrinciple:
    """A principle as the reward model is asked."""

    text: str  # what it reads
    verdict: Verdict | None  # by a program; None: no check knows this principle
    checked_by: str = ""  # the name of that check
    contrary_known: bool = True  # False: the contrary is only framed as one


def asked(written: Written) -> AskedPrinciple:
    """What a line asks for: a principle in its own words, or its contrary in the words that are known for it."""
    for principle, text, negated in _bank_texts().get(normal(written.text), ()):
        return _of_bank(principle, text, negated, written.against)
    reading = _all_wordings().read(written.text)
    if reading is not None:
        return _of_family(reading, written)
    text = " ".join(written.text.split())
    return AskedPrinciple(AGAINST.format(text) if written.against else text, None, contrary_known=not written.against)


def examples() -> list[str]:
    """Principles to begin with: those of the bundled bank of principles with checks."""
    return [principle.definition for principle in load_bank("verifiable_11").principles]


def _of_bank(principle: Principle, text: str, negated: bool, against: bool) -> AskedPrinciple:
    contrary = principle.definition if negated else principle.negative_definition
    shown = text if not against else contrary or AGAINST.format(text)
    verdict = None
    if principle.check is not None:
        verdict = _checked(principle.check, less=negated != against)
    return AskedPrinciple(shown, verdict, principle.check or "", contrary_known=not against or contrary is not None)


def _checked(check: str, less: bool) -> Verdict:
    def verdict(prompt: str, response: str) -> float:
        found = verify(check, prompt, response)
        return 1 - found if less else found

    return verdict


def _of_family(reading: Reading, written: Written) -> AskedPrinciple:
    text = " ".join(written.text.split())
    shown = text if not written.against else reading.contrary or AGAINST.format(text)
    measure = next(family.measure for family in all_families() if family.name == reading.family)
    sign = 1 if reading.wanted != written.against else -1

    def verdict(prompt: str, response: str) -> float | None:
        found = measure(prompt, response, reading.parameter)
        return None if found is None else sign * found

    name = reading.family + (f": {reading.parameter}" if reading.parameter else "")
    return AskedPrinciple(shown, verdict, name, contrary_known=not written.against or reading.contrary is not None)


@cache
def _bank_texts() -> Mapping[str, list[tuple[Principle, str, bool]]]:
    """The texts of the bundled banks' principles, those with a check first: (principle, text, whether negated)."""
    found: dict[str, list[tuple[Principle, str, bool]]] = {}
    for principle in sorted(_bundled(), key=lambda principle: principle.check is None):
        texts = [(text, False) for text in (principle.definition, *principle.paraphrases)]
        negative = (principle.negative_definition, *principle.negative_paraphrases)
        texts += [(text, True) for text in negative if text]
        for text, negated in texts:
            found.setdefault(normal(text), []).append((principle, text, negated))
    return found


def _bundled() -> Iterator[Principle]:
    for file in sorted(BANKS.glob("*.yaml")):
        bank: Bank = load_bank(file.stem)
        yield from bank.principles


@cache
def _all_wordings() -> Wordings:
    families = {
        family.name: {name: getattr(family, name) for name in (*TEXTS, "parameters")} for family in all_families()
    }
    return Wordings(families, frames.FOR, frames.AGAINST, frames.QUOTES_FOR, frames.QUOTES_AGAINST)
