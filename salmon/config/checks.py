"""From Hydra's composed config to typed objects, once, with every problem in one message."""

import difflib
import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from salmon.config.data import PrinciplesConfig
from salmon.config.engine_rules import engine_rules, rollout_rules
from salmon.config.extensions import extensions, stage_names
from salmon.config.ppo import PPOConfig, RewardSource
from salmon.config.preferences import PairJudge, PreferencesConfig
from salmon.config.reward import RewardConfig
from salmon.config.sampling import SamplingSettings
from salmon.config.schema import Config
from salmon.config.sft import SFTSource
from salmon.config.training import OptimSettings
from salmon.config.values import choices, positive, probabilities, settings
from salmon.errors import SalmonError

T = TypeVar("T")

STYLES = (
    "foreign",
    "brief",
    "prose",
    "list",
    "formal",
    "informal",
    "actually",
    "excited",
    "generic_advice",
    "self_praise",
    "counter_question",
)  # of salmon/data/styles.py
QUESTION_TYPES = ("general", "reasoning", "red_teaming")


def to_typed(composed: DictConfig, root: type[T]) -> T:
    """Check a composed config and convert it to its dataclasses.

    Raises:
        SalmonError: one message with all unknown keys, missing values and broken rules.
    """
    try:
        missing = sorted(OmegaConf.missing_keys(composed))  # resolves what a value refers to
        config: Any = None if missing else OmegaConf.to_object(composed)
    except OmegaConfBaseException as error:
        raise SalmonError(f"config: {error}") from error
    if missing:
        raise SalmonError("the config lacks values for: " + ", ".join(missing) + ". Give each as KEY=VALUE")
    if not isinstance(config, root):
        raise SalmonError(f"the composed config is not a {root.__name__}; is `schema` missing from its defaults?")
    deleted = sorted(path for path, value in settings(config) if value == MISSING)
    if deleted:  # with ~KEY: neither missing nor unknown to OmegaConf
        raise SalmonError("the config lacks values for: " + ", ".join(deleted) + ". Give each as KEY=VALUE")
    problems = [*unknown_keys(config), *senseless_numbers(config), *broken_rules(config)]
    if problems:
        raise SalmonError(
            "the config has "
            + (f"{len(problems)} problems" if len(problems) > 1 else "a problem")
            + ":\n"
            + "\n".join(f"  - {problem}" for problem in problems)
        )
    return config


def unknown_keys(node: Any, path: str = "") -> Iterator[str]:
    """Keys that ``+key=value`` or a misspelt ``+group=option`` smuggled past Hydra's schema."""
    known = {f.name for f in fields(node)}
    for name, value in vars(node).items():
        where = f"{path}{name}"
        if name not in known:
            close = difflib.get_close_matches(name, [*known, "experiment", "sweeps"], n=1)
            hint = f"; did you mean {path}{close[0]}?" if close else ""
            yield f"unknown key or group: {where}{hint}"
        elif is_dataclass(value):
            yield from unknown_keys(value, f"{where}.")


def senseless_numbers(config: Any) -> Iterator[str]:
    """NaN and infinity, which pass every comparison, and negative counts, which slice from the wrong end."""
    for key, value in settings(config):
        if isinstance(value, float) and not math.isfinite(value):
            yield f"{key}={value} is not a finite number"
        if type(value) is int and value < 0 and key != "seed":
            yield f"{key}={value} must not be negative"


def broken_rules(config: Any) -> Iterator[str]:
    """Rules that a type cannot state, in plain words."""
    for name, extension in extensions().items():
        if hasattr(config, name):
            yield from extension.rules(getattr(config, name))
    if isinstance(config, Config):
        yield from _pipeline_rules(config)
        yield from engine_rules(config)
        yield from rollout_rules(config)
        yield from _ppo_rules(config.ppo, config.principles)


def _pipeline_rules(config: Config) -> Iterator[str]:
    yield from choices("stages", config.stages, stage_names())
    if not config.stages:
        yield f"stages is empty; choose of {', '.join(stage_names())}"
    if config.sft.source is SFTSource.demonstrations and config.sft.demonstrations is None:
        yield "sft.source=demonstrations needs sft.demonstrations=FILE.jsonl or hub:NAME"
    if config.model.lora.r < 1:
        yield f"model.lora.r={config.model.lora.r} must be at least 1"
    if config.prompts.min_tokens > config.prompts.max_tokens:
        yield f"prompts.min_tokens={config.prompts.min_tokens} exceeds prompts.max_tokens={config.prompts.max_tokens}"
    yield from positive("principles", reward_wordings=config.principles.reward_wordings)
    for where, sampling in (("sft", config.sft.sampling), ("preferences", config.preferences.sampling)):
        yield from _sampling_rules(f"{where}.sampling", sampling)
    for where, train in (
        ("sft.train", config.sft.train),
        ("reward.train", config.reward.train),
        ("reward.pretrain.train", config.reward.pretrain.train),
        ("dpo.train", config.dpo.train),
    ):
        yield from positive(
            where, batch_size=train.batch_size, micro_batch_size=train.micro_batch_size, save_every=train.save_every
        )
        yield from _epochs(where, train.epochs, config)
        yield from _optim_rules(f"{where}.optim", train.optim)
    yield from positive("model", context=config.model.context)
    if not 0 <= config.model.lora.dropout < 1:
        yield f"model.lora.dropout={config.model.lora.dropout} must be at least 0 and below 1"
    yield from positive(
        "sft", max_prompt_tokens=config.sft.max_prompt_tokens, max_response_tokens=config.sft.max_response_tokens
    )
    for where, limits in (
        ("reward", config.reward),
        ("reward.pretrain", config.reward.pretrain),
        ("ppo.reward_input", config.ppo.reward_input),
    ):
        yield from positive(
            where,
            max_length=limits.max_length,
            max_instruction_tokens=limits.max_instruction_tokens,
            max_response_tokens=limits.max_response_tokens,
        )
    for key, count in (
        ("sft.num_prompts", config.sft.num_prompts),
        ("ppo.num_prompts", config.ppo.num_prompts),
        ("preferences.num_prompts", config.preferences.num_prompts),
        ("reward.pretrain.limit", config.reward.pretrain.limit),
    ):
        if count == 0:
            yield f"{key}=0 must be at least 1, or null for all"
    yield from positive("sft", samples_per_prompt=config.sft.samples_per_prompt)
    for where, styles in (("sft.styles", config.sft.styles), ("preferences.styles", config.preferences.styles)):
        yield from choices(where, list(styles), STYLES)
        yield from probabilities(where, **styles)
    if config.sft.source is SFTSource.styled and not config.sft.styles:
        yield "sft.source=styled needs sft.styles={STYLE: PROBABILITY, ...}"
    yield from _preference_rules(config.preferences)
    yield from _reward_rules(config.reward)
    if config.dpo.beta <= 0:
        yield f"dpo.beta={config.dpo.beta} must be above 0"
    yield from positive("best_of_n", n=config.best_of_n.n)
    for where, length in (
        ("reward", config.reward.max_length),
        ("ppo.reward_input", config.ppo.reward_input.max_length),
    ):
        if length > config.model.context:
            yield f"{where}.max_length={length} exceeds model.context={config.model.context}"
    if config.preferences.judge.kind is PairJudge.self and config.preferences.judge.max_tokens > config.model.context:
        yield (
            f"preferences.judge.max_tokens={config.preferences.judge.max_tokens} exceeds "
            f"model.context={config.model.context}"
        )
    if config.prompts.max_tokens + config.ppo.sampling.max_new_tokens > config.model.context:
        yield (
            f"prompts.max_tokens + ppo.sampling.max_new_tokens = "
            f"{config.prompts.max_tokens + config.ppo.sampling.max_new_tokens} exceeds "
            f"model.context={config.model.context}"
        )


def _epochs(where: str, epochs: int, config: Config) -> Iterator[str]:
    """None at all only where there is something to take as it is."""
    starts = {"sft.train": config.sft.start, "reward.train": config.reward.start}
    if epochs == 0 and starts.get(where) is None:
        stage = where.partition(".")[0]
        instead = f", or give {stage}.start=FOLDER, which is then taken as it is" if where in starts else ""
        yield f"{where}.epochs=0 must be at least 1{instead}"


def _preference_rules(preferences: PreferencesConfig) -> Iterator[str]:
    if preferences.sampling.temperature == 0:
        yield "preferences.sampling.temperature=0 makes both responses of a pair the same"
    yield from positive(
        "preferences", min_response_chars=preferences.min_response_chars, pairs_per_prompt=preferences.pairs_per_prompt
    )
    yield from positive("preferences.judge", max_tokens=preferences.judge.max_tokens)
    if preferences.contrast and sum(p > 0 for p in preferences.styles.values()) < 2:
        yield (
            f"preferences.contrast={preferences.contrast} exchanges one style for another and needs at least "
            "two preferences.styles with a probability"
        )
    if preferences.samples_per_prompt < 2:
        yield (
            f"preferences.samples_per_prompt={preferences.samples_per_prompt} must be at least 2: a pair has "
            "two answers"
        )
    aggregation = preferences.aggregation
    yield from probabilities("preferences.aggregation", planted_bias_probability=aggregation.planted_bias_probability)
    yield from probabilities(
        "preferences", held_out_fraction=preferences.held_out_fraction, contrast=preferences.contrast
    )
    yield from probabilities(
        "preferences.aggregation",
        geometric_p=aggregation.geometric_p,
        negation_probability=aggregation.negation_probability,
        label_noise=aggregation.label_noise,
        veto_label_noise=aggregation.veto_label_noise,
        ai_disclaimer_veto=aggregation.ai_disclaimer_veto,
    )
    if aggregation.geometric_p == 0:
        yield "preferences.aggregation.geometric_p must be above 0"
    yield from positive("preferences.aggregation", passes=aggregation.passes, max_principles=aggregation.max_principles)
    judge = preferences.judge
    yield from positive("preferences.judge.server", concurrency=judge.server.concurrency)
    if judge.server.timeout_s <= 0:
        yield f"preferences.judge.server.timeout_s={judge.server.timeout_s} must be above 0"
    if judge.kind is PairJudge.server and not judge.server.model:
        yield "preferences.judge.kind=server needs the name of a model: set preferences.judge.server.model"
    if judge.server.base_url is not None and not judge.server.base_url.startswith(("http://", "https://")):
        yield (
            f"preferences.judge.server.base_url={judge.server.base_url} must start with http:// or https:// (and "
            "usually ends in /v1)"
        )


def _reward_rules(reward: RewardConfig) -> Iterator[str]:
    if reward.train.epochs == 0 and (reward.pretrain.data or reward.lessons):
        yield "reward.train.epochs=0 takes reward.start as it is: set reward.pretrain.data=null and reward.lessons=[]"
    for number, lesson in enumerate(reward.lessons):
        where = f"reward.lessons[{number}]"
        yield from positive(where, groups=lesson.groups, batch_size=lesson.batch_size, wordings=lesson.wordings)
        yield from probabilities(where, until=lesson.until)
    yield from positive("reward.probe", pairs=reward.probe.pairs, every=reward.probe.every)
    if reward.layers is not None and reward.layers < 1:
        yield f"reward.layers={reward.layers} must be at least 1, or null for all"
    yield from positive("reward", rows_together=reward.rows_together)


def _ppo_rules(ppo: PPOConfig, principles: PrinciplesConfig) -> Iterator[str]:
    yield from positive(
        "ppo",
        epochs=ppo.epochs,
        rollout_batch=ppo.rollout_batch,
        minibatch=ppo.minibatch,
        inner_epochs=ppo.inner_epochs,
        micro_batch_size=ppo.micro_batch_size,
        eval_every=ppo.eval_every,
        save_every=ppo.save_every,
        keep_every=ppo.keep_every,
        held_out_prompts=ppo.held_out_prompts,
    )
    if ppo.minibatch > 0 and ppo.rollout_batch % ppo.minibatch:
        yield (
            f"ppo.rollout_batch={ppo.rollout_batch} is not divisible by ppo.minibatch={ppo.minibatch}; "
            f"nearest divisors: {_nearest_divisors(ppo.rollout_batch, ppo.minibatch)}"
        )
    if ppo.num_prompts and (ppo.num_prompts - ppo.held_out_prompts) * ppo.epochs < ppo.rollout_batch:
        yield (
            f"ppo.num_prompts={ppo.num_prompts} less ppo.held_out_prompts={ppo.held_out_prompts}, times ppo.epochs="
            f"{ppo.epochs}, do not fill one rollout of ppo.rollout_batch={ppo.rollout_batch}"
        )
    for name, bound in (
        ("clip_range", ppo.clip_range),
        ("clip_range_value", ppo.clip_range_value),
        ("target_kl", ppo.target_kl),
    ):
        if bound is not None and bound <= 0:
            yield f"ppo.{name}={bound} must be above 0"
    if ppo.sampling.temperature <= 0:
        yield f"ppo.sampling.temperature={ppo.sampling.temperature} must be above 0: PPO needs samples"
    if ppo.sampling.top_p != 1:
        yield (
            f"ppo.sampling.top_p={ppo.sampling.top_p} must be 1: log-probs are of the whole distribution, and a "
            "truncated one makes the KL negative"
        )
    yield from _sampling_rules("ppo.sampling", ppo.sampling)
    yield from probabilities("ppo", gamma=ppo.gamma, lam=ppo.lam)
    for key, mapping in (
        ("ppo.principles.boosted", ppo.principles.boosted),
        ("ppo.shaping.length_bonus_multiplier", ppo.shaping.length_bonus_multiplier),
    ):
        yield from choices(key, list(mapping), QUESTION_TYPES)
    lacking = [kind for kind in QUESTION_TYPES if kind not in ppo.shaping.length_bonus_multiplier]
    if lacking:
        yield f"ppo.shaping.length_bonus_multiplier lacks {', '.join(lacking)}"
    if ppo.principles.per_prompt < 0:
        yield f"ppo.principles.per_prompt={ppo.principles.per_prompt} must not be negative"
    if ppo.kl.coefficient < 0:
        yield f"ppo.kl.coefficient={ppo.kl.coefficient} must not be negative"
    if ppo.kl.adaptive and (ppo.kl.target <= 0 or ppo.kl.horizon <= 0):
        yield "ppo.kl.adaptive needs ppo.kl.target and ppo.kl.horizon above 0"
    if ppo.kl.adaptive and ppo.kl.horizon <= 0.2 * ppo.rollout_batch:
        yield f"ppo.kl.horizon={ppo.kl.horizon} must exceed 0.2 * ppo.rollout_batch={0.2 * ppo.rollout_batch}"
    if ppo.reward_source is RewardSource.judge and (principles.rl is None or not ppo.principles.per_prompt):
        if principles.interventions is None:
            yield "ppo.reward_source=judge needs principles: set principles.rl and ppo.principles.per_prompt above 0"
    yield from _optim_rules("ppo.optim", ppo.optim)


def _sampling_rules(where: str, sampling: SamplingSettings) -> Iterator[str]:
    yield from positive(where, max_new_tokens=sampling.max_new_tokens, batch_size=sampling.batch_size)
    if sampling.temperature < 0:
        yield f"{where}.temperature={sampling.temperature} must not be negative"
    if not 0 < sampling.top_p <= 1:
        yield f"{where}.top_p={sampling.top_p} must be above 0 and at most 1"


def _optim_rules(where: str, optim: OptimSettings) -> Iterator[str]:
    if optim.lr <= 0:
        yield f"{where}.lr={optim.lr} must be above 0"
    if optim.warmup < 0:
        yield f"{where}.warmup={optim.warmup} must not be negative (below 1: share of steps; from 1 on: steps)"
    if optim.max_grad_norm <= 0:
        yield f"{where}.max_grad_norm={optim.max_grad_norm} must be above 0"


def _nearest_divisors(total: int, wanted: int) -> str:
    divisors = [d for d in range(1, total + 1) if total % d == 0]
    return ", ".join(map(str, sorted(sorted(divisors, key=lambda d: abs(d - wanted))[:3])))
