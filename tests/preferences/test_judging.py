"""The judge: both orders, exact symmetry, and what is cut where a pair is too long."""

from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.chat import ChatFormat
from salmon.preferences.judging import Pair, candidate_ids, fit_pair, judge_pair
from salmon.principles.bank import Principle
from salmon.principles.templates import judge_request

PRINCIPLES = (
    Principle("Concise", "It says what is needed and no more."),
    Principle("Honest", "It does not claim to know what it does not know, and says how sure it is."),
    Principle("Kind", "It is friendly."),
)
ASKED = judge_request("", "", "", "")
PAIR = Pair("p1", "Why is the sky blue?", "Because of Rayleigh scattering.", "I am not sure, but it may be the sea.")


def swapped(pair: Pair) -> Pair:
    return replace(pair, response_1=pair.response_2, response_2=pair.response_1)


def length(shared: SharedModel, pair: Pair, principle: Principle) -> int:
    request = judge_request(pair.prompt, pair.response_1, pair.response_2, principle.definition)
    return len(shared.chat.prompt_ids([{"role": "user", "content": request.user}], request.reply_prefix))


@pytest.mark.parametrize("room", [1000, 60], ids=["whole", "cut"])
def test_swapping_the_responses_turns_every_judgement_exactly(tiny: SharedModel, room: int) -> None:
    max_tokens = frame(tiny, *PRINCIPLES) + room
    usual = judge_pair(tiny, PAIR, PRINCIPLES, max_tokens)
    turned = judge_pair(tiny, swapped(PAIR), PRINCIPLES, max_tokens)
    assert (usual.cut_tokens > 0) == (room == 60)
    for one, two in zip(usual.judgements, turned.judgements, strict=True):
        assert two.forward == -one.backward and two.backward == -one.forward  # to the last bit
    assert all(j.forward != j.backward for j in usual.judgements)  # a random model has an opinion about places


def test_judgements_are_log_odds_of_a_against_b(tiny: SharedModel) -> None:
    """Recomputed without shared prefixes: one forward pass for each request."""
    judged = judge_pair(tiny, PAIR, PRINCIPLES, max_tokens=4000)
    assert [(j.prompt_id, j.principle) for j in judged.judgements] == [("p1", p.name) for p in PRINCIPLES]
    a, b = tiny.chat.encode("a")[0], tiny.chat.encode("b")[0]
    for judgement, principle in zip(judged.judgements, PRINCIPLES, strict=True):
        odds = []
        for first, second in ((PAIR.response_1, PAIR.response_2), (PAIR.response_2, PAIR.response_1)):
            request = judge_request(PAIR.prompt, first, second, principle.definition)
            ids = tiny.chat.prompt_ids([{"role": "user", "content": request.user}], request.reply_prefix)
            with torch.no_grad():
                logprobs = torch.log_softmax(tiny.model(torch.tensor([ids])).logits[0, -1], -1)
            odds.append((logprobs[a] - logprobs[b]).item())
        assert judgement.forward == pytest.approx(odds[0], abs=1e-3)
        assert judgement.backward == pytest.approx(-odds[1], abs=1e-3)
        assert judgement.backward != pytest.approx(odds[1], abs=1e-2)  # mutant: the sign not turned


def test_other_principles_do_not_matter(tiny: SharedModel) -> None:
    together = judge_pair(tiny, PAIR, PRINCIPLES, 4000).judgements
    for n, principle in enumerate(PRINCIPLES):
        alone = judge_pair(tiny, PAIR, [principle], 4000).judgements[0]
        assert alone.forward == pytest.approx(together[n].forward, abs=1e-3)
        assert alone.backward == pytest.approx(together[n].backward, abs=1e-3)


def test_the_active_adapter_judges(tiny: SharedModel, randomise) -> None:
    tiny.add_adapter("policy", seed=0)
    randomise(tiny, "policy", seed=1)
    with tiny.using("policy"):
        adapted = judge_pair(tiny, PAIR, PRINCIPLES, 4000)
    with tiny.using(None):
        plain = judge_pair(tiny, PAIR, PRINCIPLES, 4000)
    assert abs(adapted.judgements[0].forward - plain.judgements[0].forward) > 1e-3


# --- cutting -----------------------------------------------------------------------------------


def frame(shared: SharedModel, *principles: Principle) -> int:
    """Tokens of the longest request without a pair."""
    return max(length(shared, Pair("", "", "", ""), p) for p in principles)


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


def test_a_limit_below_the_question_names_the_setting(tiny: SharedModel) -> None:
    smallest = frame(tiny, *PRINCIPLES)
    fit_pair(tiny.chat, PAIR, PRINCIPLES, smallest + 16)
    with pytest.raises(SalmonError, match=f"preferences.judge.max_tokens={smallest + 15}.* takes {smallest} tokens"):
        judge_pair(tiny, PAIR, PRINCIPLES, smallest + 15)


# --- the answer's tokens -----------------------------------------------------------------------


def test_the_candidates_are_the_letters_after_the_bracket(tiny: SharedModel) -> None:
    assert candidate_ids(tiny.chat, ASKED) == (tiny.chat.encode("a")[0], tiny.chat.encode("b")[0])


def test_a_tokenizer_that_joins_letter_and_bracket_is_refused(tiny: SharedModel) -> None:
    vocab = tiny.tokenizer.get_vocab()
    joined = Tokenizer(models.BPE(vocab=vocab | {"(a": len(vocab)}, merges=[("(", "a")]))
    joined.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=joined, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    with pytest.raises(SalmonError, match="no token of its own for 'a'"):
        candidate_ids(ChatFormat(tokenizer, ""), ASKED)
