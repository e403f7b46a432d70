"""The base's weights beside what bitsandbytes and transformers hold."""

from dataclasses import replace
from itertools import chain

import pytest
from bitsandbytes.nn import Linear4bit

from salmon.config.model import Quantization
from salmon.models.dequantized import dequantized_bytes
from salmon.models.merged_copy import copy_bytes
from salmon.plan.advice import Tried, advice
from salmon.plan.command import compose_config
from salmon.plan.devices import DEVICES, device_named
from salmon.plan.memory import base_weights, copied_maps
from salmon.plan.out_of_memory import this_device
from salmon.plan.planner import dequantizes, plan
from salmon.plan.shapes import shape_of


def test_a_plain_base(tiny) -> None:
    assert base_weights(shape_of("random:tiny", None), 4, nf4=False) == sum(
        p.nbytes for p in {id(p): p for p in tiny.model.parameters()}.values()
    )


def test_nf4_with_double_quantisation(load_tiny) -> None:
    model = load_tiny(quantization=Quantization.nf4).model
    packed = [module for module in model.modules() if isinstance(module, Linear4bit)]
    assert len(packed) == 7 * 2
    states = [module.weight.quant_state for module in packed]
    scales = chain.from_iterable((state.absmax, state.state2.absmax) for state in states)
    held = sum(module.weight.nbytes for module in packed) + sum(scale.nbytes for scale in scales)
    others = {id(p): p for name, p in model.named_parameters() if not any(p is m.weight for m in packed)}
    held += sum(p.nbytes for p in others.values())
    assert base_weights(shape_of("random:tiny", None), 4, nf4=True) == pytest.approx(held, rel=1e-3)


def test_a_merged_copy(tiny) -> None:
    """Of all linear maps, and one of a layer while it is merged."""
    shape = shape_of("random:tiny", None)
    largest = max(linear.weights for linear in shape.linears) * 4
    assert copied_maps(shape) == copy_bytes(tiny) + largest


@pytest.mark.parametrize(
    ("override", "copied"),
    [
        ("model.lora.r=8", True),
        ("rollout=vllm", False),
        ("rollout.merged_copy=false", False),
        ("model.quantization=nf4", False),
        ("model.dtype=bfloat16", False),
    ],
)
def test_the_plan_has_the_copy_where_sampling_makes_one(override: str, copied: bool) -> None:
    cfg = compose_config(["model=tiny", "stages=[preferences,ppo,dpo,best_of_n]", override])
    samples = {p.stage: p.items for p in plan(cfg, this_device())[2] if p.name in ("sample", "rollout")}
    assert set(samples) == {"preferences", "ppo", "dpo", "best_of_n"}
    assert {stage for stage, items in samples.items() if "merged copy" in items} == (set(samples) if copied else set())


def test_a_dequantised_copy(load_tiny) -> None:
    cfg = compose_config(["model=tiny", "model.quantization=nf4", "rollout.dequantize=true", "stages=[ppo]"])
    rollout = next(p for p in plan(cfg, this_device())[2] if p.name == "rollout")
    assert rollout.items["dequantised copy"] == dequantized_bytes(load_tiny(quantization=Quantization.nf4))
    assert "unpacked layer" not in rollout.items and "merged copy" not in rollout.items


@pytest.mark.parametrize(
    ("gpu", "overrides", "copied"),
    [
        ("h200", (), True),  # 13.2 GB in bf16, beside the rollout's keys and values
        ("a100_40", (), False),
        ("a100_40", ("rollout.dequantize=true",), True),
        ("h200", ("rollout.dequantize=false",), False),
        ("h200", ("model.quantization=none",), False),
        ("h200", ("rollout=vllm",), False),
    ],
)
def test_auto_dequantises_where_every_phase_that_samples_then_fits(gpu: str, overrides: tuple, copied: bool) -> None:
    cfg, device = compose_config(["+experiment=dromedary2_7b_one_gpu", *overrides]), device_named(gpu)
    phases = plan(cfg, device)[2]
    assert {p.label for p in phases if "dequantised copy" in p.items} == (
        {"preferences sample", "ppo rollout"} if copied else set()
    ), "Self-Align answers are sampled without an adapter, and without a copy"
    assert dequantizes(cfg, device, processes=1) == copied


def test_a_dequantised_base_decodes_as_fast_as_a_plain_one_by_the_plan() -> None:
    """Of a few rows, where reading the weights takes longest: 2 bytes a weight and step instead of 0.5 + 2 + 2."""
    words = ["+experiment=dromedary2_7b_one_gpu", "stages=[ppo]", "ppo.sampling.batch_size=2"]
    device = replace(DEVICES["h200"], launch_s=0)
    packed, copied = (
        next(p for p in plan(compose_config([*words, f"rollout.dequantize={word}"]), device)[2])
        for word in ("false", "true")
    )
    assert packed.label == copied.label == "ppo rollout" and packed.tokens == copied.tokens
    assert copied.seconds < packed.seconds and copied.flops == packed.flops


def test_where_memory_is_short_the_dequantised_copy_goes_first() -> None:
    words = ["+experiment=dromedary2_7b_one_gpu", "stages=[ppo]", "rollout.dequantize=true"]
    tried = Tried(compose_config(words), device_named("a100_40"))
    rollout = next(p for p in plan(tried.cfg, tried.device)[2] if p.name == "rollout")
    first = advice(tried, rollout, rollout.peak - 1)[0]
    assert first.override == "rollout.dequantize=false" and not first.changes_results


def test_where_memory_is_short_the_copy_goes_first() -> None:
    tried = Tried(compose_config(["model=smollm2_135m", "stages=[ppo]"]), this_device())
    rollout = next(p for p in plan(tried.cfg, tried.device)[2] if p.name == "rollout")
    first = advice(tried, rollout)[0]
    assert first.override == "rollout.merged_copy=false" and not first.changes_results
    copied = rollout.items["merged copy"]
    assert 0.9 * copied < first.saves <= copied, "products of LoRA's own take a little instead"
