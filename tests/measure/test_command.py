"""``salmon plan --measure``: every phase with work runs at the plan's lengths, on the tiny model; refusals."""

import pytest
import torch

from salmon.config.schema import Config
from salmon.errors import SalmonError
from salmon.measure.command import HEADER, PhaseFigures, Rates, measured_plan
from salmon.measure.random_tokens import RandomTokens
from salmon.measure.rates import counted, layers_called, matmul_rate, memory_rate
from salmon.models.decoder import decoder_of
from salmon.models.forward import response_logprobs
from salmon.plan.command import compose_config, render
from salmon.plan.devices import this_device
from salmon.plan.memory import base_weights, moved_by_layer
from salmon.plan.planner import PLANNED, plan

NAMES = ("sample", "train", "pretrain", "rollout", "score", "log-probs")
SHORT = (
    "model=tiny",
    "sft=laptop",
    "sft.source=self_align",
    "sft.num_prompts=2",
    "sft.sampling.max_new_tokens=2",
    "sft.max_prompt_tokens=32",
    "sft.max_response_tokens=16",
    "prompts.max_tokens=32",
    "model.context=4096",
    "reward.pretrain.max_length=64",
    "ppo.sampling.max_new_tokens=4",
    "ppo.rollout_batch=4",
    "ppo.minibatch=4",
    "ppo.micro_batch_size=2",
)


def rows_of(printed: str) -> dict[str, list[str]]:
    lines = [line for line in printed.splitlines() if line.strip()]
    labels = [f"{stage} {name}" for stage in PLANNED for name in NAMES]
    return {label: line.removeprefix(label).split() for line in lines for label in labels if line.startswith(label)}


@pytest.mark.slow
def test_each_phase_with_work_is_measured() -> None:
    printed = measured_plan(SHORT)
    rows = rows_of(printed)
    planned = [phase for phase in plan(compose_config(SHORT), this_device())[2] if phase.tokens]
    assert list(rows) == [phase.label for phase in planned]
    assert "reward train" not in rows, "there are no judged rows in this recipe"
    assert all(len(cells) == len(HEADER) - 1 for cells in rows.values())
    for label, (plan_gib, gib, ratio, seconds, tokens, flops, products, read, reads) in rows.items():
        assert float(ratio) == pytest.approx(float(plan_gib) / float(gib), abs=0.02), label
        assert float(gib) > 0 and float(tokens) > 0 and float(seconds) >= 0 and float(flops) >= 0 and float(read) >= 0
        assert products.endswith("%") and reads.endswith("%")


@pytest.mark.parametrize("overrides", [("reward.head=yes_no",), ("ppo/advantage=gae",), ("ppo.one_pass=true",)])
@pytest.mark.slow
def test_so_are_other_heads_and_estimators(overrides: tuple[str, ...]) -> None:
    assert set(rows_of(measured_plan([*SHORT, "stages=[ppo]", *overrides]))) >= {"ppo score", "ppo train"}


def test_a_row_says_shares_of_the_machine_s_rates() -> None:
    row = PhaseFigures("ppo train", 3.0, 2.0, 4.0, 800, 2e12, 1e10)
    assert row.cells(Rates(matmul=1e12, memory=5e9)) == [
        "ppo train", "3.00", "2.00", "1.50", "4.00", "200", "0.500", "50%", "2.5", "50%",
    ]  # fmt: skip


@pytest.mark.parametrize("recomputed", [False, True])
def test_forward_passes_of_layers_are_counted_once(load_tiny, recomputed: bool) -> None:
    shared = load_tiny(gradient_checkpointing=recomputed)
    shared.add_adapter("policy", seed=0)
    batch = RandomTokens(shared).answered(2, prompt=4, response=3)
    decoder = decoder_of(shared.model)
    with counted(decoder) as tokens, layers_called(decoder) as layers, shared.using("policy"):
        response_logprobs(shared, batch, 1.0).sum().backward()
    assert len(tokens) == 1
    assert layers == [str(number) for number in range(shared.model.config.num_hidden_layers)]


def test_rates_are_of_bytes_and_operations_in_the_dtype() -> None:
    cpu = torch.device("cpu")
    assert 1e8 < memory_rate(cpu, torch.float32) < 1e13
    assert 1e8 < matmul_rate(cpu, torch.float32) < 1e16


def test_nf4_moves_its_packed_weights_and_the_unpacked_ones_twice() -> None:
    """One layer of the 7B base: 202,375,168 weights of linear maps."""
    shape = plan(compose_config(["+experiment=dromedary2_7b"]), this_device())[0].shape
    linear = shape.linear_weights
    assert moved_by_layer(shape, 2, nf4=False) == 2 * linear
    assert moved_by_layer(shape, 2, nf4=True) == pytest.approx((0.515869140625 + 4) * linear)
    kept = base_weights(shape, 2, nf4=False) - (shape.embeddings + shape.small) * 2
    assert kept == shape.layers * moved_by_layer(shape, 2, nf4=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gpu=h200"], "gpu=h200: --measure is about this machine, as it is: leave it out"),
        (["flops=4e14"], "flops=4"),
        (["processes=2", "engine=ddp"], "processes=2: --measure runs in one process: leave it out"),
        (["--json"], "--json: --measure prints a table only"),
        (["stages=[eval]"], r"stages=\['eval'\] has no work with a plan"),
        (["--fast"], "salmon plan has no option --fast"),
    ],
)
def test_what_is_refused_before_the_base_is_loaded(words: list[str], message: str) -> None:
    def load(*_: object) -> None:
        pytest.fail("the base was loaded")

    with pytest.raises(SalmonError, match=message):
        measured_plan(["model=tiny", *words], load)  # type: ignore[arg-type]


def test_what_is_planned_needs_no_measurement() -> None:
    assert "TFLOP/s" not in render(["model=tiny", "gpu=cpu"])
    assert isinstance(compose_config(SHORT), Config)
