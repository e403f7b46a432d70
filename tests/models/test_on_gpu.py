"""The same small model on a GPU and on the CPU: NF4 in both passes, and sampling. Skipped without a GPU."""

import pytest
import torch

from salmon.config.model import Dtype, Quantization
from salmon.models.base import SharedModel
from salmon.models.dequantized import dequantized_copy
from salmon.models.forward import response_logprobs, token_batch
from salmon.sampling.token_loop import generate

PROMPTS, RESPONSES = [[40, 41, 42], [50]], [[60, 61, 62], [70, 71]]
BF16 = 2**-7  # of a number, twice its rounding

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU, and this machine has none"),
]


def gradients(shared: SharedModel) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probs [B, R] of the responses, and the gradient of their sum by all LoRA tensors in one vector."""
    shared.add_adapter("policy", seed=0)
    for parameter in shared.parameters_of("policy").values():
        generator = torch.Generator().manual_seed(1)
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
    batch = token_batch(PROMPTS, RESPONSES, 0, shared.device)
    with shared.using("policy"):
        logprobs = response_logprobs(shared, batch, 1.0)
        logprobs.sum().backward()
    flat = [parameter.grad.flatten() for parameter in shared.parameters_of("policy").values()]  # type: ignore[union-attr]
    return logprobs.detach().cpu(), torch.cat(flat).cpu()


@pytest.mark.parametrize("checkpointing", [False, True])
def test_nf4_in_bf16_is_the_cpus(load_tiny, checkpointing: bool) -> None:
    settings = {"quantization": Quantization.nf4, "dtype": Dtype.bfloat16, "gradient_checkpointing": checkpointing}
    (expected, by_cpu), (made, by_gpu) = (gradients(load_tiny(device=device, **settings)) for device in ("cpu", "cuda"))
    torch.testing.assert_close(made, expected, atol=0.05, rtol=4 * BF16)
    assert (by_gpu - by_cpu).norm() < 8 * BF16 * by_cpu.norm()


def test_sampling_in_fp32_is_the_cpus(load_tiny) -> None:
    """A response depends on its random key, not on the device."""
    one, two = (
        generate(
            load_tiny(device=device, dtype=Dtype.float32),
            PROMPTS,
            [(0,), (1,)],
            temperature=1.0,
            top_p=0.9,
            max_new_tokens=24,
            batch_size=2,
        )
        for device in ("cpu", "cuda")
    )
    assert [row.ids for row in one] == [row.ids for row in two]


@torch.no_grad()
def test_an_unpacked_base_is_the_packed_one(load_tiny) -> None:
    shared = load_tiny(device="cuda", quantization=Quantization.nf4, dtype=Dtype.bfloat16)
    batch = token_batch(PROMPTS, RESPONSES, 0, shared.device)
    packed = response_logprobs(shared, batch, 1.0)
    with dequantized_copy(shared):
        unpacked = response_logprobs(shared, batch, 1.0)
    torch.testing.assert_close(unpacked, packed, atol=0.05, rtol=4 * BF16)
