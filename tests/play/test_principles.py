"""What principles in free words ask for, which words are known for their contrary, and which program checks them."""

import pytest

from salmon.play.principles import AGAINST, AskedPrinciple, Written, asked, examples
from salmon.play.wordings import Wordings
from salmon.principles.bank import load_bank
from salmon.principles.parametric import frames
from salmon.principles.parametric.universe import all_families

SHORT, LONG = "Carp.", "Carp live in ponds and lakes, and they eat plants and worms from the ground all day long."
BULLETS = "- Carp\n- Pike\n- Salmon"


def verdicts(one: AskedPrinciple, *responses: str) -> list[float | None]:
    assert one.verdict is not None
    return [one.verdict("Name a fish.", response) for response in responses]


def test_a_banks_principle_has_its_check_and_its_own_contrary() -> None:
    concise = next(p for p in load_bank("verifiable_11").principles if p.check == "concise")
    plain = asked(Written(f"  {concise.definition.upper()} "))
    assert (plain.text, plain.checked_by) == (concise.definition, "concise")
    short, long = verdicts(plain, SHORT, LONG)
    assert short is not None and long is not None and short > long
    turned = asked(Written(concise.definition, against=True))
    assert turned.text == concise.negative_definition and turned.contrary_known
    assert verdicts(turned, SHORT, LONG) == [1 - short, 1 - long]
    assert concise.negative_definition is not None
    back = asked(Written(concise.negative_definition, against=True))
    assert back.text == concise.definition and verdicts(back, SHORT, LONG) == [short, long]


@pytest.mark.parametrize("family", all_families(), ids=lambda family: family.name)
def test_every_text_of_a_family_is_read_as_what_it_asks_for(family) -> None:
    """With its gap filled, in both directions; the wrong direction would turn the ranking."""
    word = next((p for p in family.parameters if p), "zebra")
    texts = {family.name: {name: getattr(family, name) for name in ("topics", "absence", "wanted", "unwanted")}}
    texts[family.name]["parameters"] = family.parameters
    quotes = (frames.QUOTES_FOR, frames.QUOTES_AGAINST)
    wordings = Wordings(texts, frames.FOR, frames.AGAINST, *quotes, frozenset({word}))
    sentences = [(text, True) for text in family.wanted] + [(text, False) for text in family.unwanted]
    framed = [
        (frame.format(topic), is_for == is_topic)
        for is_topic, topics in ((True, family.topics), (False, family.absence))
        for topic in topics[:2]
        for is_for, frame in ((True, frames.FOR[0]), (True, frames.FOR[-1]), (False, frames.AGAINST[0]))
    ]
    quoted = [
        (quote.format(text), wanted == agrees)
        for text, wanted in sentences[:1] + framed[-1:]
        for side, agrees in zip(quotes, (True, False), strict=True)
        for quote in side
    ]
    for text, wanted in [*sentences, *framed, *quoted]:
        reading = wordings.read(text.replace("{p}", word))
        assert reading is not None, text
        assert reading.wanted == wanted, text
        if reading.contrary is not None:
            contrary = wordings.read(reading.contrary)
            assert contrary is not None and contrary.wanted != wanted, (text, reading.contrary)


def test_a_frame_with_a_topic_has_a_check_and_a_contrary() -> None:
    wanted, unwanted = asked(Written("Use a list.")), asked(Written("Use a list.", against=True))
    assert (wanted.checked_by, unwanted.text) == (unwanted.checked_by, "Avoid a list.")
    one, two = verdicts(wanted, BULLETS, LONG)
    assert one is not None and two is not None and one > two
    assert verdicts(unwanted, BULLETS, LONG) == [-one, -two]
    assert verdicts(asked(Written("avoid a list!")), BULLETS, LONG) == [-one, -two]


def test_free_words_are_read_as_they_stand() -> None:
    assert AGAINST in frames.QUOTES_AGAINST  # so lessons with quotes teach it
    one = asked(Written(" Sound like a\n pirate. "))
    assert one == AskedPrinciple("Sound like a pirate.", None)
    against = asked(Written("Sound like a pirate.", against=True))
    assert against.text == AGAINST.format("Sound like a pirate.") and not against.contrary_known


def test_a_plain_noun_is_no_word_to_use_but_a_quoted_one_is() -> None:
    assert asked(Written("Use lists.")).verdict is None
    quoted = asked(Written('Use "zebra".'))
    assert quoted.checked_by == "word: zebra" and verdicts(quoted, "A zebra.", "A horse.")[0] == 1
    assert asked(Written('Use "zebra".', against=True)).text == 'Avoid "zebra".'


def test_examples_have_checks() -> None:
    assert len(examples()) == 11
    assert all(asked(Written(text)).verdict for text in examples())
