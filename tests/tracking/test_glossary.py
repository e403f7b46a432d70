import re

import pytest

from salmon.runtime.health import PPOHealth
from salmon.tracking.glossary import ALL, families, find, glossary_markdown, metrics


@pytest.mark.parametrize(
    ("name", "stage", "defined_as"),
    [
        ("objective/kl", "ppo", "objective/kl"),
        ("principle/Honest and Accurate/score", "ppo", "principle/<principle>/score"),
        ("principle/Vivid / Colourful/score", "ppo", "principle/<principle>/score"),  # a user's principle
        ("held_out/accuracy", "reward", "held_out/accuracy"),
        ("held_out/accuracy/Concise", "reward", "held_out/accuracy/<principle>"),
        ("held_out/accuracy/not Concise", "reward", "held_out/accuracy/not <principle>"),
        ("judge/tie_rate", "preferences", "judge/tie_rate"),
        ("judge/Ethical/tie_rate", "preferences", "judge/<principle>/tie_rate"),
        ("selfalign/dropped_too_short", "sft", "selfalign/dropped_<reason>"),
        ("eval/ppo_best/bbh/exact_match", "eval", "eval/<checkpoint>/<task>/<metric>"),
        ("eval//runs/my/adapter/bbh/exact_match", "eval", "eval/<checkpoint>/<task>/<metric>"),
        ("optim/lr", "sft", "optim/lr"),
        ("optim/lr", "reward", "optim/lr"),
    ],
)
def test_find_gives_the_definition(name: str, stage: str, defined_as: str) -> None:
    metric = find(name, stage)
    assert metric is not None
    assert metric.name == defined_as
    assert stage in metric.stages


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("objective/k1", "ppo"),
        ("objective/kl/extra", "ppo"),
        ("xobjective/kl", "ppo"),
        ("principle//score", "ppo"),
        ("judge/tie_rates", "preferences"),
        ("selfalign/dropped_a/b", "sft"),
        ("objective/kl", "sft"),
        ("optim/lr", "preferences"),
        ("", "ppo"),
    ],
)
def test_find_refuses_what_is_not_defined_for_the_stage(name: str, stage: str) -> None:
    assert find(name, stage) is None


def test_every_metric_is_fully_described_once() -> None:
    names = [(metric.name, stage) for metric in metrics() for stage in metric.stages]
    assert len(names) == len(set(names))
    for metric in metrics():
        assert set(metric.stages) <= set(ALL)
        assert all(text.strip() and "|" not in text for text in (metric.unit, metric.healthy)), metric
        assert re.fullmatch(r"[a-z_]+(/[a-z0-9_<> ]+)+", metric.name), metric
        assert metric.family != "samples"  # the family of sample tables


# The list of issue 2, and the metrics of PPO's health.
PROMISED = (
    [f"objective/{name}" for name in ("kl", "entropy", "score", "shaped_reward", "non_score_reward")]
    + ["objective/length_bonus", "objective/unfinished_rate", "objective/kl_coefficient"]
    + [f"policy/{name}" for name in ("loss", "approx_kl", "clip_fraction", "ratio")]
    + [f"value/{name}" for name in ("loss", "clip_fraction", "explained_variance", "error")]
    + [
        "advantage/mean",
        "advantage/std",
        "response/length",
        "response/eos_rate",
        "principle/X/score",
        "optim/lr",
    ]
    + ["optim/grad_norm", "perf/tokens_per_second", "perf/peak_memory_gib", "sampler/logprob_difference"]
    + [f"time/{phase}_s" for phase in ("rollout", "score", "logprobs", "update", "total")]
    + [f"held_out/{name}" for name in ("score", "length", "kl")]
    + list(PPOHealth().metrics)
)


@pytest.mark.parametrize("name", PROMISED)
def test_everything_promised_of_ppo_is_defined(name: str) -> None:
    assert find(name, "ppo") is not None


def test_families_cover_a_stage() -> None:
    assert families("eval") == ("eval", "perf", "samples", "time")
    assert "judge" in families("preferences")
    assert "judge" not in families("ppo")


def test_markdown_has_a_row_for_each_metric() -> None:
    lines = glossary_markdown().splitlines()
    assert len(lines) == len(metrics()) + 2
    unescaped = [re.sub(r"\\\|", "", line).count("|") for line in lines]
    assert set(unescaped) == {6}
    assert any(line.startswith("| `time/total_s` | all | s |") for line in lines)
