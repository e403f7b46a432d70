"""Scores under many sets of guidelines are those of separate inputs, and each response is read once."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from tokenizers.processors import TemplateProcessing
from torch import Tensor

from salmon.config.reward import RewardConfig, RewardHead
from salmon.models.base import SharedModel
from salmon.models.forward import score_forward
from salmon.models.heads import new_head
from salmon.reward.scorer import GuidelineScorer
from salmon.reward.trained_model import Guidelines, PromptAndResponse, RewardModel

RESPONSES = [
    ("Name a fish.", "A salmon."),
    ("Why is the sky blue?", "Because short waves scatter more. " * 3),
    ("Hi.", ""),
    ("Name a fish. " * 9, "Carp, pike, " * 12),
]
SETS: list[Guidelines] = [
    ("Be brief.",),
    ("Be brief.", "Avoid lists."),
    ("Use many lists and headings, so that every step is seen.",),
    ("Be brief!",),
    (),
]

Models = Callable[..., RewardModel]


@pytest.fixture
def model_of(tiny: SharedModel, randomise, reward_config: RewardConfig) -> Models:
    """Makes a reward model of random weights."""
    tiny.add_adapter("reward", seed=0)
    randomise(tiny, "reward", seed=1)

    def make(kind: RewardHead = RewardHead.scalar, layers: int | None = None, **limits: int) -> RewardModel:
        return RewardModel(tiny, new_head(tiny, kind, 2, layers), replace(reward_config, **limits), True, {})

    return make


def separate(model: RewardModel, responses: list[PromptAndResponse], sets: list[Guidelines]) -> Tensor:
    """Scores [R, S], each of a pass of its own."""
    with torch.no_grad():
        scores = [score_forward(model.shared, model.head, [model.ids(r, g)]) for r in responses for g in sets]
    return torch.cat(scores).reshape(len(responses), len(sets))


@pytest.mark.parametrize("kind", list(RewardHead))
@pytest.mark.parametrize("batch_size", [1, 3, 100])
@pytest.mark.parametrize("keep", [0, 2, 8])
def test_all_sets_give_what_each_gives_alone(model_of: Models, kind: RewardHead, batch_size: int, keep: int) -> None:
    model = model_of(kind)
    with model.shared.using("reward"):
        scorer, expected = GuidelineScorer(model, batch_size, keep), separate(model, RESPONSES, SETS)
        for _ in ("first", "again"):
            torch.testing.assert_close(scorer.score(RESPONSES, SETS), expected, atol=1e-5, rtol=0)
    assert expected.std(dim=1).min() > 1e-4, "the sets matter"


@pytest.mark.parametrize("layers", [None, 1])
def test_a_start_token_and_fewer_layers_change_nothing_of_it(model_of: Models, layers: int | None) -> None:
    model = model_of(layers=layers)
    start = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    model.shared.tokenizer.backend_tokenizer.post_processor = start
    assert model.ids(RESPONSES[0], SETS[0])[0] == 1
    with model.shared.using("reward"):
        found = GuidelineScorer(model, 4, 8).score(RESPONSES, SETS)
        torch.testing.assert_close(found, separate(model, RESPONSES, SETS), atol=1e-5, rtol=0)


def test_texts_that_the_guidelines_cut_are_read_as_they_are_cut(model_of: Models) -> None:
    """Longer guidelines leave less room, so the response's part differs from set to set."""
    model = model_of(max_length=230, max_response_tokens=60)
    read = {len(model.read(RESPONSES[3], guidelines).ids) for guidelines in SETS}
    cut = {model.read(RESPONSES[3], guidelines).cut_instruction for guidelines in SETS}
    assert read == {230} and len(cut) > 2
    with model.shared.using("reward"):
        found = GuidelineScorer(model, 4, 8).score(RESPONSES, SETS)
        torch.testing.assert_close(found, separate(model, RESPONSES, SETS), atol=1e-5, rtol=0)


def test_a_model_without_principles_reads_none(model_of: Models) -> None:
    model = replace(model_of(), reads_principles=False)
    with model.shared.using("reward"):
        scores = GuidelineScorer(model, 4).score(RESPONSES, SETS)
    torch.testing.assert_close(scores, scores[:, :1].expand_as(scores), atol=1e-5, rtol=0)


@pytest.mark.parametrize("keep", [0, 8])
def test_a_response_is_read_once_for_all_sets(model_of: Models, keep: int) -> None:
    """By the tokens that went through the model, across the borders of its batches."""
    model = model_of()
    asked = [guidelines for guidelines in SETS if guidelines]
    with model.shared.using("reward"):
        scorer = GuidelineScorer(model, 3, keep)
        scorer.score(RESPONSES, asked)
        read = [[model.read(response, guidelines) for guidelines in asked] for response in RESPONSES]
        parts = sum(of_one[0].before_guidelines for of_one in read)
        guidelines = sum(len(one.ids) - one.before_guidelines for of_one in read for one in of_one)
        assert scorer.num_tokens == parts + guidelines
        if keep:
            scorer.score(RESPONSES, [("Be loud.",)])
            edited = sum(len(m.ids) - m.before_guidelines for m in (model.read(r, ("Be loud.",)) for r in RESPONSES))
            assert scorer.num_tokens == parts + guidelines + edited, "an edited text costs its own tokens"


def test_what_is_scored_once_and_not_kept_needs_no_cache(model_of: Models) -> None:
    model = model_of()
    with model.shared.using("reward"):
        scorer = GuidelineScorer(model, 3)
        found = scorer.score(RESPONSES, SETS[:1])
        assert scorer.num_tokens == 0
        torch.testing.assert_close(found, separate(model, RESPONSES, SETS[:1]), atol=1e-5, rtol=0)
