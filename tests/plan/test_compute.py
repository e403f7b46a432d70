"""The plan's operations beside what torch counts in transformers' own tiny model."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModelForCausalLM

from salmon.plan.compute import forward_flops, head_flops, training_flops
from salmon.plan.published import KNOWN
from salmon.plan.shapes import from_config

RANK, TOKENS = 8, 20
CONFIG = KNOWN["random:tiny"]
SHAPE = from_config(CONFIG, "random:tiny")
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# Of all tokens in one layer, forward. The model without a kernel computes the masked half of the scores too, so a
# token attends to all.
ATTENTION = 4 * TOKENS * TOKENS * SHAPE.heads * SHAPE.head_dim


def model(rank: int):
    base = AutoModelForCausalLM.from_config(AutoConfig.for_model(**CONFIG, attn_implementation="eager"))
    return get_peft_model(base, LoraConfig(r=rank, target_modules=LINEARS)).base_model.model if rank else base


def counted(passes) -> int:
    with FlopCounterMode(display=False) as counter:
        passes(torch.zeros(1, TOKENS, dtype=torch.long))
    return counter.get_total_flops()


@pytest.mark.parametrize("rank", [0, RANK])
def test_a_forward_pass(rank):
    lm = model(rank).requires_grad_(False)
    each = forward_flops(SHAPE, rank, SHAPE.layers, context=TOKENS) + head_flops(SHAPE)
    assert counted(lm) == TOKENS * each


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_training_step(checkpointing):
    """Torch counts attention's backward pass twice (both factors of each product have a gradient), the plan once.

    Without checkpointing (which asks for it all the same) the queries, keys and values of the first layer have no
    gradient of their inputs, which are frozen embeddings; the plan leaves this saving out.
    """
    lm = model(RANK).train()
    if checkpointing:
        lm.gradient_checkpointing_enable({"use_reentrant": False, "early_stop": False})
    plan = TOKENS * training_flops(SHAPE, RANK, SHAPE.layers, TOKENS, checkpointing)
    queries_keys_values = SHAPE.linears[:3]
    not_needed = TOKENS * sum(2 * linear.weights + 2 * RANK * linear.inputs for linear in queries_keys_values)
    steps = counted(lambda ids: lm.get_decoder()(ids).last_hidden_state.sum().backward())
    assert steps == plan + SHAPE.layers * ATTENTION - (0 if checkpointing else not_needed)
