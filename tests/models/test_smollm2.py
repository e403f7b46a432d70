"""The real 135M model, fetched from the package index like a user's first run does."""

from pathlib import Path

import pytest
import torch

from salmon.config.model import Dtype, LoraSettings, ModelConfig, Quantization
from salmon.models.base import SharedModel
from salmon.models.forward import response_logprobs, token_batch
from salmon.models.loading import load_base
from salmon.models.weights import WHEEL
from salmon.sampling.token_loop import generate

pytestmark = pytest.mark.slow

CACHE = Path("~/.cache/salmon").expanduser()


@pytest.fixture(scope="module")
def smollm2() -> SharedModel:
    system = "You are a helpful assistant."
    model = ModelConfig(
        "smollm2_135m", WHEEL, None, Quantization.none, Dtype.auto, 4096, system, LoraSettings(8, 16, 0.0), "cpu", False
    )
    return load_base(model, CACHE)


def test_it_answers_a_question_and_ends_its_turn(smollm2):
    prompt = smollm2.chat.user_ids("What is the capital of France? Answer in one word.")
    (answer,) = generate(smollm2, [prompt], [(0,)], temperature=0, top_p=1, max_new_tokens=24, batch_size=1)
    assert "Paris" in smollm2.chat.decode(answer.ids)
    assert answer.finished and answer.ids[-1] == smollm2.chat.end_id


def test_it_prefers_the_right_answer_and_sampler_and_trainer_agree(smollm2):
    prompt = smollm2.chat.user_ids("What is the capital of France?")
    answers = [smollm2.chat.answer_ids(f"The capital of France is {city}.") for city in ("Paris", "Berlin")]
    batch = token_batch([prompt, prompt], answers, smollm2.pad_id, smollm2.device)
    with torch.no_grad():
        right, wrong = response_logprobs(smollm2, batch, 1.0).sum(-1)
    assert right > wrong + 1
    (sampled,) = generate(smollm2, [prompt], [(1,)], temperature=0.7, top_p=1, max_new_tokens=16, batch_size=1)
    batch = token_batch([prompt], [sampled.ids], smollm2.pad_id, smollm2.device)
    with torch.no_grad():
        again = response_logprobs(smollm2, batch, 0.7)[0]
    assert (again - torch.tensor(sampled.logprobs)).abs().max() < 1e-3
