"""``salmon plan``: figures that can be checked by hand, advice, refusals."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from salmon.config.model import Quantization
from salmon.config.register import CONF
from salmon.config.schema import Config
from salmon.config.training import Optimizer
from salmon.errors import SalmonError
from salmon.plan import command
from salmon.plan.advice import changed
from salmon.plan.command import compose_config, render
from salmon.plan.devices import DEVICES, GIB, device_named
from salmon.plan.micro_batches import FEWEST, TOKENS_ON_GPU
from salmon.plan.planner import plan, tokens_at_once
from salmon.runtime.micro_batches import TOKENS

pytestmark = pytest.mark.slow

LLAMA_70B = "+experiment=dromedary2_70b"


def planned(*arguments: str) -> dict:
    return json.loads(render([*arguments, "--json"]))


def phase(result: dict, stage: str, name: str) -> dict:
    (found,) = (p for p in result["phases"] if (p["stage"], p["phase"]) == (stage, name))
    return found


def test_the_paper_s_70b_recipe() -> None:
    result = planned(LLAMA_70B, "gpu=h200")
    assert [f"{p['stage']} {p['phase']}" for p in result["phases"]] == [
        "sft sample",
        "sft train",
        "preferences sample",
        "preferences judge",
        "reward train",
        "ppo rollout",
        "ppo score",
        "ppo log-probs",
        "ppo train",
    ]
    held = phase(result, "ppo", "train")["bytes"]
    adapter = 80 * 64 * (4 * 8192 + 2 * (8192 + 1024) + 3 * (8192 + 28672))  # q, o; k, v; gate, up, down
    assert result["adapter_parameters"] == adapter
    assert held["adapters"] == 4 * 4 * adapter, "four, in fp32"
    assert held["optimizer state"] == 2 * 4 * 2 * adapter, "two moments of policy and value"
    assert held["gradients"] == 4 * 2 * adapter
    linear = 80 * (2 * 8192**2 + 2 * 8192 * 1024 + 3 * 8192 * 28672)
    rest = 2 * (2 * 32000 * 8192 + 161 * 8192)
    assert held["base weights"] == pytest.approx(linear * 0.5158691 + rest, rel=1e-6)
    rollout = phase(result, "ppo", "rollout")
    tokens = 96 * (result["workload"]["prompt"] + 1024)
    assert rollout["bytes"]["KV cache"] == 161 * 8 * 128 * 2 * tokens, "keys and values of 80 layers, one key twice"
    assert result["workload"]["assumed"] == ["prompts.sft", "prompts.preferences", "prompts.ppo"]
    assert all(p["fits"] for p in result["phases"]) and result["lower"] == []


@pytest.mark.parametrize("advantage", ["rloo", "grpo", "reinforce_pp"])
def test_without_a_value_model_none_is_held_or_trained(advantage: str) -> None:
    """Also in best of n, which trains nothing."""
    stages = "stages=[sft,preferences,reward,ppo,best_of_n]"
    gae, other = (planned(LLAMA_70B, stages, "gpu=h200", *more) for more in ((), (f"ppo/advantage={advantage}",)))
    before, after = (phase(result, "ppo", "train") for result in (gae, other))
    adapter, head = gae["adapter_parameters"], 4 * (8192 + 1)
    held = {"adapters": 4 * adapter, "optimizer state": 8 * adapter, "gradients": 4 * adapter, "heads": head}
    assert {item: before["bytes"][item] - after["bytes"][item] for item in held} == held
    assert after["bytes"]["adapters"] == 3 * 4 * adapter, "policy, reference, reward"
    for name in ("log-probs", "train"):
        assert (
            phase(other, "ppo", name)["flops"] < 0.9 * phase(gae, "ppo", name)["flops"] or advantage != "reinforce_pp"
        )
    for name in ("rollout", "score"):
        assert phase(other, "ppo", name)["peak"] < phase(gae, "ppo", name)["peak"]
    best_of_n = [phase(result, "best_of_n", "sample") for result in (gae, other)]
    assert best_of_n[0] == best_of_n[1] and best_of_n[0]["bytes"]["adapters"] == 3 * 4 * adapter


@pytest.mark.parametrize(
    ("overrides", "kept"),
    [((), True), (("model.dtype=bfloat16",), False), (("rollout=vllm",), False)],
)
def test_where_log_probs_are_kept_the_reference_alone_reads(overrides: tuple[str, ...], kept: bool) -> None:
    again, asked = (
        phase(planned("stages=[sft,reward,ppo]", *overrides, f"ppo.keep_sampled_logprobs={word}"), "ppo", "log-probs")
        for word in ("false", "true")
    )
    assert asked["flops"] * (2 if kept else 1) == pytest.approx(again["flops"])
    assert asked["peak"] == again["peak"]


def test_answers_to_a_prompt_make_more_updates_and_a_limit_makes_fewer() -> None:
    """Ten thousand prompts less the 5 % that are held out, twice; 576 answers an update."""
    work = planned("+experiment=dromedary2_70b", "gpu=h200")["workload"]
    four = planned("+experiment=dromedary2_70b", "gpu=h200", "ppo.answers_per_prompt=4")["workload"]
    limited = planned("+experiment=dromedary2_70b", "gpu=h200", "ppo.max_updates=7")["workload"]
    assert work["ppo_updates"] == 9_500 * 2 // 576 and four["ppo_updates"] == 9_500 * 2 // 144
    assert limited["ppo_updates"] == 7 and limited["ppo_responses"] == 7 * 576 + 2 * 96


def test_what_does_not_fit_is_lowered_until_it_does() -> None:
    result = planned(LLAMA_70B, "gpu=h100")
    (misfit,) = result["lower"]
    assert (misfit["stage"], misfit["phase"], misfit["fits_then"]) == ("ppo", "rollout", True)
    overrides = [change["override"] for change in misfit["changes"]]
    assert not any(change["changes_results"] for change in misfit["changes"])
    again = planned(LLAMA_70B, "gpu=h100", *overrides)
    assert all(p["fits"] for p in again["phases"])
    saved = phase(result, "ppo", "rollout")["tensors"] - phase(again, "ppo", "rollout")["tensors"]
    assert saved == sum(change["saves"] for change in misfit["changes"])


def test_what_cannot_fit_says_so() -> None:
    text = render([LLAMA_70B, "gpu=rtx4090", "stages=[reward]"])
    assert "reward train does not fit rtx4090" in text and "It does not fit even then" in text
    assert "changes the result" in text


def test_each_setting_lowers_the_peak() -> None:
    cfg = compose_config(
        [
            "model=llama2_7b",
            "model.quantization=none",
            "model.gradient_checkpointing=false",
            "ppo=paper",
            "stages=[ppo]",
        ]
    )

    def peak(config: Config) -> int:
        return plan(config, DEVICES["h200"])[2][-1].peak

    for key, value in (
        ("model.quantization", Quantization.nf4),
        ("model.gradient_checkpointing", True),
        ("ppo.micro_batch_size", 1),
        ("ppo.optim.optimizer", Optimizer.paged_adamw_8bit),
        ("ppo.sampling.max_new_tokens", 64),
        ("model.lora.r", 4),
    ):
        assert peak(changed(cfg, key, value)) < peak(cfg), key


def test_time_follows_the_given_rate_and_checkpointing_costs_a_third_pass() -> None:
    cfg = compose_config(["model=llama2_7b", "reward=paper", "stages=[reward]"])
    slow, fast = (plan(cfg, DEVICES["h200"].measured(rate))[2][0] for rate in (1e14, 2e14))
    assert (slow.seconds, slow.flops) == (pytest.approx(2 * fast.seconds), fast.flops)
    assert slow.seconds == pytest.approx(slow.flops / 1e14)
    cfg.model.gradient_checkpointing = False
    plain = plan(cfg, DEVICES["h200"])[2][0]
    assert 1.4 < slow.flops / plain.flops < 1.5  # 3 passes for 2, and LoRA's own


def test_known_numbers_of_prompts_scale_time_but_not_memory() -> None:
    cfg = compose_config([LLAMA_70B])
    one, ten = (plan(cfg, DEVICES["h200"], n)[2] for n in (20_000, 200_000))
    for small, large in zip(one, ten, strict=True):
        assert small.items == large.items
        assert 9 < large.flops / small.flops < 11.5


def test_the_text_has_every_phase_and_what_it_assumes() -> None:
    text = render(["gpu=cpu", "model=tiny", "flops=1e11", "+experiment=self_judged"])
    assert "0.329 million parameters (fp32)" in text
    for line in (
        "sft train",
        "preferences judge",
        "ppo rollout",
        "real texts need less",
        "\nOne process.",
        "Not planned: eval. It makes batches that it halves",
    ):
        assert line in text
    assert "assumed" not in text


def test_without_an_nvidia_driver_it_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert command.default_gpu() == "cpu"


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("NVIDIA H200, 143771", "h200"),
        ("NVIDIA A100-SXM4-40GB, 40960", "a100_40"),
        ("NVIDIA A100-SXM4-80GB, 81920", "a100_80"),
        ("NVIDIA GeForce RTX 4090, 24564", "rtx4090"),
        ("Tesla T4, 15360", None),
    ],
)
def test_the_gpu_of_this_machine(tmp_path, monkeypatch: pytest.MonkeyPatch, listed: str, expected: str | None) -> None:
    driver = tmp_path / "nvidia-smi"
    driver.write_text(f"#!/bin/sh\necho '{listed}'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    if expected:
        assert command.default_gpu() == expected
    else:
        with pytest.raises(SalmonError, match="Tesla T4.*give gpu="):
            command.default_gpu()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gpu=h300"], "gpu=h300: unknown; known are h200, h100, a100_80, a100_40, rtx4090, cpu"),
        (["flops=fast"], "flops=fast: could not convert"),
        (["flops=nan"], "must be above 0"),
        (["flops=-1"], "must be above 0"),
        (["prompts=0"], "must be at least 1"),
        (["prompts=x"], "prompts=x: invalid"),
        (["--verbose"], "no option --verbose"),
        (["ppo.nonsense=1"], "nonsense"),
        (["model=none_such"], "none_such"),
        (["stages=[eval]", "gpu=h200"], "no stage with a plan"),
        (["link=0"], "link=0.0 must be above 0: bytes a second"),
        (["processes=0"], "processes=0 must be at least 1"),
        (["model.path=wheel:other", "gpu=h200"], "wheel:other"),
        (["reward.layers=99", "gpu=h200"], "this base has 30 layers"),
    ],
)
def test_refusals(arguments: list[str], said: str) -> None:
    with pytest.raises(SalmonError) as error:
        render(arguments)
    assert said in str(error.value)


def test_devices_are_sensible() -> None:
    assert all(device.memory > 20 * GIB and math.isfinite(device.flops) for device in DEVICES.values())


def test_the_rows_of_other_bases_on_the_page_are_those_of_the_plan() -> None:
    page = (Path(CONF) / "engine" / "README.md").read_text(encoding="utf-8")
    lines = page.partition("<!-- bases -->\n")[2].partition("<!-- /bases -->")[0].splitlines()[2:]
    assert len(lines) == 11
    for line in lines:
        command, *shown = (cell.strip() for cell in line.strip("|").split("|"))
        prompts = ["sft.num_prompts=150000", "preferences.num_prompts=9800", "ppo.num_prompts=157500"]
        overrides = command.strip("`").removeprefix("salmon plan ").split()
        made = json.loads(render([*overrides, "--json", *prompts]))
        phases = made["phases"]
        assert all(phase["fits"] for phase in phases), command
        peak = max(phase["peak"] for phase in phases) / 2**30
        ppo, whole = (
            sum(p["seconds"] for p in phases if p["stage"] in stages) / 86400
            for stages in (["ppo"], [p["stage"] for p in phases])
        )
        context = compose_config([word for word in overrides if not word.startswith("gpu=")]).model.context
        assert [cell.partition(" ")[2] for cell in shown] == ["", "GiB", "days", "days"]
        numbers = [float(cell.partition(" ")[0]) for cell in shown]
        assert numbers[0] == context
        assert numbers[1:] == [pytest.approx(peak, abs=0.6), *(pytest.approx(d, abs=0.06) for d in (ppo, whole))], line


def test_auto_takes_what_the_device_holds() -> None:
    """More on a larger card, and with checkpointing; each phase fits by them."""
    words = ["model=llama2_7b", "ppo=paper", "stages=[ppo]", "ppo.micro_batch_size=auto"]
    plain = [*words, "model.gradient_checkpointing=false"]
    tokens = []
    for arguments in ([*plain, "gpu=rtx4090"], [*plain, "gpu=h200"], [*words, "gpu=rtx4090"]):
        phases = {p["phase"]: p for p in planned(*arguments)["phases"]}
        assert phases["rollout"]["automatic_micro_batch_tokens"] is None, "sampling has a setting of its own"
        assert all(phases[name]["fits"] for name in ("score", "log-probs", "train"))
        tokens.append(phases["train"]["automatic_micro_batch_tokens"])
    assert tokens[0] < tokens[1] < tokens[2] == TOKENS_ON_GPU
    assert "Tokens of a micro-batch of auto: 16,384 in ppo." in render([*words, "gpu=h200"])


def test_auto_on_a_cpu_stays_with_what_its_matrix_products_need() -> None:
    cfg = compose_config(["model=smollm2_135m", "ppo=laptop", "stages=[ppo]"])
    cpu = device_named("cpu")
    assert tokens_at_once(cfg, "ppo", cpu, 1) == TOKENS
    small = replace(cpu, memory=cpu.context + int(1.9 * GIB))
    assert FEWEST < tokens_at_once(cfg, "ppo", small, 1) < TOKENS
    assert tokens_at_once(cfg, "ppo", replace(cpu, memory=0), 1) <= FEWEST, "then rows go one by one"
    assert tokens_at_once(cfg, "eval", cpu, 1) == TOKENS, "a stage without such a setting"
