"""Frames and topics: many wordings of a principle and of its negation."""

import pytest

from salmon.errors import SalmonError
from salmon.principles.bank import load_bank

BANK = """
frames:
  for: ["Aim for {}.", "{} is wanted."]
  against: ["Avoid {}."]
principles:
  - name: Brief
    definition: Be short.
    paraphrases: [Keep it short., Avoid padding.]
    negative_definition: Be long.
    topics: {for: [short answers], against: [padding, long answers]}
  - name: Kind
    definition: Be kind.
"""


def load(folder, text: str):
    (folder / "mine.yaml").write_text(text, encoding="utf-8")
    return load_bank(str(folder / "mine.yaml"))


def refused(folder, old: str, new: str) -> str:
    assert old in BANK
    with pytest.raises(SalmonError) as caught:
        load(folder, BANK.replace(old, new))
    return str(caught.value)


def test_each_frame_takes_each_topic_of_its_side_and_of_the_other_when_negated(tmp_path):
    brief, kind = load(tmp_path, BANK).principles
    assert brief.paraphrases == ("Keep it short.", "Avoid padding.") and not brief.negative_paraphrases
    assert brief.framed == (
        "Aim for short answers.",
        "Short answers is wanted.",
        "Avoid long answers.",
    )  # not what is written already
    assert set(brief.negative_framed) == {
        "Avoid short answers.",
        "Aim for padding.",
        "Aim for long answers.",
        "Padding is wanted.",
        "Long answers is wanted.",
    }
    assert kind.framed == () == kind.negative_framed


def test_no_wording_stands_for_a_principle_and_for_its_negation():
    for principle in load_bank("verifiable_11").principles:
        asserted = {principle.definition, *principle.paraphrases, *principle.framed}
        negated = {principle.negative_definition, *principle.negative_paraphrases, *principle.negative_framed}
        assert not asserted & negated and min(len(asserted), len(negated)) > 200


def test_mistakes_are_named(tmp_path):
    assert 'frames: "Avoid it." must have one gap {}' in refused(tmp_path, "Avoid {}.", "Avoid it.")
    assert 'frames: "Avoid {} and {}." must have one gap' in refused(tmp_path, "Avoid {}.", "Avoid {} and {}.")
    assert 'principle 1 (Brief): topics: unknown key "againts" (did you mean "against"?)' in refused(
        tmp_path, "answers], against:", "answers], againts:"
    )
    assert 'principle 1 (Brief): topics: "for" must be a list of texts' in refused(tmp_path, "[short answers]", "short")
    assert 'frames: must have lists "for" and "against"' in refused(
        tmp_path, BANK[BANK.index("frames:") : BANK.index("principles:")], "frames: [a]\n"
    )
    assert '"topics" need "frames" at the top level' in refused(
        tmp_path, BANK[BANK.index("frames:") : BANK.index("principles:")], ""
    )
    assert '"topics" need a "negative_definition"' in refused(tmp_path, "    negative_definition: Be long.\n", "")
