"""The plan of several processes: what each holds, how work and time are shared, what they exchange."""

import json
import re
from functools import cache
from typing import Any

import pytest
import torch
from torch import nn

from salmon.distributed import processes
from salmon.distributed.processes import Processes
from salmon.errors import SalmonError
from salmon.plan.command import compose_config, render
from salmon.plan.devices import DEVICES
from salmon.plan.phases import Phase
from salmon.plan.planner import plan
from salmon.plan.sharing import BUCKET, Sharing
from tests.distributed.in_processes import together
from tests.plan.against_measured import allocated_peak

pytestmark = pytest.mark.slow

# Of the engines, ZeRO has AdamW only.
ADAMW = [
    f"{stage}.optim.optimizer=adamw"
    for stage in ("sft.train", "reward.train", "reward.pretrain.train", "ppo", "dpo.train")
]
LLAMA_70B = ["+experiment=dromedary2_70b", "dpo=paper", "stages=[sft,preferences,reward,ppo,dpo,best_of_n]", *ADAMW]
ADAPTER = 80 * 64 * (4 * 8192 + 2 * (8192 + 1024) + 3 * (8192 + 28672))  # as in test_command
LAYER, MATRIX = 2 * 8192**2 + 2 * 8192 * 1024 + 3 * 8192 * 28672, 32000 * 8192
BASE = 80 * LAYER + 2 * MATRIX + 161 * 8192


@cache
def phases(*overrides: str, size: int = 1, device: str = "h100") -> dict[str, Phase]:
    return {
        f"{p.stage} {p.name}": p for p in plan(compose_config([*LLAMA_70B, *overrides]), DEVICES[device], None, size)[2]
    }


def test_ddp_holds_everything_in_each_process_and_its_share_of_a_batch() -> None:
    one, eight, many = phases(), phases("engine=ddp", size=8), phases("engine=ddp", size=32)
    for name, phase in one.items():
        assert eight[name].items["base weights"] == phase.items["base weights"]
        assert eight[name].items.get("optimizer state") == phase.items.get("optimizer state")
    smaller = {name for name in one if eight[name].peak < one[name].peak}
    assert smaller == {"ppo rollout", "dpo sample"}, "96 rows of a rollout are 72 of 576 / 8; 12 held-out prompts"
    cache = [found["ppo rollout"].items["KV cache"] for found in (one, eight, many)]
    assert cache == [cache[0], cache[0] * 72 // 96, cache[0] * 18 // 96]
    pairs = [found["reward train"].items["activations"] for found in (one, eight, many)]
    assert pairs == [pairs[0], pairs[0], pairs[0] // 2], "of 64 pairs 4 at a time; 2 where that is the share"


def test_zero2_splits_the_optimiser_only() -> None:
    ddp, zero = phases("engine=ddp", size=8)["ppo train"].items, phases("engine=zero2", size=8)["ppo train"].items
    assert ddp["optimizer state"] == 2 * 4 * 2 * ADAPTER, "two moments of policy and value"
    assert zero["optimizer state"] == (2 + 1) * 4 * 2 * ADAPTER // 8, "and a copy of both, in eight parts"
    for name in ("base weights", "adapters", "gradients", "activations"):
        assert zero[name] == ddp[name]


def test_zero3_splits_the_base_and_gathers_what_is_used() -> None:
    items = phases("engine=zero3", "model.quantization=none", size=8)["ppo train"].items
    assert items["base weights"] == -(-2 * BASE // 8)
    assert items["gathered weights"] == 2 * (LAYER + MATRIX)
    assert items["optimizer state"] == (2 + 1) * 4 * 2 * ADAPTER // 8
    assert items["adapters"] == 4 * 4 * ADAPTER, "trained tensors are whole"


def test_work_is_the_same_and_time_is_shared() -> None:
    one, eight = phases(), phases("engine=ddp", size=8)
    for name, phase in one.items():
        assert (eight[name].flops, eight[name].tokens) == (phase.flops, phase.tokens)
    assert eight["preferences judge"].seconds == pytest.approx(one["preferences judge"].seconds / 8)
    steps = 9_500 / 128  # prompts that are not held out, by the paper's SFT batch
    summing = 2 * 7 / 8 * 4 * ADAPTER / 450e9
    assert eight["sft train"].seconds == pytest.approx(one["sft train"].seconds / 8 + steps * summing)
    # Decoding is bound by steps, not by rows: batches of 64 of 9,500 prompts, 19 of 149 in the busiest process.
    assert 7 < one["sft sample"].seconds / eight["sft sample"].seconds < 8
    few = phases("engine=ddp", "sft.num_prompts=64", size=8)["sft sample"]
    assert few.seconds == pytest.approx(phases("sft.num_prompts=64")["sft sample"].seconds), "one batch, one process"


def test_zero3_gathers_the_base_in_every_pass() -> None:
    whole, split = (
        phases(f"engine={name}", "model.quantization=none", size=8)["dpo reference"] for name in ("zero2", "zero3")
    )
    once = 7 / 8 * 2 * (80 * LAYER + 2 * MATRIX) / 450e9
    sequences = 2 * 9500  # both responses of the pairs that are not held out
    passes = -(-sequences // 8 // 8)  # a share, 4 pairs at a time
    assert split.seconds - whole.seconds == pytest.approx(passes * once, rel=1e-3)


def test_a_slower_link_costs_what_is_exchanged() -> None:
    given = [*LLAMA_70B, "gpu=h100", "engine=ddp", "processes=8", "--json"]
    fast, slow = (json.loads(render([*given, *more])) for more in ([], ["link=25e9"]))
    assert (fast["engine"], fast["processes"], fast["device"]["link"]) == ("ddp", 8, 450e9)
    for before, after in zip(fast["phases"], slow["phases"], strict=True):
        trains = before["phase"] == "train"
        assert (after["seconds"] > before["seconds"]) == trains and after["peak"] == before["peak"]


def added_up(here: Processes, count: int, numbers: int) -> int:
    parameters = [nn.Parameter(torch.zeros(numbers)) for _ in range(count)]
    for parameter in parameters:
        parameter.grad = torch.ones(numbers)
    return allocated_peak(lambda: here.all_reduce_gradients(parameters))


def test_the_bucket_is_what_the_sum_of_gradients_allocates() -> None:
    """Three buckets, of 12, 12 and 6 tensors."""
    assert BUCKET == processes.BUCKET
    numbers = BUCKET // 12
    expected = Sharing(processes=2).bucket(30 * numbers)
    assert expected == 2 * 4 * BUCKET
    for measured in together(2, added_up, 30, numbers):
        assert 0.85 < expected / measured < 1.15
    assert Sharing(processes=2).bucket(100) == 400 and Sharing().bucket(30 * numbers) == 0


def test_more_processes_are_advised_where_they_split() -> None:
    given = [*LLAMA_70B, "model.quantization=none", "gpu=a100_40", "engine=zero3", "stages=[reward]"]
    result = json.loads(render([*given, "processes=4", "--json"]))
    (misfit,) = result["lower"]
    found = {change["override"].partition("=")[0]: change for change in misfit["changes"]}
    assert misfit["fits_then"] and found["processes"]["override"] == "processes=8"
    assert not found["processes"]["changes_results"] and "model.quantization" not in found
    lowered = [change["override"] for change in misfit["changes"]]
    again: dict[str, Any] = json.loads(render([*given, *lowered, "--json"]))
    assert all(p["fits"] for p in again["phases"])


def test_the_text_says_what_it_is_of() -> None:
    text = render([*LLAMA_70B, "gpu=h100", "engine=zero3", "model.quantization=none", "processes=8"])
    assert re.search(r"^GiB per GPU +base weights +gathered weights", text, re.MULTILINE)
    assert "8 processes, engine=zero3. Times have sums of gradients and gathers of the base's weights at 4.5e" in text
    assert "engine=zero3 model.quantization=none processes=N" in render(
        [*LLAMA_70B, "model.quantization=none", "model.lora.r=8", "gpu=rtx4090", "stages=[best_of_n]"]
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["processes=2"], "processes=2, and engine=single uses one: add engine=ddp, zero2 or zero3"),
        (["engine=zero3", "processes=2", "model.quantization=nf4", *ADAMW], "nf4"),
        (["engine=ddp", "processes=3", "+experiment=self_judged"], "batches do not divide by 3 processes"),
        (["engine=ddp", "processes=9", "+experiment=self_judged"], "gives nothing to 5 of 9 processes"),
    ],
)
def test_refusals(arguments: list[str], said: str) -> None:
    with pytest.raises(SalmonError) as error:
        render(["gpu=h200", *arguments])
    assert said in str(error.value)


def test_uneven_shares_are_planned_by_the_largest() -> None:
    cfg = compose_config([*LLAMA_70B, "stages=[reward]", "engine=ddp", "engine.uneven=true"])
    (even,), (uneven,) = (plan(cfg, DEVICES["h100"], None, size)[2] for size in (16, 24))
    assert uneven.items["activations"] == even.items["activations"] * 3 // 4, "3 of 64 pairs; 4 of them"
    computing = [
        phase.seconds - 9500 * 4 / 64 * Sharing(processes=size).summing(ADAPTER, 450e9)
        for phase, size in ((even, 16), (uneven, 24))
    ]
    assert computing[1] == pytest.approx(computing[0] * 3 / 4)
