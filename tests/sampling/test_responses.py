"""Responses as the later steps need them: exact tokens, clean text."""

import pytest

from salmon.config.sampling import SamplingSettings
from salmon.data.rows import Prompt
from salmon.models.base import SharedModel
from salmon.sampling.responses import sample_responses
from salmon.sampling.sampler import transformers_sampler
from salmon.sampling.token_loop import Generation, generate
from tests.ends import end_with

PROMPTS = [Prompt("a", "Name a fish."), Prompt("b", "Why do salmon leap up waterfalls?"), Prompt("c", "Hi")]
KEYS = [(0, prompt.id) for prompt in PROMPTS]
SAMPLING = SamplingSettings(temperature=0.7, top_p=1.0, max_new_tokens=12, batch_size=2)


@pytest.fixture
def policy(tiny: SharedModel, randomise) -> SharedModel:
    tiny.add_adapter("policy", seed=0)
    randomise(tiny, "policy", seed=1)
    return tiny


def test_responses_are_sampled_from_the_named_adapter_in_order(policy: SharedModel) -> None:
    responses = sample_responses(transformers_sampler, policy, "policy", PROMPTS, SAMPLING, KEYS)
    with policy.using("policy"):
        expected = generate(
            policy,
            [policy.chat.user_ids(p.prompt) for p in PROMPTS],
            KEYS,
            temperature=0.7,
            top_p=1.0,
            max_new_tokens=12,
            batch_size=2,
        )
    with policy.using(None):
        plain = generate(
            policy,
            [policy.chat.user_ids(p.prompt) for p in PROMPTS],
            KEYS,
            temperature=0.7,
            top_p=1.0,
            max_new_tokens=12,
            batch_size=2,
        )
    assert [r.ids for r in responses] == [g.ids for g in expected] != [g.ids for g in plain]
    for response, generation, prompt in zip(responses, expected, PROMPTS, strict=True):
        assert response.prompt_ids == policy.chat.user_ids(prompt.prompt)
        assert (response.logprobs, response.finished) == (generation.logprobs, generation.finished)
        assert len(response.ids) == len(response.logprobs)


def test_the_text_has_no_end_token_and_no_outer_blanks(policy: SharedModel) -> None:
    ids = policy.chat.answer_ids("\n A salmon.  ")

    def fixed_sampler(*_: object) -> list[Generation]:
        return [Generation(ids, [0.0] * len(ids), True)]

    (response,) = sample_responses(fixed_sampler, policy, "policy", PROMPTS[:1], SAMPLING, KEYS[:1])
    assert response.text == "A salmon."
    assert response.ids == ids and response.ids[-1] == policy.chat.end_id  # tokens stay exactly as sampled


def test_an_answer_that_ends_at_once_is_one_token(policy: SharedModel) -> None:
    first = sample_responses(transformers_sampler, policy, "policy", PROMPTS, SAMPLING, KEYS)[1].ids[0]
    end_with(policy, first)
    response = sample_responses(transformers_sampler, policy, "policy", PROMPTS, SAMPLING, KEYS)[1]
    assert (response.ids, response.finished) == ([first], True)
    assert len(response.logprobs) == 1
