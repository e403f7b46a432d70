"""What the judge reads: what is cut where a pair is too long, and the tokens of its answer."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.chat import ChatFormat
from salmon.preferences.judges.prompts import fit_pair, option_token_ids
from salmon.preferences.pairs import Pair
from salmon.principles.templates import judge_request
from tests.preferences.judges.prompt_lengths import PRINCIPLES, frame, length, swapped

ASKED = judge_request("", "", "", "")


def test_a_pair_that_just_fits_is_left_alone(tiny: SharedModel) -> None:
    pair = Pair("p", "q" * 10, "x" * 20, "y" * 30)
    limit = frame(tiny, *PRINCIPLES) + 60
    assert fit_pair(tiny.chat, pair, PRINCIPLES, limit) == (pair, 0)
    assert fit_pair(tiny.chat, pair, PRINCIPLES, limit - 1)[1] == 1


def test_the_prompt_loses_its_start_and_the_responses_their_ends(tiny: SharedModel) -> None:
    # Room 100, of which the prompt may keep a quarter: 25; the responses share the other 75: 37 each.
    pair = Pair("p", "0123456789" * 10, "x" * 50 + "X" * 50, "y" * 50 + "Y" * 50)
    fitted, cut = fit_pair(tiny.chat, pair, PRINCIPLES, frame(tiny, *PRINCIPLES) + 100)
    assert fitted == Pair("p", ("0123456789" * 10)[-25:], "x" * 37, "y" * 37)
    assert cut == 300 - 25 - 37 - 37


def test_a_short_prompt_leaves_its_share_to_the_responses(tiny: SharedModel) -> None:
    # Room 100, prompt 10 (below its quarter): 90 for the responses, 45 each.
    fitted, cut = fit_pair(
        tiny.chat, Pair("p", "q" * 10, "x" * 99, "y" * 99), PRINCIPLES, frame(tiny, *PRINCIPLES) + 100
    )
    assert fitted == Pair("p", "q" * 10, "x" * 45, "y" * 45)
    assert cut == 54 + 54


def test_a_short_response_leaves_its_share_to_the_other(tiny: SharedModel) -> None:
    # Room 100, prompt 10, response 1 takes 20: 70 are left for response 2.
    fitted, cut = fit_pair(
        tiny.chat, Pair("p", "q" * 10, "x" * 20, "y" * 99), PRINCIPLES, frame(tiny, *PRINCIPLES) + 100
    )
    assert fitted == Pair("p", "q" * 10, "x" * 20, "y" * 70)
    assert cut == 29


def test_short_responses_leave_their_share_to_the_prompt(tiny: SharedModel) -> None:
    fitted, cut = fit_pair(
        tiny.chat, Pair("p", "a" * 50 + "b" * 60, "x" * 20, "y" * 20), PRINCIPLES, frame(tiny, *PRINCIPLES) + 100
    )
    assert fitted == Pair("p", "b" * 60, "x" * 20, "y" * 20)
    assert cut == 50


@pytest.mark.parametrize("text", ["plain text ", "Grüße aus 北京 🐟 "], ids=["ascii", "many bytes a character"])
def test_no_request_exceeds_the_limit_and_the_question_stays_whole(tiny: SharedModel, text: str) -> None:
    """Twelve limits in a row, so that cuts also fall inside of characters."""
    pair = Pair("p", text * 20, text * 30, text * 40)
    longest = max(PRINCIPLES, key=lambda p: len(p.definition))
    smallest = frame(tiny, *PRINCIPLES)
    for limit in range(smallest + 100, smallest + 112):
        fitted, cut = fit_pair(tiny.chat, pair, PRINCIPLES, limit)
        assert cut > 0
        assert max(length(tiny, fitted, p) for p in PRINCIPLES) <= limit
        request = judge_request(fitted.prompt, fitted.response_1, fitted.response_2, longest.definition)
        assert request.user.endswith(
            f"Guideline: {longest.definition}\nWhich response follows this guideline better, (a) or (b)?"
        )


def test_cutting_treats_both_responses_alike(tiny: SharedModel) -> None:
    pair = Pair("p", "q" * 80, "x" * 90, "y" * 300)
    limit = frame(tiny, *PRINCIPLES) + 100
    usual, cut = fit_pair(tiny.chat, pair, PRINCIPLES, limit)
    turned, same_cut = fit_pair(tiny.chat, swapped(pair), PRINCIPLES, limit)
    assert (swapped(usual), cut) == (turned, same_cut)


# --- the answer's tokens -----------------------------------------------------------------------


def test_the_options_are_the_letters_after_the_bracket(tiny: SharedModel) -> None:
    assert option_token_ids(tiny.chat, ASKED) == (tiny.chat.encode("a")[0], tiny.chat.encode("b")[0])


def test_a_tokenizer_that_joins_letter_and_bracket_is_refused(tiny: SharedModel) -> None:
    vocab = tiny.tokenizer.get_vocab()
    joined = Tokenizer(models.BPE(vocab=vocab | {"(a": len(vocab)}, merges=[("(", "a")]))
    joined.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=joined, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    with pytest.raises(SalmonError, match="no token of its own for 'a'"):
        option_token_ids(ChatFormat(tokenizer, ""), ASKED)
