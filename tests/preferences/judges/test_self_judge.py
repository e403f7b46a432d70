"""The self-judge: both presentation orders, exact symmetry, and the adapter that judges."""

import pytest
import torch

from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.preferences.judges.prompts import fit_pair
from salmon.preferences.judges.self_judge import judge_pair
from salmon.principles.templates import judge_request
from tests.preferences.judges.prompt_lengths import PAIR, PRINCIPLES, frame, swapped


@pytest.mark.parametrize("room", [1000, 60], ids=["whole", "cut"])
def test_swapping_the_responses_turns_every_judgement_exactly(tiny: SharedModel, room: int) -> None:
    max_tokens = frame(tiny, *PRINCIPLES) + room
    usual = judge_pair(tiny, PAIR, PRINCIPLES, max_tokens)
    turned = judge_pair(tiny, swapped(PAIR), PRINCIPLES, max_tokens)
    assert (usual.cut_tokens > 0) == (room == 60)
    for one, two in zip(usual.judgements, turned.judgements, strict=True):
        assert two.original_order == -one.swapped_order and two.swapped_order == -one.original_order  # to the last bit
    assert all(
        j.original_order != j.swapped_order for j in usual.judgements
    )  # a random model has an opinion about places


def test_judgements_are_log_odds_of_a_against_b(tiny: SharedModel) -> None:
    """Recomputed without shared prefixes: one original_order pass for each request."""
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
        assert judgement.original_order == pytest.approx(odds[0], abs=1e-3)
        assert judgement.swapped_order == pytest.approx(-odds[1], abs=1e-3)
        assert judgement.swapped_order != pytest.approx(odds[1], abs=1e-2)  # mutant: the sign not turned


def test_other_principles_do_not_matter(tiny: SharedModel) -> None:
    together = judge_pair(tiny, PAIR, PRINCIPLES, 4000).judgements
    for n, principle in enumerate(PRINCIPLES):
        alone = judge_pair(tiny, PAIR, [principle], 4000).judgements[0]
        assert alone.original_order == pytest.approx(together[n].original_order, abs=1e-3)
        assert alone.swapped_order == pytest.approx(together[n].swapped_order, abs=1e-3)


def test_the_active_adapter_judges(tiny: SharedModel, randomise) -> None:
    tiny.add_adapter("policy", seed=0)
    randomise(tiny, "policy", seed=1)
    with tiny.using("policy"):
        adapted = judge_pair(tiny, PAIR, PRINCIPLES, 4000)
    with tiny.using(None):
        plain = judge_pair(tiny, PAIR, PRINCIPLES, 4000)
    assert abs(adapted.judgements[0].original_order - plain.judgements[0].original_order) > 1e-3


def test_a_limit_below_the_question_names_the_setting(tiny: SharedModel) -> None:
    smallest = frame(tiny, *PRINCIPLES)
    fit_pair(tiny.chat, PAIR, PRINCIPLES, smallest + 16)
    with pytest.raises(SalmonError, match=f"preferences.judge.max_tokens={smallest + 15}.* takes {smallest} tokens"):
        judge_pair(tiny, PAIR, PRINCIPLES, smallest + 15)
