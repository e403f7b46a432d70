"""The plan of a reward model whose score is read from logits: no head of its own, and logits of each score."""

from salmon.plan.command import compose_config
from salmon.plan.devices import DEVICES
from salmon.plan.phases import Phase
from salmon.plan.planner import base_of, plan
from salmon.plan.workload import Workload

SETTINGS = [
    "+experiment=dromedary2_70b",
    "stages=[sft,preferences,reward,ppo,best_of_n]",
    "reward.max_length=400",  # inputs of both kinds are cut to it, so they are equally long
    "ppo.reward_input.max_length=400",
]
FP32, HIDDEN, VOCABULARY = 4, 8192, 32000


def planned(head: str) -> tuple[Workload, dict[str, Phase]]:
    _, work, found = plan(compose_config([*SETTINGS, f"reward.head={head}"]), DEVICES["h100"], None, 1)
    return work, {f"{phase.stage} {phase.name}": phase for phase in found}


def test_only_the_value_model_has_a_head() -> None:
    (_, scalar), (_, yes_no) = planned("scalar"), planned("yes_no")
    for name, heads in (("reward train", 1), ("ppo train", 2), ("best_of_n score", 1)):
        assert scalar[name].items["heads"] == heads * FP32 * (HIDDEN + 1)
        assert yes_no[name].items.get("heads", 0) == (heads - 1) * FP32 * (HIDDEN + 1)


def test_each_score_computes_the_logits_of_a_token() -> None:
    """2 * hidden * vocabulary operations; in training as many again for the gradient."""
    (work, scalar), (_, yes_no) = planned("scalar"), planned("yes_no")
    inputs = {"reward train": 2 * 2 * work.reward_rows, "ppo score": work.ppo_responses}
    for name, scores in inputs.items():
        assert yes_no[name].tokens == scalar[name].tokens
        added = yes_no[name].flops - scalar[name].flops
        assert abs(added / (scores * 2 * HIDDEN * VOCABULARY) - 1) < 1e-3
    assert yes_no["best_of_n score"].flops > scalar["best_of_n score"].flops


def test_logits_are_held_where_they_are_more_than_the_layers_hold() -> None:
    base = base_of(compose_config(["model=smollm2_135m"]), DEVICES["h100"], 1)
    assert "logits" in base.scores({}, 8, 1, logits=1) and "logits" not in base.scores({}, 8, 400, logits=1)
    assert base.scores({}, 8, 400, logits=1) == base.scores({}, 8, 400)
