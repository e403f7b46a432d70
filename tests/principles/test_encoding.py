"""Where the reward model's input is cut. A token is a character here, so everything can be counted."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salmon.config.reward import RewardHead
from salmon.errors import SalmonError
from salmon.principles.encoding import EncodedRewardInput, YesNoTokens, encode_reward_input, yes_no_tokens
from salmon.principles.templates import reward_parts

GUIDELINES = ["Be kind."]
SCALAR = RewardHead.scalar
PARTS = reward_parts(GUIDELINES, SCALAR)
FIXED = len(PARTS.before_response) + len(PARTS.between) + len(PARTS.after_instruction)


def characters(text: str) -> list[int]:
    return [ord(character) for character in text]


def encode(response, instruction, room=1000, max_instruction=1000, max_response=1000) -> EncodedRewardInput:
    return encode_reward_input(
        response, instruction, GUIDELINES, characters, FIXED + room, max_instruction, max_response, SCALAR
    )


def text(encoded: EncodedRewardInput) -> str:
    return "".join(map(chr, encoded.ids))


def whole(response: str, instruction: str) -> str:
    return f"{PARTS.before_response}{response}{PARTS.between}{instruction}{PARTS.after_instruction}"


def test_nothing_is_cut_when_it_fits_exactly():
    encoded = encode("response", "ask", room=11)
    assert (text(encoded), encoded.cut_instruction, encoded.cut_response) == (whole("response", "ask"), 0, 0)


def test_own_limits_cut_the_instructions_start_and_the_responses_end():
    encoded = encode("0123456789", "abcdefghij", max_instruction=3, max_response=4)
    assert (text(encoded), encoded.cut_instruction, encoded.cut_response) == (whole("0123", "hij"), 7, 6)
    assert text(encoded) != whole("6789", "abc")


def test_the_response_gives_way_first():
    # room 9: the instruction keeps its 4, the response gets 5 (half of the room, rounded up)
    encoded = encode("0123456789", "abcd", room=9)
    assert (text(encoded), encoded.cut_instruction, encoded.cut_response) == (whole("01234", "abcd"), 0, 5)


def test_then_the_instruction():
    # room 7: the response keeps 4 of it, the instruction its last 3
    encoded = encode("0123456789", "abcdefgh", room=7)
    assert (text(encoded), encoded.cut_instruction, encoded.cut_response) == (whole("0123", "fgh"), 5, 6)


def test_a_short_response_leaves_its_room_to_the_instruction():
    encoded = encode("01", "abcdefgh", room=7)
    assert (text(encoded), encoded.cut_instruction, encoded.cut_response) == (whole("01", "defgh"), 3, 0)


def test_the_smallest_room():
    assert text(encode("0123", "abcd", room=1)) == whole("0", "")


def test_no_instruction_tokens_allowed():
    assert text(encode("0123", "abcd", max_instruction=0)) == whole("0123", "")


def test_no_room_names_the_setting():
    with pytest.raises(SalmonError, match=rf"reward\.max_length={FIXED} .* take {FIXED} tokens"):
        encode("0123", "abcd", room=0)
    with pytest.raises(SalmonError, match=r"reward\.pretrain\.max_length=5 "):
        encode_reward_input("r", "i", None, characters, 5, 9, 9, SCALAR, setting="reward.pretrain.max_length")


def test_the_pretraining_template():
    parts = reward_parts(None, SCALAR)
    encoded = encode_reward_input("r", "i", None, characters, 1000, 9, 9, SCALAR)
    assert text(encoded) == f"{parts.before_response}r{parts.between}i{parts.after_instruction}"


@given(st.text(max_size=30), st.text(max_size=30), st.integers(1, 50), st.integers(0, 40), st.integers(1, 40))
def test_invariants(response, instruction, room, max_instruction, max_response):
    encoded = encode(response, instruction, room, max_instruction, max_response)
    result = text(encoded)
    kept_response = len(response) - encoded.cut_response
    kept_instruction = len(instruction) - encoded.cut_instruction
    # the ends that matter stay, guidelines and closing line stay, the limits hold
    assert result == whole(response[:kept_response], instruction[len(instruction) - kept_instruction :])
    assert len(encoded.ids) <= FIXED + room
    assert kept_response <= max_response and kept_instruction <= max_instruction
    # nothing is cut without need
    if encoded.cut_response or encoded.cut_instruction:
        own = min(len(response), max_response) + min(len(instruction), max_instruction)
        assert len(encoded.ids) == FIXED + min(room, own)
    assert kept_response >= 1 or not response


# --- the answers to the closing question ---------------------------------------------------------


def words(text: str) -> list[int]:
    """A space belongs to the word behind it, as in most vocabularies."""
    return [sum(map(ord, word)) for word in re.findall(r" ?\w+|\S", text)]


def test_the_answers_of_a_vocabulary_of_words_differ_at_once():
    assert yes_no_tokens(words) == YesNoTokens([], words(" Yes")[0], words(" No")[0])


def test_what_both_answers_begin_with_ends_the_input():
    assert yes_no_tokens(characters) == YesNoTokens([ord(" ")], ord("Y"), ord("N"))
    encoded = encode_reward_input("r", "i", GUIDELINES, characters, 1000, 9, 9, RewardHead.yes_no)
    assert text(encoded).endswith("- Be kind.\n\nDoes the response follow every guideline?\nAnswer: ")


def joined(text: str) -> list[int]:
    """One token for all."""
    return [hash(text)]


def unknown(text: str) -> list[int]:
    """A vocabulary without these words."""
    return [word if word not in words(" Yes No") else 0 for word in words(text)]


@pytest.mark.parametrize("encode", [joined, unknown])
def test_a_tokenizer_that_cannot_tell_them_apart_is_refused(encode):
    with pytest.raises(SalmonError, match=r"^reward.head=yes_no: the tokenizer has no tokens of their own"):
        yes_no_tokens(encode)
