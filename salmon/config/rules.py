"""Rules across settings, by group, in plain words. Limits of a single setting stand beside it in the schema."""

from collections.abc import Iterator
from math import isqrt
from typing import Any

from salmon.config.data import QUESTION_TYPES
from salmon.config.engine_rules import engine_rules, rollout_rules
from salmon.config.estimator_rules import estimator_rules
from salmon.config.extensions import extensions, stage_names
from salmon.config.ppo import PPOConfig, ValueInit
from salmon.config.preferences import PairJudge, PreferencesConfig
from salmon.config.reward import PARAMETRIC, RewardConfig, RewardHead
from salmon.config.schema import Config
from salmon.config.setting import unknown_names
from salmon.config.sft import SFTConfig, SFTSource


def broken_rules(config: Any) -> Iterator[str]:
    """What is wrong with settings together, each of them being within its limits."""
    for name, extension in extensions().items():
        if hasattr(config, name):
            yield from extension.rules(config)
    if isinstance(config, Config):
        yield from _stages_rules(config)
        yield from _context_rules(config)
        yield from _held_out_rules(config)
        yield from _epochs_rules(config)
        yield from _sft_rules(config.sft)
        yield from _preferences_rules(config.preferences)
        yield from _reward_rules(config.reward)
        yield from engine_rules(config)
        yield from rollout_rules(config)
        yield from _ppo_rules(config.ppo)
        yield from estimator_rules(config.ppo)
        yield from _value_rules(config.ppo, config.reward)


def _stages_rules(config: Config) -> Iterator[str]:
    yield from unknown_names("stages", config.stages, stage_names())
    if not config.stages:
        yield f"stages is empty; choose of {', '.join(stage_names())}"


def _context_rules(config: Config) -> Iterator[str]:
    """What must fit into the model's longest sequence."""
    context, prompts = config.model.context, config.prompts
    if prompts.min_tokens > prompts.max_tokens:
        yield f"prompts.min_tokens={prompts.min_tokens} exceeds prompts.max_tokens={prompts.max_tokens}"
    lengths = {
        "reward.max_length": config.reward.max_length,
        "ppo.reward_input.max_length": config.ppo.reward_input.max_length,
    }
    if config.reward.pretrain.data is not None:
        lengths["reward.pretrain.max_length"] = config.reward.pretrain.max_length
    if config.preferences.judge.kind is PairJudge.self:
        lengths["preferences.judge.max_tokens"] = config.preferences.judge.max_tokens
    for key, length in lengths.items():
        if length > context:
            yield f"{key}={length} exceeds model.context={context}"
    sums = {
        "prompts.max_tokens + ppo.sampling.max_new_tokens": prompts.max_tokens + config.ppo.sampling.max_new_tokens,
        "prompts.max_tokens + preferences.sampling.max_new_tokens": prompts.max_tokens
        + config.preferences.sampling.max_new_tokens,
        "sft.max_prompt_tokens + sft.max_response_tokens": config.sft.max_prompt_tokens
        + config.sft.max_response_tokens,
    }
    for key, length in sums.items():
        if length > context:
            yield f"{key} = {length} exceeds model.context={context}"


def _held_out_rules(config: Config) -> Iterator[str]:
    """Stages that measure on held-out prompts need some."""
    if config.prompts.held_out > 0:
        return
    measured = [stage for stage in ("ppo", "dpo", "best_of_n") if stage in config.stages]
    if measured:
        yield (
            f"prompts.held_out=0 holds no prompts out, and {', '.join(measured)} is measured on "
            f"ppo.held_out_prompts={config.ppo.held_out_prompts} of them"
        )
    if "preferences" in config.stages and config.preferences.held_out_fraction:
        yield (
            "prompts.held_out=0 holds no prompts out: set preferences.held_out_fraction=0 too, and the reward model "
            "is not measured"
        )


def _epochs_rules(config: Config) -> Iterator[str]:
    """No epochs at all only where there is something to take as it is."""
    sft, reward = config.sft, config.reward
    if sft.train.epochs == 0 and sft.start is None:
        yield "sft.train.epochs=0 must be at least 1, or give sft.start=FOLDER, which is then taken as it is"
    if reward.train.epochs == 0 and reward.start is None and reward.pretrain.data != PARAMETRIC:
        yield (
            "reward.train.epochs=0 must be at least 1, or give reward.start=FOLDER, which is then taken as it is, or "
            "reward.pretrain.data=parametric, which needs no judged rows"
        )
    if reward.train.epochs == 0 and reward.pretrain.data not in (None, PARAMETRIC):
        yield "reward.train.epochs=0 reads no judged rows: set reward.pretrain.data to null or to parametric"
    for key, epochs in (("reward.pretrain", reward.pretrain.train.epochs), ("dpo", config.dpo.train.epochs)):
        if epochs == 0:
            yield f"{key}.train.epochs=0 must be at least 1"


def _sft_rules(sft: SFTConfig) -> Iterator[str]:
    if sft.source is SFTSource.demonstrations and sft.demonstrations is None:
        yield "sft.source=demonstrations needs sft.demonstrations=FILE.jsonl or hub:NAME"
    if sft.source is SFTSource.styled and not sft.styles:
        yield "sft.source=styled needs sft.styles={STYLE: PROBABILITY, ...}"


def _preferences_rules(preferences: PreferencesConfig) -> Iterator[str]:
    if preferences.sampling.temperature == 0:
        yield "preferences.sampling.temperature=0 makes both responses of a pair the same"
    if preferences.contrast and sum(p > 0 for p in preferences.styles.values()) < 2:
        yield (
            f"preferences.contrast={preferences.contrast} exchanges one style for another and needs at least "
            "two preferences.styles with a probability"
        )
    if preferences.judge.kind is PairJudge.server and not preferences.judge.server.model:
        yield "preferences.judge.kind=server needs the name of a model: set preferences.judge.server.model"


def _reward_rules(reward: RewardConfig) -> Iterator[str]:
    if reward.pretrain.data == PARAMETRIC and not reward.principles:
        yield (
            "reward.principles=false reads no principles, so reward.pretrain.data=parametric has nothing to teach: "
            "set reward.pretrain.data=null"
        )
    if reward.pretrain.data == PARAMETRIC and not reward.parametric.lessons:
        yield "reward.pretrain.data=parametric needs lessons: reward.parametric.lessons is empty"
    if reward.layers is not None and reward.first_layer >= reward.layers:
        yield (
            f"reward.first_layer={reward.first_layer} must be below reward.layers={reward.layers}: no layer is left "
            "for the adapter"
        )
    longest = reward.pretrain.max_response_tokens
    for number, lesson in enumerate(reward.parametric.lessons):
        if lesson.said_twice + lesson.quoted > 1:
            yield (
                f"reward.parametric.lessons[{number}]: said_twice={lesson.said_twice} and quoted={lesson.quoted} are "
                "shares of the same wordings, and no wording is both: their sum must be at most 1"
            )
        if lesson.answer_tokens > longest:
            yield (
                f"reward.parametric.lessons[{number}].answer_tokens={lesson.answer_tokens} lets in answers that "
                f"reward.pretrain.max_response_tokens={longest} cuts: lower the one or raise the other"
            )
    if reward.consistency > 0 and reward.rows_together == 1 and reward.pretrain.data != PARAMETRIC:
        yield (
            f"reward.consistency={reward.consistency} compares rows of a pair that are trained on together: set "
            "reward.rows_together to at least 2, or reward.consistency=0"
        )


def _ppo_rules(ppo: PPOConfig) -> Iterator[str]:
    yield from _batch_rules(ppo)
    if ppo.sampling.temperature == 0:
        yield f"ppo.sampling.temperature={ppo.sampling.temperature} must be above 0: PPO needs samples"
    if ppo.sampling.top_p != 1:
        yield (
            f"ppo.sampling.top_p={ppo.sampling.top_p} must be 1: log-probs are of the whole distribution, and a "
            "truncated one makes the KL negative"
        )
    lacking = [kind for kind in QUESTION_TYPES if kind not in ppo.shaping.length_bonus_multiplier]
    if lacking:
        yield f"ppo.shaping.length_bonus_multiplier lacks {', '.join(lacking)}"
    if ppo.kl.adaptive and (ppo.kl.target <= 0 or ppo.kl.horizon <= 0):
        yield "ppo.kl.adaptive needs ppo.kl.target and ppo.kl.horizon above 0"
    if ppo.kl.adaptive and ppo.kl.horizon <= 0.2 * ppo.rollout_batch:
        yield f"ppo.kl.horizon={ppo.kl.horizon} must exceed 0.2 * ppo.rollout_batch={0.2 * ppo.rollout_batch}"


def _value_rules(ppo: PPOConfig, reward: RewardConfig) -> Iterator[str]:
    """The reward model's head predicts returns only where a return is the reward model's score times a factor."""
    if ppo.value_init is not ValueInit.reward or not ppo.advantage.has_value_model:
        return
    for key, other in {
        f"ppo.reward_source={ppo.reward_source}": ppo.reward_source != "model",
        "ppo.shaping.center=true": ppo.shaping.center,
        "ppo.shaping.whiten=true": ppo.shaping.whiten,
    }.items():
        if other:
            yield (
                f"ppo.value_init=reward predicts the reward model's scores, and with {key} returns are in other units: "
                "set ppo.value_init=reward_zero_head"
            )
    if reward.head is RewardHead.yes_no:
        yield (
            "ppo.value_init=reward copies the reward model's head, and reward.head=yes_no has no weights: set "
            "ppo.value_init=reward_zero_head"
        )


def _batch_rules(ppo: PPOConfig) -> Iterator[str]:
    if ppo.minibatch > 0 and ppo.rollout_batch % ppo.minibatch:
        yield (
            f"ppo.rollout_batch={ppo.rollout_batch} is not divisible by ppo.minibatch={ppo.minibatch}; "
            f"nearest divisors: {_nearest_divisors(ppo.rollout_batch, ppo.minibatch)}"
        )
    answers = ppo.answers_per_prompt
    if ppo.num_prompts and (ppo.num_prompts - ppo.held_out_prompts) * ppo.epochs * answers < ppo.rollout_batch:
        times = f", times ppo.answers_per_prompt={answers}" if answers > 1 else ""
        yield (
            f"ppo.num_prompts={ppo.num_prompts} less ppo.held_out_prompts={ppo.held_out_prompts}, times ppo.epochs="
            f"{ppo.epochs}{times}, do not fill one rollout of ppo.rollout_batch={ppo.rollout_batch}"
        )


def _nearest_divisors(total: int, wanted: int) -> str:
    """Of a count that somebody might mean; a larger one would take for ever."""
    small = [d for d in range(1, isqrt(int(min(max(total, 0), 10**12))) + 1) if total % d == 0]
    divisors = sorted({*small, *(total // d for d in small)})
    return ", ".join(map(str, sorted(sorted(divisors, key=lambda d: abs(d - wanted))[:3])))
