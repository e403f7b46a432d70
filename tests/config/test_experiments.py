"""Each arm of each study composes, at its own size and at the tiny one, and differs in what it says it differs in."""

import itertools
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.pipeline.registry import STAGES
from salmon.principles.bank import load_bank
from salmon.principles.selection import reward_bank
from sweeps.settings import read_settings

pytestmark = pytest.mark.slow

register()

TRAINED = ("sft", "preferences", "reward", "ppo")
ARMS = {
    "controllability": (
        "principles",
        ["concise", "comprehensive"]
        + [f"steer_{name}" for name in ("concise", "comprehensive", "structured", "lively", "asks_back", "blank")],
    ),
    "estimators": ("ppo/advantage", ["gae", "rloo", "grpo", "reinforce_pp"]),
    "reward_hacking": ("principles", ["hacking_plain", "hacking_told"]),
    "ablations": (
        "ablation",
        [
            "full",
            "no_pretraining",
            "no_length_bonus",
            "label_sum",
            "no_negations",
            "no_principles",
            "judge_as_reward",
            "dpo",
            "best_of_n",
        ],
    ),
}
JUDGED = ("reward_hacking", "ablations")  # the reward model of the others needs no judged pairs
CASES = [(study, arm) for study, (_, arms) in ARMS.items() for arm in arms]


@cache
def arm(study: str, name: str, *more: str) -> Config:
    overrides = [f"{ARMS[study][0]}={name}", f"+experiment={study}", *more]  # Hydra's order: the axes come first
    with initialize_config_dir(CONF, version_base="1.3"):
        return to_typed(compose("config", overrides=overrides), Config)


def differing(study: str, one: str, other: str) -> list[str]:
    """Stages whose result is not shared, each told by its own settings."""
    return [s for s in TRAINED if STAGES[s].settings(arm(study, one)) != STAGES[s].settings(arm(study, other))]


@pytest.mark.parametrize("study", ARMS)
def test_the_arms_above_are_those_of_the_study(study: str) -> None:
    hydra = OmegaConf.load(Path(CONF) / f"experiment/{study}.yaml").hydra
    key, names = ARMS[study]
    assert hydra.mode == "MULTIRUN"
    assert hydra.sweeper.params[key].split(",") == names
    options = {k: v for k, v in OmegaConf.to_container(hydra.callbacks.sweep).items() if k != "_target_"}
    assert options["kind"] == ("study" if study == "estimators" else study)
    read_settings(options)  # what the report refuses, it refuses before the first job


@pytest.mark.parametrize(("study", "name"), CASES)
def test_every_arm_composes(study: str, name: str) -> None:
    config = arm(study, name)
    judged = study in JUDGED
    assert config.stages[:2] == ["sft", "preferences" if judged else "reward"] and config.tracking.group == study
    assert not judged or config.preferences.judge.kind.value == "verifier"
    assert config.principles.monitor == ("steering_5" if name.startswith("steer_") else "verifiable_11")


@cache
def first_run() -> Config:
    with initialize_config_dir(CONF, version_base="1.3"):
        return to_typed(compose("config"), Config)


@pytest.mark.parametrize(("study", "name"), [case for case in CASES if case[0] not in JUDGED])
@pytest.mark.parametrize("stage", ["sft", "reward"])
def test_studies_without_judged_pairs_take_the_models_of_the_first_run(study: str, name: str, stage: str) -> None:
    """Of controllability, the reward model has longer lessons, and is otherwise that of the first run."""
    given, first = arm(study, name), first_run()
    if study == "controllability":
        assert given.reward.parametric.times == 4
        longer = replace(first.reward.parametric, times=4)
        first = replace(first, reward=replace(first.reward, parametric=longer))
    assert STAGES[stage].settings(given) == STAGES[stage].settings(first)


def test_estimators_are_compared_at_equal_samples_and_steps() -> None:
    arms = [arm("estimators", name) for name in ARMS["estimators"][1]]
    first = first_run()
    assert STAGES["ppo"].settings(arms[1]) == STAGES["ppo"].settings(first), "rloo is the first run's own"
    assert {(one.ppo.rollout_batch, one.ppo.minibatch, one.ppo.inner_epochs, one.ppo.max_updates) for one in arms} == {
        (16, 16, 1, 12)
    }


@pytest.mark.parametrize(("study", "name"), CASES)
def test_every_arm_composes_at_the_tiny_size(study: str, name: str) -> None:
    config = arm(study, name, "model=tiny")
    assert (config.sft.source.value, config.preferences.num_prompts, config.ppo.rollout_batch) == (
        "demonstrations",
        8,
        8,
    )


@pytest.mark.parametrize("study", ARMS)
def test_every_arm_has_a_name_of_its_own(study: str) -> None:
    names = [arm(study, name).name for name in ARMS[study][1]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("study", ["controllability", "reward_hacking", "estimators"])
def test_arms_share_all_but_ppo(study: str) -> None:
    """One policy, one set of preferences, one reward model: what the studies' questions rest on."""
    for one, other in itertools.combinations(ARMS[study][1], 2):
        assert differing(study, one, other) == ["ppo"]


def test_the_arms_of_controllability_differ_in_what_is_asked_for_only() -> None:
    asked = {
        name: (arm("controllability", name).principles.rl, arm("controllability", name).principles.include)
        for name in ARMS["controllability"][1]
    }
    assert asked.pop("steer_blank")[0] is None
    plain = {name.lower(): ("verifiable_11", [name]) for name in ("Concise", "Comprehensive")}
    figurative = {
        f"steer_{name.lower().replace(' ', '_')}": ("steering_5", [name]) for name in load_bank("steering_5").names
    }
    assert asked == plain | figurative
    assert len({repr(arm("controllability", name).ppo) for name in ARMS["controllability"][1]}) == 1


def test_the_intervention_is_all_that_the_told_arm_adds() -> None:
    plain, told = (arm("reward_hacking", name) for name in ARMS["reward_hacking"][1])
    assert plain.ppo == told.ppo and plain.preferences == told.preferences
    assert (plain.principles.interventions, told.principles.interventions) == (None, "no_self_praise_1")
    assert {**vars(plain.principles), "name": "", "interventions": ""} == {
        **vars(told.principles),
        "name": "",
        "interventions": "",
    }
    assert plain.preferences.aggregation.planted_bias == "No Self-Praise"
    (intervention,) = load_bank("no_self_praise_1").principles
    trained = {p.name: p for p in reward_bank(told.principles).principles}
    assert intervention.definition == trained[intervention.name].definition  # read in the words it was trained on


@pytest.mark.parametrize(
    ("name", "changed", "stages"),
    [
        ("no_pretraining", ["reward"], ["sft", "preferences", "reward", "ppo", "eval"]),
        ("no_length_bonus", ["ppo"], ["sft", "preferences", "reward", "ppo", "eval"]),
        ("label_sum", ["preferences"], ["sft", "preferences", "reward", "ppo", "eval"]),
        ("no_negations", ["preferences", "reward"], ["sft", "preferences", "reward", "ppo", "eval"]),
        ("no_principles", ["preferences", "reward"], ["sft", "preferences", "reward", "ppo", "eval"]),
        ("judge_as_reward", ["ppo"], ["sft", "preferences", "reward", "ppo", "eval"]),
        ("dpo", [], ["sft", "preferences", "dpo"]),
        ("best_of_n", [], ["sft", "preferences", "reward", "best_of_n"]),
    ],
)
def test_an_ablation_changes_what_it_is_named_for(name: str, changed: list[str], stages: list[str]) -> None:
    assert differing("ablations", "full", name) == changed
    assert arm("ablations", name).stages == stages
    assert arm("ablations", "full").stages == ["sft", "preferences", "reward", "ppo", "eval"]


@pytest.mark.parametrize("more", [(), ("model=tiny",)])
def test_the_arms_of_estimators_sample_equally_much(more: tuple[str, ...]) -> None:
    """Answers of an update, their longest length, and updates; prompts make way for further answers to a prompt.

    At model=tiny there are too few prompts for twelve updates with one answer to each.
    """
    arms = {name: arm("estimators", name, *more) for name in ARMS["estimators"][1]}
    assert len({(a.ppo.rollout_batch, a.ppo.sampling.max_new_tokens, a.ppo.max_updates) for a in arms.values()}) == 1
    for config in arms.values():
        ppo = config.ppo
        prompts = (ppo.num_prompts - ppo.held_out_prompts) * ppo.epochs
        assert ppo.max_updates == 12
        assert more or prompts * ppo.answers_per_prompt // ppo.rollout_batch >= 12
    assert [a.ppo.advantage.value for a in arms.values()] == list(arms)
    assert [a.ppo.answers_per_prompt for a in arms.values()] == [1, 4, 8, 1]
    assert len({a.principles.include[0] for a in arms.values()}) == 1
