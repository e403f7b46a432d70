"""Four adapters that take turns on one base answer as four models do that were loaded one by one."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from torch import Tensor
from transformers import LlamaForCausalLM

from salmon.models.base import SharedModel
from salmon.models.forward import TokenBatch, response_logprobs, score_forward, token_batch
from salmon.models.heads import ScalarHead
from salmon.models.weights import resolve
from salmon.ppo.models import POLICY, REFERENCE, REWARD, VALUE, PPOModels
from salmon.sampling.token_loop import generate
from tests.models.passes import value_forward

ROLES = (POLICY, REFERENCE, VALUE, REWARD)
PROMPTS, RESPONSES = [[40, 41, 42], [50, 51]], [[70, 71], [80, 81, 82]]
KEYS = [(0, "one"), (0, "two")]
# Each role comes after each other role once, and the base in between.
TURNS = (
    POLICY,
    REFERENCE,
    POLICY,
    VALUE,
    POLICY,
    REWARD,
    REFERENCE,
    VALUE,
    REFERENCE,
    REWARD,
    VALUE,
    REWARD,
    POLICY,
    None,
    VALUE,
    None,
    REWARD,
    None,
    REFERENCE,
    None,
    POLICY,
)


@pytest.fixture
def trained(ppo_models: PPOModels, randomise) -> PPOModels:
    """As after some updates: no adapter and no head equals another."""
    for seed, role in enumerate(ROLES):
        randomise(ppo_models.shared, role, 10 + seed)
    with torch.no_grad():
        ppo_models.value_head.weight.mul_(-2).add_(0.1)
    return ppo_models


@pytest.fixture
def batch(tiny: SharedModel) -> TokenBatch:
    return token_batch(PROMPTS, RESPONSES, tiny.pad_id, tiny.device)


def head_of(ppo_models: PPOModels, role: str) -> ScalarHead | None:
    return {VALUE: ppo_models.value_head, REWARD: ppo_models.reward_head}.get(role)


@torch.no_grad()
def answer(shared: SharedModel, role: str, head: ScalarHead | None, batch: TokenBatch) -> Tensor:
    """What PPO asks of a role: log-probs [B, R], values [B, R] or scores [B]."""
    with shared.using(role):
        if head is None:
            return response_logprobs(shared, batch, 0.7)
        if role == VALUE:
            return value_forward(shared, head, batch)
        return score_forward(shared, head, [p + r for p, r in zip(PROMPTS, RESPONSES, strict=True)])


def test_taking_turns_is_exact(
    trained: PPOModels, batch: TokenBatch, load_tiny: Callable[..., SharedModel], tmp_path: Path
) -> None:
    """To the bit, whatever was active before, and after sampling and a pass backward too."""
    alone = {}
    for role in ROLES:
        trained.shared.save_adapter(role, tmp_path / role)
        one = load_tiny()
        one.load_adapter(role, tmp_path / role)
        alone[role] = answer(one, role, head_of(trained, role), batch)
    assert not torch.equal(alone[POLICY], alone[REFERENCE])
    assert not torch.equal(alone[VALUE][:, 0], alone[REWARD])
    shared = trained.shared
    before = answer_of_base(shared)
    for role in TURNS:
        if role is None:
            assert torch.equal(answer_of_base(shared), before)
            continue
        assert torch.equal(answer(shared, role, head_of(trained, role), batch), alone[role]), role
        with shared.using(role):
            generate(shared, PROMPTS, KEYS, temperature=1.0, top_p=1.0, max_new_tokens=2, batch_size=2)
            response_logprobs(shared, batch, 0.7).sum().backward()


@torch.no_grad()
def answer_of_base(shared: SharedModel) -> Tensor:
    with shared.using(None):
        return shared.model(torch.tensor(PROMPTS[:1])).logits


def test_four_merged_models_without_adapters_agree(
    trained: PPOModels, batch: TokenBatch, tiny_cache: Path, tmp_path: Path
) -> None:
    """Plain transformers models, LoRA added into their weights; the formulas are written out here."""
    for role in ROLES:
        trained.shared.save_adapter(role, tmp_path / role)
        base = LlamaForCausalLM.from_pretrained(resolve("random:tiny", tiny_cache), dtype=torch.float32)
        merged = PeftModel.from_pretrained(base, tmp_path / role).merge_and_unload().eval()
        assert not any("lora" in name for name, _ in merged.named_parameters())
        ours, head = answer(trained.shared, role, head_of(trained, role), batch), head_of(trained, role)
        for row, (prompt, response) in enumerate(zip(PROMPTS, RESPONSES, strict=True)):
            with torch.no_grad():
                out = merged(torch.tensor([prompt + response]), output_hidden_states=True)
                before = slice(len(prompt) - 1, len(prompt) + len(response) - 1)
                if head is None:
                    logprobs = (out.logits[0, before] / 0.7).log_softmax(-1)
                    expected, found = logprobs[range(len(response)), response], ours[row, : len(response)]
                else:
                    numbers = out.hidden_states[-1][0] @ head.weight + head.bias
                    expected, found = (
                        (numbers[before], ours[row, : len(response)]) if role == VALUE else (numbers[-1], ours[row])
                    )
            torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
