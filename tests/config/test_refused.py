"""Every bad override is refused, with a message that names the key and what to do."""

import ast
import copy
import math
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from eval import rules as eval_rules
from eval.config import JudgeKind, MTBenchMode
from eval.extension import register_app
from salmon.config import engine_rules, estimator_rules, rules
from salmon.config import setting as setting_module
from salmon.config.model import NO_DROPOUT, Quantization
from salmon.config.ppo import AdvantageEstimator, KLEstimator, KLPlace, ValueInit
from salmon.config.preferences import PairJudge
from salmon.config.register import CONF
from salmon.config.reward import EditSettings, LessonSettings, RewardHead
from salmon.config.run import Engine
from salmon.config.sampling import RolloutBackend
from salmon.config.schema import Config
from salmon.config.setting import Constraints
from salmon.config.sft import SFTSource
from salmon.config.training import Optimizer
from salmon.config.typed import problems, to_typed
from salmon.config.walk import Setting, broken_constraints, settings
from salmon.errors import SalmonError

register_app()


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(CONF, version_base="1.3"):
        return compose("config", overrides=["+experiment=self_judged", *overrides])


@pytest.fixture(scope="module")
def default() -> DictConfig:
    return composed()


Given = dict[str, Any]


@pytest.fixture(scope="module")
def changed(default: DictConfig) -> Callable[[Given], DictConfig]:
    """The default with some values replaced: what the command line does, in a fraction of its time."""

    def change(given: Given) -> DictConfig:
        config = copy.deepcopy(default)
        for key, value in given.items():
            OmegaConf.update(config, key, value, merge=False, force_add=True)
        return config

    return change


# --- refused by Hydra --------------------------------------------------------------------------

BY_HYDRA = [
    # unknown keys and options
    ("ppo.typo=1", ["Could not override 'ppo.typo'", "Key 'typo' not in 'PPOConfig'"]),
    ("typo=1", ["Could not override 'typo'", "Key 'typo' not in 'Config'"]),
    ("ppo.kl.coeficient=1", ["Key 'coeficient' not in 'KLSettings'", "full_key: ppo.kl.coeficient"]),
    ("ppo=papr", ["Could not find 'ppo/papr'", "laptop", "paper"]),
    ("sweep=x", ["Could not override 'sweep'"]),
    ("+experiment=dromedary", ["Could not find 'experiment/dromedary'", "dromedary2_70b"]),
    # wrong types
    ("seed=abc", ["seed=abc", "Value 'abc' of type 'str' could not be converted to Integer"]),
    ("seed=1.5", ["seed=1.5", "could not be converted to Integer"]),
    ("ppo.optim.lr=fast", ["ppo.optim.lr=fast", "could not be converted to Float"]),
    ("ppo.epochs=null", ["ppo.epochs=null", "field 'ppo.epochs' is not Optional"]),
    ("ppo.whiten_advantages=perhaps", ["ppo.whiten_advantages=perhaps", "not a valid bool"]),
    ("~ppo.gamma", ["Error merging override ~ppo.gamma"]),
    ("stages=ppo", ["stages=ppo", "Invalid value assigned: str is not a ListConfig"]),
    ("ppo.principles.boosted.reasoning=Ethical", ["ppo.principles.boosted.reasoning=Ethical"]),
    ("ppo.shaping.length_bonus_multiplier.general=much", ["could not be converted to Float"]),
    # wrong choices: the options are listed
    ("ppo.kl.estimator=k4", ["ppo.kl.estimator=k4", "Invalid value 'k4', expected one of [k1, k2, k3]"]),
]


WRONG_CHOICES = [
    ("ppo.optim.optimizer", "sgd", "adamw, paged_adamw_32bit, paged_adamw_8bit"),
    ("ppo.optim.schedule", "step", "cosine, linear, constant"),
    ("ppo.value_init", "random", "reward, reward_zero_head"),
    ("model.quantization", "int8", "none, nf4"),
    ("model.dtype", "float16", "auto, float32, bfloat16"),
    ("sft.source", "humans", "self_align, demonstrations, styled"),
    ("prompts.on_bad_line", "ignore", "stop, skip"),
    ("preferences.aggregation.label_rule", "mean", "most_pronounced, sum"),
    ("tracking.wandb", "on", "offline, online, disabled"),
    ("eval.bbh.mode", "few", "direct, cot"),
    ("eval.mt_bench.judge.kind", "gpt", "local, openai, none"),
    ("eval.mt_bench.mode", "pairs", "single, pair, both"),
    ("eval.truthfulqa_gen.judge.kind", "gpt", "local, openai, none"),
    ("preferences.judge.kind", "human", "self, verifier, server"),
    ("preferences.judge.server.api", "grpc", "completions, chat"),
    ("rollout.backend", "sglang", "hf, vllm"),
]


@pytest.mark.parametrize(("key", "value", "options"), WRONG_CHOICES, ids=[key for key, _, _ in WRONG_CHOICES])
def test_the_options_are_listed(changed: Callable[[Given], DictConfig], key: str, value: str, options: str) -> None:
    with pytest.raises(OmegaConfBaseException) as caught:
        changed({key: value})
    assert f"Invalid value '{value}', expected one of [{options}]" in str(caught.value)
    assert f"full_key: {key}" in str(caught.value)


@pytest.mark.parametrize(("override", "said"), BY_HYDRA, ids=[override for override, _ in BY_HYDRA])
def test_hydra_refuses(override: str, said: list[str]) -> None:
    with pytest.raises(HydraException) as caught:
        composed(override)
    message = f"{caught.value}\n{caught.value.__cause__}"  # what Hydra prints: the error and OmegaConf's reason
    for part in said:
        assert part in message


def test_an_unknown_key_in_a_yaml_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ppo").mkdir()
    (tmp_path / "ppo" / "mine.yaml").write_text("defaults: [paper]\nkl:\n  coeficient: 0.5\n")
    with pytest.raises(HydraException, match="ppo/mine") as caught:
        composed(f"hydra.searchpath=[file://{tmp_path}]", "ppo=mine")
    assert "Key 'coeficient' not in 'KLSettings'" in f"{caught.value}\n{caught.value.__cause__}"


# --- what + smuggles past Hydra ----------------------------------------------------------------

SMUGGLED = [
    ("+typo=1", "unknown key or group: typo"),
    ("+sweep=x", "unknown key or group: sweep; did you mean sweeps?"),
    ("+experimnt=dromedary2_70b", "unknown key or group: experimnt; did you mean experiment?"),
    ("+ppo.kl.coeficient=1", "unknown key or group: ppo.kl.coeficient; did you mean ppo.kl.coefficient?"),
    (
        "+eval.mt_bench.judge.modl=x",
        "unknown key or group: eval.mt_bench.judge.modl; did you mean eval.mt_bench.judge.model?",
    ),
    ("+ppo.extra={a: 1}", "unknown key or group: ppo.extra"),
]


@pytest.mark.parametrize(("override", "said"), SMUGGLED, ids=[override for override, _ in SMUGGLED])
def test_unknown_keys_behind_a_plus_are_refused(override: str, said: str) -> None:
    with pytest.raises(SalmonError) as caught:
        to_typed(composed(override), Config)
    assert str(caught.value) == f"the config has a problem:\n  - {said}"


# --- rules across values -----------------------------------------------------------------------

STAGES = "sft, preferences, reward, ppo, dpo, best_of_n, eval"
STYLES = (
    "foreign, brief, prose, list, formal, informal, actually, excited, generic_advice, self_praise, counter_question"
)

LESSON = {
    "families": [],
    "words": 0.5,
    "frames": 4,
    "sentences": 0.5,
    "said_twice": 0.3,
    "quoted": 0.7,
    "absence": True,
    "wordings": 1.3,
    "together": 0.3,
    "indifferent": 0.3,
    "unedited": 0.3,
    "edits": EditSettings(crossed=0.5, two_answers=0.3, shortened=1.0, clearest_of=1),
    "answer_tokens": 64,
    "pairs": 8,
    "stop_at_accuracy": 0.9,
}
VLLM = {"rollout.backend": RolloutBackend.vllm}
RULES: list[tuple[Given, str]] = [
    (
        {"engine.kind": Engine.zero2, "ppo.optim.optimizer": Optimizer.paged_adamw_8bit},
        "ppo.optim.optimizer=paged_adamw_8bit cannot be split over processes: with engine=zero2 use "
        "ppo.optim.optimizer=adamw",
    ),
    (
        {"engine.kind": Engine.zero3, "model.quantization": Quantization.nf4},
        "model.quantization=nf4 cannot be split over processes: with engine=zero3 use model.quantization=none, or keep "
        "it and use engine=zero2 or engine=ddp",
    ),
    # rollouts
    *(
        (
            {"rollout.gpu_memory_utilization": share},
            f"rollout.gpu_memory_utilization={share} must be above 0 and below 1: the trainer needs the rest",
        )
        for share in (0.0, 1.0)
    ),
    (
        VLLM | {"model.quantization": Quantization.nf4, "rollout.dequantize": False},
        "rollout=vllm cannot read the base as model.quantization=nf4, and would sample from another model than the "
        "trained one: set rollout.dequantize=true, or rollout=hf",
    ),
    ({"rollout.dequantize": "maybe"}, "rollout.dequantize=maybe must be true or false, or auto"),
    (
        VLLM | {"engine.kind": Engine.ddp},
        "rollout=vllm runs in a job of one process, not with engine=ddp: set engine=single, or rollout=hf",
    ),
    (
        VLLM | {"model.device": "cuda:1"},
        "rollout=vllm takes the first GPU that it sees, not model.device=cuda:1: start with CUDA_VISIBLE_DEVICES set "
        "to that GPU's number, and set model.device=cuda",
    ),
    (VLLM | {"model.lora.r": 513}, "rollout=vllm takes adapters of rank 512 at most, not model.lora.r=513"),
    *(
        (
            VLLM | {f"{stage}.sampling.temperature": value, "sft.source": SFTSource.styled},
            f"{stage}.sampling.temperature={value}: rollout=vllm takes 0, and 0.01 to 2; set one of these, or "
            "rollout=hf",
        )
        for stage in ("sft", "preferences", "ppo")
        for value in (0.005, 2.5)
    ),
    # the run
    ({"stages": []}, f"stages is empty; choose of {STAGES}"),
    ({"stages": ["sft", "ppox"]}, f"stages: unknown 'ppox' (did you mean ppo?); known are {STAGES}"),
    ({"stages": ["zzz"]}, f"stages: unknown 'zzz'; known are {STAGES}"),
    ({"stages": ["ppo", "sft", "ppo"]}, "stages: named more than once: ppo"),
    ({"model.lora.r": 0}, "model.lora.r=0 must be at least 1"),
    (
        {"prompts.held_out": 0.0},
        "prompts.held_out=0 holds no prompts out, and ppo is measured on ppo.held_out_prompts=8 of them",
    ),
    (
        {"prompts.held_out": 0.0, "stages": ["sft", "preferences"]},
        "prompts.held_out=0 holds no prompts out: set preferences.held_out_fraction=0 too, and the reward model is not "
        "measured",
    ),
    ({"prompts.held_out": 1.0}, "prompts.held_out=1.0 must be at least 0 and below 1"),
    ({"preferences.held_out_fraction": 1.0}, "preferences.held_out_fraction=1.0 must be at least 0 and below 1"),
    ({"prompts.min_tokens": 300}, "prompts.min_tokens=300 exceeds prompts.max_tokens=256"),
    (
        {"sft.source": SFTSource.demonstrations},
        "sft.source=demonstrations needs sft.demonstrations=FILE.jsonl or hub:NAME",
    ),
    ({"model.lora.dropout": 0.05}, f"model.lora.dropout=0.05 must be 0: {NO_DROPOUT}"),
    ({"sft.num_prompts": 0}, "sft.num_prompts=0 must be at least 1, or null for all"),
    ({"ppo.gamma": math.nan}, "ppo.gamma=nan is not a finite number"),
    (
        {"ppo.shaping.length_bonus_multiplier.general": math.inf},
        "ppo.shaping.length_bonus_multiplier.general=inf is not a finite number",
    ),
    ({"launch.gpus_per_job": -1}, "launch.gpus_per_job=-1 must not be negative"),
    ({"sft.source": SFTSource.styled}, "sft.source=styled needs sft.styles={STYLE: PROBABILITY, ...}"),
    *(
        (
            {f"{where}.styles": {"breif": 0.5}},
            f"{where}.styles: unknown 'breif' (did you mean brief?); known are {STYLES}",
        )
        for where in ("sft", "preferences")
    ),
    *(
        ({f"{where}.styles": {"brief": value}}, f"{where}.styles.brief={value} must be between 0 and 1")
        for where in ("sft", "preferences")
        for value in (-0.1, 1.1)
    ),
    ({"dpo.beta": 0.0}, "dpo.beta=0.0 must be above 0"),
    (
        {"ppo.rollout_batch": 112},
        "ppo.num_prompts=48 less ppo.held_out_prompts=8, times ppo.epochs=2, do not fill one "
        "rollout of ppo.rollout_batch=112",
    ),
    ({"ppo.clip_range": 0.0}, "ppo.clip_range=0.0 must be above 0"),
    *(
        (
            {"ppo.value_init": ValueInit.reward, key: value},
            f"ppo.value_init=reward predicts the reward model's scores, and with {said} returns are in other units: "
            "set ppo.value_init=reward_zero_head",
        )
        for key, value, said in (
            ("ppo.reward_source", "verifier", "ppo.reward_source=verifier"),
            ("ppo.shaping.center", True, "ppo.shaping.center=true"),
            ("ppo.shaping.whiten", True, "ppo.shaping.whiten=true"),
        )
    ),
    ({"ppo.target_kl": 0.0}, "ppo.target_kl=0.0 must be above 0, or null for no limit"),
    # sampling
    (
        {"preferences.sampling.temperature": 0.0},
        "preferences.sampling.temperature=0 makes both responses of a pair the same",
    ),
    ({"ppo.sampling.temperature": 0.0}, "ppo.sampling.temperature=0.0 must be above 0: PPO needs samples"),
    (
        {"ppo.sampling.top_p": 0.9},
        "ppo.sampling.top_p=0.9 must be 1: log-probs are of the whole distribution, and a "
        "truncated one makes the KL negative",
    ),
    ({"sft.sampling.batch_size": 0}, "sft.sampling.batch_size=0 must be at least 1"),
    *(
        ({f"{stage}.sampling.temperature": -0.5}, f"{stage}.sampling.temperature=-0.5 must not be negative")
        for stage in ("sft", "preferences", "ppo")
    ),
    *(
        ({f"{stage}.sampling.top_p": value}, f"{stage}.sampling.top_p={value} must be above 0 and at most 1")
        for stage in ("sft", "preferences", "ppo")
        for value in (0.0, 1.5)
    ),
    # training
    ({"reward.pretrain.train.batch_size": 0}, "reward.pretrain.train.batch_size=0 must be at least 1"),
    ({"reward.pretrain.train.epochs": 0}, "reward.pretrain.train.epochs=0 must be at least 1"),
    (
        {"reward.start": "FOLDER", "reward.train.epochs": 0, "reward.pretrain.data": "mismatched"},
        "reward.train.epochs=0 reads no judged rows: set reward.pretrain.data to null or to parametric",
    ),
    (
        {"ppo.value_init": ValueInit.reward, "reward.head": RewardHead.yes_no},
        "ppo.value_init=reward copies the reward model's head, and reward.head=yes_no has no weights: set "
        "ppo.value_init=reward_zero_head",
    ),
    (
        {"reward.train.epochs": 0, "reward.pretrain.data": None},
        "reward.train.epochs=0 must be at least 1, or give reward.start=FOLDER, which is then taken as it is, or "
        "reward.pretrain.data=parametric, which needs no judged rows",
    ),
    (
        {"reward.pretrain.data": "parametric", "reward.principles": False},
        "reward.principles=false reads no principles, so reward.pretrain.data=parametric has nothing to teach: set "
        "reward.pretrain.data=null",
    ),
    (
        {"reward.pretrain.data": "parametric", "reward.parametric.lessons": []},
        "reward.pretrain.data=parametric needs lessons: reward.parametric.lessons is empty",
    ),
    (
        {"reward.consistency": 0.5, "reward.rows_together": 1, "reward.pretrain.data": None},
        "reward.consistency=0.5 compares rows of a pair that are trained on together: set reward.rows_together to at "
        "least 2, or reward.consistency=0",
    ),
    ({"dpo.train.epochs": 0}, "dpo.train.epochs=0 must be at least 1"),
    (
        {"sft.train.epochs": 0},
        "sft.train.epochs=0 must be at least 1, or give sft.start=FOLDER, which is then taken as it is",
    ),
    *(
        ({f"{where}.{name}": value}, f"{where}.{name}={value} must {must}")
        for where in (
            "sft.train.optim",
            "reward.train.optim",
            "reward.pretrain.train.optim",
            "ppo.optim",
            "dpo.train.optim",
        )
        for name, value, must in (
            ("lr", 0.0, "be above 0"),
            ("max_grad_norm", -1.0, "be above 0"),
            ("warmup", -1.0, "not be negative: below 1 it is a share of the steps, from 1 on a number of steps"),
        )
    ),
    # preferences
    (
        {"preferences.judge.server.concurrent_calls": 0},
        "preferences.judge.server.concurrent_calls=0 must be at least 1",
    ),
    *(
        (
            {"preferences.samples_per_prompt": n},
            f"preferences.samples_per_prompt={n} must be at least 2: a pair has two answers",
        )
        for n in (0, 1)
    ),
    (
        {"preferences.judge.server.timeout_s": 0.0},
        "preferences.judge.server.timeout_s=0.0 must be above 0 and at most 86400",
    ),
    (
        {"preferences.judge.kind": PairJudge.server},
        "preferences.judge.kind=server needs the name of a model: set preferences.judge.server.model",
    ),
    (
        {"preferences.judge.server.base_url": "localhost:8000/v1"},
        "preferences.judge.server.base_url=localhost:8000/v1 "
        "must start with http:// or https:// (and usually ends in /v1), or null for OpenAI's own",
    ),
    *(
        ({f"preferences.{name}": value}, f"preferences.{name}={value} must be between 0 and 1")
        for value in (-0.1, 1.1)
        for name in ("contrast", "aggregation.label_noise")
    ),
    (
        {"preferences.contrast": 0.5},
        "preferences.contrast=0.5 exchanges one style for another and needs at least two "
        "preferences.styles with a probability",
    ),
    *(
        (
            {"reward.parametric.lessons": [LessonSettings(**(LESSON | {name: value}))]},
            f"reward.parametric.lessons[0].{said}",
        )
        for name, value, said in (
            ("pairs", 0, "pairs=0 must be at least 1"),
            ("answer_tokens", 0, "answer_tokens=0 must be at least 1"),
            ("frames", 0, "frames=0 must be at least 1, or null for all"),
            ("words", -0.5, "words=-0.5 must be between 0 and 1"),
            ("stop_at_accuracy", 1.5, "stop_at_accuracy=1.5 must be between 0 and 1"),
        )
    ),
    (
        {"reward.layers": 6, "reward.first_layer": 6},
        "reward.first_layer=6 must be below reward.layers=6: no layer is left for the adapter",
    ),
    (
        {
            "reward.parametric.lessons": [LessonSettings(**(LESSON | {"answer_tokens": 65}))],
            "reward.pretrain.max_response_tokens": 64,
        },
        "reward.parametric.lessons[0].answer_tokens=65 lets in answers that reward.pretrain.max_response_tokens=64 "
        "cuts: lower the one or raise the other",
    ),
    (
        {"reward.parametric.lessons": [LessonSettings(**(LESSON | {"quoted": 0.8}))]},
        "reward.parametric.lessons[0]: said_twice=0.3 and quoted=0.8 are shares of the same wordings, and no wording "
        "is both: their sum must be at most 1",
    ),
    ({"reward.probe.every": 0}, "reward.probe.every=0 must be at least 1, or null for none"),
    *(
        (
            {"preferences.aggregation.geometric_p": value},
            f"preferences.aggregation.geometric_p={value} must be above 0 and at most 1",
        )
        for value in (-0.1, 0.0, 1.1)
    ),
    # what must fit the model
    ({"reward.max_length": 5000}, "reward.max_length=5000 exceeds model.context=4096"),
    ({"ppo.reward_input.max_length": 5000}, "ppo.reward_input.max_length=5000 exceeds model.context=4096"),
    ({"preferences.judge.max_tokens": 5000}, "preferences.judge.max_tokens=5000 exceeds model.context=4096"),
    (
        {"preferences.sampling.max_new_tokens": 4000},
        "prompts.max_tokens + preferences.sampling.max_new_tokens = 4256 exceeds model.context=4096",
    ),
    (
        {"sft.max_prompt_tokens": 4010},
        "sft.max_prompt_tokens + sft.max_response_tokens = 4106 exceeds model.context=4096",
    ),
    (
        {"reward.pretrain.max_length": 5000, "reward.pretrain.data": "pairs.jsonl"},
        "reward.pretrain.max_length=5000 exceeds model.context=4096",
    ),
    (
        {"ppo.sampling.max_new_tokens": 4000},
        "prompts.max_tokens + ppo.sampling.max_new_tokens = 4256 exceeds model.context=4096",
    ),
    # PPO
    *(({f"ppo.{name}": 0}, f"ppo.{name}=0 must be at least 1") for name in ("rollout_batch", "minibatch")),
    ({"ppo.keep_every": 0}, "ppo.keep_every=0 must be at least 1, or null for none"),
    ({"ppo.minibatch": 10}, "ppo.rollout_batch=16 is not divisible by ppo.minibatch=10; nearest divisors: 4, 8, 16"),
    (
        {"ppo.principles.boosted": {"reasonning": ["Ethical"]}},
        "ppo.principles.boosted: unknown 'reasonning' (did you mean reasoning?); known are general, reasoning, "
        "red_teaming",
    ),
    (
        {"ppo.shaping.length_bonus_multiplier.math": 1.0},
        "ppo.shaping.length_bonus_multiplier: unknown 'math'; known are general, reasoning, red_teaming",
    ),
    (
        {"ppo.shaping.length_bonus_multiplier": {"general": 1.0}},
        "ppo.shaping.length_bonus_multiplier lacks reasoning, red_teaming",
    ),
    ({"ppo.principles.per_prompt": -1}, "ppo.principles.per_prompt=-1 must not be negative"),
    ({"ppo.kl.coefficient": -0.1}, "ppo.kl.coefficient=-0.1 must not be negative"),
    ({"ppo.kl.adaptive": True, "ppo.kl.target": 0.0}, "ppo.kl.adaptive needs ppo.kl.target and ppo.kl.horizon above 0"),
    ({"ppo.kl.adaptive": True, "ppo.kl.horizon": 3.0}, "ppo.kl.horizon=3.0 must exceed 0.2 * ppo.rollout_batch=3.2"),
    *(
        (
            {"ppo.advantage": estimator},
            f"ppo.advantage={estimator.value} compares the answers to one prompt, and ppo.answers_per_prompt=1 gives "
            f"one: set ppo.answers_per_prompt to at least 2, or take the choice ppo/advantage={estimator.value}, which "
            "does",
        )
        for estimator in (AdvantageEstimator.rloo, AdvantageEstimator.grpo)
    ),
    ({"ppo.answers_per_prompt": 0}, "ppo.answers_per_prompt=0 must be at least 1"),
    (
        {"ppo.answers_per_prompt": 3},
        "ppo.rollout_batch=16 is not divisible by ppo.answers_per_prompt=3: a rollout has all answers to its prompts",
    ),
    (
        {"ppo.answers_per_prompt": 2, "ppo.rollout_batch": 176},
        "ppo.num_prompts=48 less ppo.held_out_prompts=8, times ppo.epochs=2, times ppo.answers_per_prompt=2, do not "
        "fill one rollout of ppo.rollout_batch=176",
    ),
    (
        {"ppo.advantage": AdvantageEstimator.rloo, "ppo.answers_per_prompt": 4, "ppo.gamma": 0.9},
        "ppo.advantage=rloo has one advantage for a whole response, with no discount: set ppo.gamma=1",
    ),
    (
        {"ppo.advantage": AdvantageEstimator.reinforce_pp, "ppo.whiten_advantages": False},
        "ppo.advantage=reinforce_pp compares returns with those of the whole rollout: set ppo.whiten_advantages=true, "
        "which does that",
    ),
    (
        {"ppo.advantage": AdvantageEstimator.reinforce_pp, "ppo.critic_warmup_updates": 2},
        "ppo.critic_warmup_updates=2 trains a value model, and ppo.advantage=reinforce_pp has none: set "
        "ppo.critic_warmup_updates=0",
    ),
    (
        {"ppo.kl.place": KLPlace.loss},
        "ppo.kl.place=loss needs ppo.kl.estimator=k3 (or k2): the gradient of k1 is 0 on average, whatever the KL",
    ),
    ({"ppo.max_updates": 0}, "ppo.max_updates=0 must be at least 1, or null for all that the epochs give"),
    # evaluation
    ({"eval.tasks": []}, "eval.tasks is empty, which measures nothing; name tasks, or leave eval out of stages"),
    *(
        (
            {"eval.tasks": [task], f"eval.{group}.max_new_tokens": 4096},
            f"eval.{group}.max_new_tokens=4096 leaves no room for a prompt in model.context=4096; lower it",
        )
        for task, group in eval_rules.GENERATING.items()
    ),
    (
        {"eval.tasks": ["mtbench"]},
        "eval.tasks: unknown 'mtbench' (did you mean mt_bench?); known are truthfulqa_mc1, "
        "truthfulqa_mc2, truthfulqa_gen, bbh, humaneval, tydiqa_goldp, mt_bench, ifbench, "
        "pairs, probes, principle_following",
    ),
    *(
        (
            {"eval.tasks": [task], "eval.data_dir": None},
            f"eval.tasks has {task}, which needs a file: give +eval.{task}.files.NAME=FILE",
        )
        for task in ("pairs", "probes")
    ),
    (
        {"eval.truthfulqa_gen.judge.base_url": "localhost"},
        "eval.truthfulqa_gen.judge.base_url=localhost must start with http:// or https:// (and usually ends in /v1), "
        "or null for OpenAI's own",
    ),
    ({"eval.truthfulqa_gen.judge.max_retries": -1}, "eval.truthfulqa_gen.judge.max_retries=-1 must not be negative"),
    (
        {
            "eval.truthfulqa_gen.judge.kind": JudgeKind.openai,
            "eval.truthfulqa_gen.judge.informative_model": None,
            "eval.truthfulqa_gen.judge.model": None,
        },
        "eval.truthfulqa_gen.judge.kind=openai needs the model's name: set eval.truthfulqa_gen.judge.model",
    ),
    (
        {
            "eval.truthfulqa_gen.judge.kind": JudgeKind.openai,
            "eval.truthfulqa_gen.judge.model": "m",
            "eval.truthfulqa_gen.judge.informative_model": "n",
        },
        "eval.truthfulqa_gen.judge.informative_model=n is for kind=local only, set it to null: an endpoint's model is "
        "asked both questions",
    ),
    (
        {"eval.principle_following.limit": 0},
        "eval.principle_following.limit=0 must be at least 1, or null for all pairs",
    ),
    (
        {"eval.principle_following.real_pairs": {"hh": "hh.jsonl"}, "eval.principle_following.real_banks": []},
        "eval.principle_following.real_pairs needs at least one bank in eval.principle_following.real_banks",
    ),
    (
        {"eval.mt_bench.judge.kind": JudgeKind.openai, "eval.mt_bench.judge.repeats": 2},
        "eval.mt_bench.judge.repeats=2 must be odd: the median counts",
    ),
    (
        {"eval.mt_bench.judge.kind": JudgeKind.local, "eval.mt_bench.judge.repeats": 3},
        "eval.mt_bench.judge.repeats must be 1 with kind=local, which always says the same",
    ),
    (
        {
            "eval.mt_bench.judge.kind": JudgeKind.openai,
            "eval.mt_bench.judge.repeats": 3,
            "eval.mt_bench.judge.temperature": 0,
        },
        "eval.mt_bench.judge.temperature=0 must be above 0 where repeats=3: at 0 they would be alike",
    ),
    (
        {"eval.mt_bench.judge.kind": JudgeKind.openai, "eval.mt_bench.mode": MTBenchMode.pair},
        "eval.mt_bench.mode=pair needs answers to compare with: set eval.mt_bench.baseline to a "
        "model_answer/<model>.jsonl of FastChat's format",
    ),
    (
        {
            "eval.mt_bench.judge.kind": JudgeKind.local,
            "eval.mt_bench.mode": MTBenchMode.both,
            "eval.mt_bench.baseline": "m.jsonl",
        },
        "eval.mt_bench.mode=both needs eval.mt_bench.judge.kind=openai: a judge that writes",
    ),
    ({"eval.mt_bench.baseline": "m.jsonl"}, "eval.mt_bench.baseline=m.jsonl is for eval.mt_bench.mode=pair or both"),
    (
        {"eval.mt_bench.judge.calls_per_minute": 0},
        "eval.mt_bench.judge.calls_per_minute=0 must be at least 1, or null for as many as the server takes",
    ),
    (
        {"eval.mt_bench.judge.base_url": "localhost:8000"},
        "eval.mt_bench.judge.base_url=localhost:8000 must start with "
        "http:// or https:// (and usually ends in /v1), or null for OpenAI's own",
    ),
    (
        {"eval.draw.bbh": 26},
        "eval.draw.bbh=26 draws nothing of some of the 27 tasks; draw 27 or more",
    ),
    ({"eval.tydiqa.languages": []}, "eval.tydiqa.languages=[] asks nothing; name languages, or null for all"),
    (
        {"eval.tydiqa.languages": ["finish"]},
        "eval.tydiqa.languages: unknown 'finish' (did you mean finnish?); known "
        "are arabic, bengali, english, finnish, indonesian, korean, russian, "
        "swahili, telugu",
    ),
    ({"eval.humaneval.timeout_s": 0.5}, "eval.humaneval.timeout_s=0.5 must be between 1 and 86400"),
    ({"eval.limit": 0}, "eval.limit=0 must be at least 1, or null for all items"),
    (
        {"eval.mt_bench.judge.price_prompt": -1.0},
        "eval.mt_bench.judge.price_prompt=-1.0 must not be negative, or null for unknown",
    ),
]


RULES_IN = {
    module.__file__: [name for name in vars(module) if name.endswith("_rules")]
    for module in (rules, engine_rules, estimator_rules, eval_rules)
} | {setting_module.__file__: ["problems", "unknown_names"]}


def problems_of(config: DictConfig) -> list[str]:
    with pytest.raises(SalmonError) as caught:
        to_typed(config, Config)
    first, *lines = str(caught.value).split("\n")
    assert first == ("the config has a problem:" if len(lines) == 1 else f"the config has {len(lines)} problems:")
    assert all(line.startswith("  - ") for line in lines)
    return [line.removeprefix("  - ") for line in lines]


@pytest.fixture(scope="module")
def with_values(default: DictConfig) -> Callable[[Given], Config]:
    """The typed default with some values replaced, not yet checked."""
    typed = to_typed(default, Config)

    def replace(given: Given) -> Config:
        config = copy.deepcopy(typed)
        for key, value in given.items():
            *groups, name = key.split(".")
            node: Any = config
            for group in groups:
                of_list = re.fullmatch(r"(\w+)\[(\d+)\]", group)
                node = getattr(node, of_list[1])[int(of_list[2])] if of_list else getattr(node, group)
            if isinstance(node, dict):
                node[name] = value
            else:
                setattr(node, name, value)
        return config

    return replace


@pytest.mark.parametrize(("given", "said"), RULES, ids=[" ".join(f"{k}={v}" for k, v in g.items()) for g, _ in RULES])
def test_broken_rules(with_values: Callable[[Given], Config], given: Given, said: str) -> None:
    assert said in problems(with_values(given))


@pytest.mark.parametrize(
    "given",
    [
        {"ppo.kl.target": 0.0, "ppo.kl.horizon": 1.0},  # without the adaptive controller they are not used
        {"eval.limit": None},
        {"eval.limit": 1},
        {"ppo.principles.per_prompt": 0},
        {"ppo.kl.coefficient": 0.0},
        {"sft.sampling.temperature": 0.0},
        {"ppo.minibatch": 16},
        {"reward.max_length": 4096},
        {"ppo.optim.warmup": 0.0},
        {"preferences.aggregation.label_noise": 0.0},
        {"preferences.aggregation.geometric_p": 1.0},
        {"prompts.min_tokens": 256},
        {"stages": ["ppo"]},
        {"ppo.principles.boosted": {}},
        {"stages": ["sft", "preferences", "dpo", "reward", "best_of_n"]},
        {"reward.layers": 1},
        {"principles.rl": None},
        {"sft.source": SFTSource.styled, "sft.styles": {"brief": 0.0, "list": 1.0}},
        {"preferences.samples_per_prompt": 2},
        {"preferences.judge.kind": PairJudge.verifier, "preferences.judge.max_tokens": 5000},  # it reads no model
        {
            "preferences.judge.kind": PairJudge.server,
            "preferences.judge.server.model": "any",
            "preferences.judge.server.base_url": "http://localhost:8000/v1",
            "preferences.judge.max_tokens": 5000,
        },
        {"engine.kind": Engine.zero2, "stages": ["sft"], "ppo.optim.optimizer": Optimizer.paged_adamw_8bit},  # not run
        {"engine.kind": Engine.zero2, "model.quantization": Quantization.nf4},
        {"engine.kind": Engine.ddp, "ppo.optim.optimizer": Optimizer.paged_adamw_8bit},
        {"eval.principle_following.real_pairs": {"hh": "hh.jsonl"}},
        {"ppo.advantage": AdvantageEstimator.rloo, "ppo.answers_per_prompt": 2},
        {"ppo.answers_per_prompt": 16},  # gae, and one prompt an update
        {  # no value model starts from the reward model's head
            "ppo.advantage": AdvantageEstimator.reinforce_pp,
            "ppo.value_init": ValueInit.reward,
            "ppo.shaping.center": True,
            "ppo.gamma": 0.9,
        },
        {"ppo.kl.place": KLPlace.loss, "ppo.kl.estimator": KLEstimator.k2},
        {"eval.principle_following.limit": None},
        {"eval.tasks": ["pairs", "probes"], "eval.data_dir": "mini"},  # the bundled smoke test
        {"eval.tasks": ["pairs"], "eval.data_dir": None, "eval.pairs.files": {"hh": "hh.jsonl"}},
        VLLM | {"ppo.sampling.temperature": 2.0, "preferences.sampling.temperature": 0.01, "model.lora.r": 512},
        VLLM | {"sft.sampling.temperature": 0.0, "sft.source": SFTSource.styled, "sft.styles": {"brief": 0.5}},
        VLLM | {"sft.sampling.temperature": 0.005},  # of Self-Align, which vLLM does not sample
        {"engine.kind": Engine.ddp, "model.device": "cuda:1", "model.quantization": Quantization.nf4},
    ],
    ids=str,
)
def test_values_at_the_edge_are_allowed(with_values: Callable[[Given], Config], given: Given) -> None:
    assert problems(with_values(given)) == []


def test_several_problems_are_listed_together() -> None:
    with pytest.raises(SalmonError) as caught:
        to_typed(composed("+typo=1", "+ppo.kl.coeficient=1", "ppo.minibatch=7", "stages=[ppox]"), Config)
    assert str(caught.value).split("\n") == [
        "the config has 4 problems:",
        "  - unknown key or group: ppo.kl.coeficient; did you mean ppo.kl.coefficient?",
        "  - unknown key or group: typo",
        "  - stages: unknown 'ppox' (did you mean ppo?); known are sft, preferences, reward, ppo, dpo, best_of_n, eval",
        "  - ppo.rollout_batch=16 is not divisible by ppo.minibatch=7; nearest divisors: 2, 4, 8",
    ]


def test_a_sound_config_breaks_no_rule(default: DictConfig) -> None:
    assert problems(to_typed(default, Config)) == []


def test_each_rule_is_broken_above(with_values: Callable[[Given], Config]) -> None:
    """Every ``yield`` of a rule is reached by some case, so a new rule needs a new case."""
    rules = {
        (path, node.lineno)
        for path, names in RULES_IN.items()
        for function in ast.walk(ast.parse(Path(path).read_text()))
        if isinstance(function, ast.FunctionDef) and function.name in names
        for node in ast.walk(function)
        if isinstance(node, ast.Yield)
    }
    reached: set[tuple[str, int]] = set()

    def trace(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in RULES_IN:
            return None
        reached.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    typed = [with_values(given) for given, _ in RULES]
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for config in typed:
            problems(config)
    finally:
        sys.settrace(before)
    assert len(rules) > 20
    assert rules - reached == set()


# --- limits beside the settings ----------------------------------------------------------------

# A group in a list, and a number in a mapping: their limits hold as well.
NESTED: Given = {"reward.parametric.lessons": [LessonSettings(**LESSON)], "sft.styles": {"brief": 0.5}}


@pytest.fixture(scope="module")
def limited(with_values: Callable[[Given], Config]) -> list[Setting]:
    """All settings with a limit, wherever they stand."""
    return [setting for setting in settings(with_values(NESTED)) if setting.constraints != Constraints()]


def test_numbers_are_refused_just_outside_their_limits(
    with_values: Callable[[Given], Config], limited: list[Setting]
) -> None:
    tried = 0
    for key, value, limits in limited:
        for place in [f"{key}.{name}" for name in value] if isinstance(value, dict) else [key]:
            for limit, outside, inside in (
                (limits.at_least, -1, 0),
                (limits.at_most, 0.01, 0),
                (limits.above, 0, 0.01),
                (limits.below, 0, -0.01),
            ):
                if limit is not None:
                    refused, accepted = ({place: limit + step} for step in (outside, inside))
                    (said,) = broken_constraints(with_values(NESTED | refused))
                    assert said.startswith(f"{place}={limit + outside} must ")
                    assert list(broken_constraints(with_values(NESTED | accepted))) == []
                    tried += 1
    assert tried > 140


def test_unknown_names_are_refused(with_values: Callable[[Given], Config], limited: list[Setting]) -> None:
    named = [setting for setting in limited if setting.constraints.choices]
    assert len(named) == 7
    for key, value, limits in named:
        given: Any = {"zzz": 0.5} if isinstance(value, dict) else ["zzz"]
        said = f"{key}: unknown 'zzz'; known are {', '.join(limits.choices)}"
        assert said in list(broken_constraints(with_values({key: given})))


# --- numbers without sense ---------------------------------------------------------------------


def numbers(node: Any, kind: type, path: str = "") -> Iterator[str]:
    for f in fields(node):
        value = getattr(node, f.name)
        if is_dataclass(value):
            yield from numbers(value, kind, f"{path}{f.name}.")
        elif str(getattr(f.type, "__name__", f.type)) in (kind.__name__, f"{kind.__name__} | None"):
            yield f"{path}{f.name}"


def accepted(changed: Callable[[Given], DictConfig], default: DictConfig, kind: type, value: Any) -> list[str]:
    """Settings that no problem names when all of a kind have a senseless value."""
    keys = list(numbers(to_typed(default, Config), kind))
    problems = "\n".join(problems_of(changed({key: value for key in keys})))
    return [key for key in keys if not re.search(rf"\b{re.escape(key)}(?![\w.])", problems)]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_settings_are_finite(changed: Callable[[Given], DictConfig], default: DictConfig, value: float) -> None:
    assert accepted(changed, default, float, value) == []


def test_counts_are_not_negative(changed: Callable[[Given], DictConfig], default: DictConfig) -> None:
    assert accepted(changed, default, int, -1) == []


def test_the_key_that_somebody_gave_is_named() -> None:
    """``ppo.seed`` is ``${seed}``: one fault, one message."""
    for override in ("seed=-1", "ppo.seed=-1"):
        assert problems_of(composed(override)) == [f"{override} must not be negative"]
    said = problems_of(composed("ppo.epochs=${prompts.min_tokens}", "prompts.min_tokens=0"))
    assert said[0] == "ppo.epochs=0 must be at least 1", "what it refers to is allowed there"


SENSELESS = [
    ("model.lora.alpha=0", "model.lora.alpha=0.0 must be above 0"),
    ("ppo.shaping.scale=0", "ppo.shaping.scale=0.0 must be above 0"),
    ("ppo.principles.boost=-1", "ppo.principles.boost=-1.0 must be between 0 and 1000000"),
    (
        "ppo.shaping.unfinished_penalty=1",
        "ppo.shaping.unfinished_penalty=1.0 must be at most 0: it is added to the score",
    ),
    ("tracking.project=a/b", r"tracking.project=a/b has /, and W&B has no project with one of / \ # ? % : in its name"),
    ("tracking.tags=['']", "tracking.tags[0]= is blank"),
    ("stages=[[sft]]", "stages[0] must be one value, not a list inside of another"),
    ("principles.exclude=[[a]]", "principles.exclude[0] must be one value, not a list inside of another"),
    ("model.context=9223372036854775808", "model.context=9223372036854775808 must be at most 9223372036854775807"),
    ("ppo.rollout_batch=1000000000000000000", "is not divisible by"),
]


@pytest.mark.parametrize(("override", "said"), SENSELESS, ids=[override for override, _ in SENSELESS])
def test_what_has_no_sense_is_refused(override: str, said: str) -> None:
    more = ["ppo.minibatch=7"] if "divisible" in said else []
    assert any(said in problem for problem in problems_of(composed(override, *more)))
