"""From Hydra's composed config to typed objects, once, with every problem in one message."""

import difflib
import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from salmon.config.schema import (
    Config,
    EndpointSettings,
    Engine,
    EvalApp,
    EvalConfig,
    JudgeKind,
    MTBenchMode,
    MTBenchSettings,
    Optimizer,
    OptimSettings,
    PairJudge,
    PPOConfig,
    PreferencesConfig,
    PrinciplesConfig,
    Quantization,
    RewardConfig,
    RewardSource,
    RolloutBackend,
    SamplingSettings,
    SFTSource,
    TruthfulQAJudgeSettings,
)
from salmon.errors import SalmonError

T = TypeVar("T", Config, EvalApp)

STAGES = ("sft", "preferences", "reward", "ppo", "dpo", "best_of_n", "eval")
EVAL_TASKS = ("truthfulqa_mc1", "truthfulqa_mc2", "truthfulqa_gen", "bbh", "humaneval", "tydiqa_goldp", "mt_bench",
              "pairs", "probes", "principle_following")
TYDIQA_LANGUAGES = ("arabic", "bengali", "english", "finnish", "indonesian", "korean", "russian", "swahili", "telugu")
STYLES = ("foreign", "brief", "prose", "list", "formal", "informal", "actually", "excited", "generic_advice",
          "self_praise", "counter_question")  # of salmon/data/styles.py
MAX_VLLM_RANK = 512  # vllm.config.lora.MaxLoRARanks
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
        raise SalmonError("the config has " + (f"{len(problems)} problems" if len(problems) > 1 else "a problem")
                          + ":\n" + "\n".join(f"  - {problem}" for problem in problems))
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


def settings(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every setting."""
    for f in fields(node):
        value = getattr(node, f.name)
        if is_dataclass(value):
            yield from settings(value, f"{path}{f.name}.")
        else:
            yield f"{path}{f.name}", value


def senseless_numbers(config: Config | EvalApp) -> Iterator[str]:
    """NaN and infinity, which pass every comparison, and negative counts, which slice from the wrong end."""
    for key, value in settings(config):
        if isinstance(value, float) and not math.isfinite(value):
            yield f"{key}={value} is not a finite number"
        if type(value) is int and value < 0 and key != "seed":
            yield f"{key}={value} must not be negative"


def broken_rules(config: Config | EvalApp) -> Iterator[str]:
    """Rules that a type cannot state, in plain words."""
    yield from _eval_rules(config.eval)
    if isinstance(config, Config):
        yield from _pipeline_rules(config)
        yield from _engine_rules(config)
        yield from _rollout_rules(config)
        yield from _ppo_rules(config.ppo, config.principles)


def _engine_rules(config: Config) -> Iterator[str]:
    engine = config.engine.kind
    if engine in (Engine.single, Engine.ddp):
        return
    for key, value in settings(config):
        if isinstance(value, Optimizer) and value is not Optimizer.adamw and key.split(".")[0] in config.stages:
            yield f"{key}={value.name} cannot be split over processes: with engine={engine.name} use {key}=adamw"
    if engine is Engine.zero3 and config.model.quantization is not Quantization.none:
        yield (f"model.quantization={config.model.quantization.name} cannot be split over processes: with engine=zero3 "
               "use model.quantization=none, or keep it and use engine=zero2 or engine=ddp")


def _pipeline_rules(config: Config) -> Iterator[str]:
    yield from _choices("stages", config.stages, STAGES)
    if not config.stages:
        yield f"stages is empty; choose of {', '.join(STAGES)}"
    if config.sft.source is SFTSource.demonstrations and config.sft.demonstrations is None:
        yield "sft.source=demonstrations needs sft.demonstrations=FILE.jsonl or hub:NAME"
    if config.model.lora.r < 1:
        yield f"model.lora.r={config.model.lora.r} must be at least 1"
    if config.prompts.min_tokens > config.prompts.max_tokens:
        yield f"prompts.min_tokens={config.prompts.min_tokens} exceeds prompts.max_tokens={config.prompts.max_tokens}"
    yield from _positive("principles", reward_wordings=config.principles.reward_wordings)
    for where, sampling in (("sft", config.sft.sampling), ("preferences", config.preferences.sampling)):
        yield from _sampling_rules(f"{where}.sampling", sampling)
    for where, train in (("sft.train", config.sft.train), ("reward.train", config.reward.train),
                         ("reward.pretrain.train", config.reward.pretrain.train), ("dpo.train", config.dpo.train)):
        yield from _positive(where, batch_size=train.batch_size, micro_batch_size=train.micro_batch_size,
                             save_every=train.save_every)
        yield from _epochs(where, train.epochs, config)
        yield from _optim_rules(f"{where}.optim", train.optim)
    yield from _positive("model", context=config.model.context)
    if not 0 <= config.model.lora.dropout < 1:
        yield f"model.lora.dropout={config.model.lora.dropout} must be at least 0 and below 1"
    yield from _positive("sft", max_prompt_tokens=config.sft.max_prompt_tokens,
                         max_response_tokens=config.sft.max_response_tokens)
    for where, limits in (("reward", config.reward), ("reward.pretrain", config.reward.pretrain),
                          ("ppo.reward_input", config.ppo.reward_input)):
        yield from _positive(where, max_length=limits.max_length, max_instruction_tokens=limits.max_instruction_tokens,
                             max_response_tokens=limits.max_response_tokens)
    for key, count in (("sft.num_prompts", config.sft.num_prompts), ("ppo.num_prompts", config.ppo.num_prompts),
                       ("preferences.num_prompts", config.preferences.num_prompts),
                       ("reward.pretrain.limit", config.reward.pretrain.limit)):
        if count == 0:
            yield f"{key}=0 must be at least 1, or null for all"
    yield from _positive("sft", samples_per_prompt=config.sft.samples_per_prompt)
    for where, styles in (("sft.styles", config.sft.styles), ("preferences.styles", config.preferences.styles)):
        yield from _choices(where, list(styles), STYLES)
        yield from _probabilities(where, **styles)
    if config.sft.source is SFTSource.styled and not config.sft.styles:
        yield "sft.source=styled needs sft.styles={STYLE: PROBABILITY, ...}"
    yield from _preference_rules(config.preferences)
    yield from _reward_rules(config.reward)
    if config.dpo.beta <= 0:
        yield f"dpo.beta={config.dpo.beta} must be above 0"
    yield from _positive("best_of_n", n=config.best_of_n.n)
    for where, length in (("reward", config.reward.max_length),
                          ("ppo.reward_input", config.ppo.reward_input.max_length)):
        if length > config.model.context:
            yield f"{where}.max_length={length} exceeds model.context={config.model.context}"
    if config.preferences.judge.kind is PairJudge.self and config.preferences.judge.max_tokens > config.model.context:
        yield (f"preferences.judge.max_tokens={config.preferences.judge.max_tokens} exceeds "
               f"model.context={config.model.context}")
    if config.prompts.max_tokens + config.ppo.sampling.max_new_tokens > config.model.context:
        yield (f"prompts.max_tokens + ppo.sampling.max_new_tokens = "
               f"{config.prompts.max_tokens + config.ppo.sampling.max_new_tokens} exceeds "
               f"model.context={config.model.context}")


def _rollout_rules(config: Config) -> Iterator[str]:
    """What the vllm backend cannot do, or would do otherwise than the trainer and say nothing."""
    share = config.rollout.gpu_memory_utilization
    if not 0 < share < 1:
        yield f"rollout.gpu_memory_utilization={share} must be above 0 and below 1: the trainer needs the rest"
    if config.rollout.backend is not RolloutBackend.vllm:
        return
    if config.model.quantization is not Quantization.none:
        yield (f"rollout=vllm cannot read the base as model.quantization={config.model.quantization.value}, and would "
               "sample from another model than the trained one: set model.quantization=none, or rollout=hf")
    if config.engine.kind is not Engine.single:
        yield (f"rollout=vllm runs in a job of one process, not with engine={config.engine.kind.value}: set "
               "engine=single, or rollout=hf")
    if config.model.device not in ("auto", "cpu", "cuda", "cuda:0"):
        yield (f"rollout=vllm takes the first GPU that it sees, not model.device={config.model.device}: start with "
               "CUDA_VISIBLE_DEVICES set to that GPU's number, and set model.device=cuda")
    if config.model.lora.r > MAX_VLLM_RANK:
        yield f"rollout=vllm takes adapters of rank {MAX_VLLM_RANK} at most, not model.lora.r={config.model.lora.r}"
    sampled = {"preferences": config.preferences.sampling, "ppo": config.ppo.sampling}
    if config.sft.source is SFTSource.styled:
        sampled["sft"] = config.sft.sampling
    for where, sampling in sampled.items():
        if sampling.temperature and not 0.01 <= sampling.temperature <= 2:
            yield (f"{where}.sampling.temperature={sampling.temperature}: rollout=vllm takes 0, and 0.01 to 2; set one "
                   "of these, or rollout=hf")


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
    yield from _positive("preferences", min_response_chars=preferences.min_response_chars,
                         pairs_per_prompt=preferences.pairs_per_prompt)
    yield from _positive("preferences.judge", max_tokens=preferences.judge.max_tokens)
    if preferences.contrast and sum(p > 0 for p in preferences.styles.values()) < 2:
        yield (f"preferences.contrast={preferences.contrast} exchanges one style for another and needs at least "
               "two preferences.styles with a probability")
    if preferences.samples_per_prompt < 2:
        yield (f"preferences.samples_per_prompt={preferences.samples_per_prompt} must be at least 2: a pair has "
               "two answers")
    aggregation = preferences.aggregation
    yield from _probabilities("preferences.aggregation", planted_bias_probability=aggregation.planted_bias_probability)
    yield from _probabilities("preferences", held_out_fraction=preferences.held_out_fraction,
                              contrast=preferences.contrast)
    yield from _probabilities("preferences.aggregation", geometric_p=aggregation.geometric_p,
                              negation_probability=aggregation.negation_probability,
                              label_noise=aggregation.label_noise, veto_label_noise=aggregation.veto_label_noise,
                              ai_disclaimer_veto=aggregation.ai_disclaimer_veto)
    if aggregation.geometric_p == 0:
        yield "preferences.aggregation.geometric_p must be above 0"
    yield from _positive("preferences.aggregation", passes=aggregation.passes,
                         max_principles=aggregation.max_principles)
    judge = preferences.judge
    yield from _positive("preferences.judge.server", concurrency=judge.server.concurrency)
    if judge.server.timeout_s <= 0:
        yield f"preferences.judge.server.timeout_s={judge.server.timeout_s} must be above 0"
    if judge.kind is PairJudge.server and not judge.server.model:
        yield "preferences.judge.kind=server needs the name of a model: set preferences.judge.server.model"
    if judge.server.base_url is not None and not judge.server.base_url.startswith(("http://", "https://")):
        yield (f"preferences.judge.server.base_url={judge.server.base_url} must start with http:// or https:// (and "
               "usually ends in /v1)")


def _reward_rules(reward: RewardConfig) -> Iterator[str]:
    if reward.train.epochs == 0 and (reward.pretrain.data or reward.lessons):
        yield "reward.train.epochs=0 takes reward.start as it is: set reward.pretrain.data=null and reward.lessons=[]"
    for number, lesson in enumerate(reward.lessons):
        where = f"reward.lessons[{number}]"
        yield from _positive(where, groups=lesson.groups, batch_size=lesson.batch_size, wordings=lesson.wordings)
        yield from _probabilities(where, until=lesson.until)
    yield from _positive("reward.probe", pairs=reward.probe.pairs, every=reward.probe.every)
    if reward.layers is not None and reward.layers < 1:
        yield f"reward.layers={reward.layers} must be at least 1, or null for all"
    yield from _positive("reward", rows_together=reward.rows_together)


def _ppo_rules(ppo: PPOConfig, principles: PrinciplesConfig) -> Iterator[str]:
    yield from _positive("ppo", epochs=ppo.epochs, rollout_batch=ppo.rollout_batch, minibatch=ppo.minibatch,
                         inner_epochs=ppo.inner_epochs, micro_batch_size=ppo.micro_batch_size,
                         eval_every=ppo.eval_every, save_every=ppo.save_every, keep_every=ppo.keep_every,
                         held_out_prompts=ppo.held_out_prompts)
    if ppo.minibatch > 0 and ppo.rollout_batch % ppo.minibatch:
        yield (f"ppo.rollout_batch={ppo.rollout_batch} is not divisible by ppo.minibatch={ppo.minibatch}; "
               f"nearest divisors: {_nearest_divisors(ppo.rollout_batch, ppo.minibatch)}")
    if ppo.num_prompts and (ppo.num_prompts - ppo.held_out_prompts) * ppo.epochs < ppo.rollout_batch:
        yield (f"ppo.num_prompts={ppo.num_prompts} less ppo.held_out_prompts={ppo.held_out_prompts}, times ppo.epochs="
               f"{ppo.epochs}, do not fill one rollout of ppo.rollout_batch={ppo.rollout_batch}")
    for name, bound in (("clip_range", ppo.clip_range), ("clip_range_value", ppo.clip_range_value),
                        ("target_kl", ppo.target_kl)):
        if bound is not None and bound <= 0:
            yield f"ppo.{name}={bound} must be above 0"
    if ppo.sampling.temperature <= 0:
        yield f"ppo.sampling.temperature={ppo.sampling.temperature} must be above 0: PPO needs samples"
    if ppo.sampling.top_p != 1:
        yield (f"ppo.sampling.top_p={ppo.sampling.top_p} must be 1: log-probs are of the whole distribution, and a "
               "truncated one makes the KL negative")
    yield from _sampling_rules("ppo.sampling", ppo.sampling)
    yield from _probabilities("ppo", gamma=ppo.gamma, lam=ppo.lam)
    for key, mapping in (("ppo.principles.boosted", ppo.principles.boosted),
                         ("ppo.shaping.length_bonus_multiplier", ppo.shaping.length_bonus_multiplier)):
        yield from _choices(key, list(mapping), QUESTION_TYPES)
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


def _eval_rules(evaluation: EvalConfig) -> Iterator[str]:
    yield from _choices("eval.tasks", evaluation.tasks, EVAL_TASKS)
    yield from _positive("eval", batch_size=evaluation.batch_size)
    yield from _positive("eval.bbh", max_new_tokens=evaluation.bbh.max_new_tokens)
    code = evaluation.humaneval
    yield from _positive("eval.humaneval", max_new_tokens=code.max_new_tokens, timeout_s=code.timeout_s,
                         memory_mib=code.memory_mib)
    yield from _positive("eval.tydiqa", max_new_tokens=evaluation.tydiqa.max_new_tokens)
    if evaluation.tydiqa.languages == []:
        yield "eval.tydiqa.languages=[] asks nothing; name languages, or null for all"
    yield from _choices("eval.tydiqa.languages", evaluation.tydiqa.languages or [], TYDIQA_LANGUAGES)
    yield from _positive("eval.mt_bench", max_new_tokens=evaluation.mt_bench.max_new_tokens)
    for task, files in (("pairs", evaluation.pairs.files), ("probes", evaluation.probes.files)):
        if task in evaluation.tasks and not files and evaluation.data_dir != "mini":
            yield f"eval.tasks has {task}, which needs a file: give +eval.{task}.files.NAME=FILE"
    yield from _positive("eval.probes", max_new_tokens=evaluation.probes.max_new_tokens)
    yield from _mt_bench_rules(evaluation.mt_bench)
    yield from _positive("eval.truthfulqa_gen", max_new_tokens=evaluation.truthfulqa_gen.max_new_tokens)
    yield from _answer_judge_rules("eval.truthfulqa_gen.judge", evaluation.truthfulqa_gen.judge)
    following = evaluation.principle_following
    yield from _positive("eval.principle_following", batch_size=following.batch_size)
    if following.limit == 0:
        yield "eval.principle_following.limit=0 must be at least 1, or null for all pairs"
    if following.real_pairs and not following.real_banks:
        yield "eval.principle_following.real_pairs needs at least one bank in eval.principle_following.real_banks"
    if evaluation.limit is not None and evaluation.limit < 1:
        yield f"eval.limit={evaluation.limit} must be at least 1, or null for all items"


def _mt_bench_rules(mt_bench: MTBenchSettings) -> Iterator[str]:
    judge = mt_bench.judge
    yield from _endpoint_rules("eval.mt_bench.judge", judge)
    yield from _positive("eval.mt_bench.judge", repeats=judge.repeats)
    if judge.repeats > 1:
        if judge.repeats % 2 == 0:
            yield f"eval.mt_bench.judge.repeats={judge.repeats} must be odd: the median counts"
        if judge.kind is JudgeKind.local:
            yield "eval.mt_bench.judge.repeats must be 1 with kind=local, which always says the same"
        if judge.temperature <= 0:
            yield (f"eval.mt_bench.judge.temperature={judge.temperature} must be above 0 where repeats="
                   f"{judge.repeats}: at 0 they would be alike")
    if mt_bench.mode is not MTBenchMode.single:
        if mt_bench.baseline is None:
            yield (f"eval.mt_bench.mode={mt_bench.mode.name} needs answers to compare with: set eval.mt_bench.baseline "
                   "to a model_answer/<model>.jsonl of FastChat's format")
        if judge.kind is JudgeKind.local:
            yield f"eval.mt_bench.mode={mt_bench.mode.name} needs eval.mt_bench.judge.kind=openai: a judge that writes"
    elif mt_bench.baseline is not None:
        yield f"eval.mt_bench.baseline={mt_bench.baseline} is for eval.mt_bench.mode=pair or both"


def _endpoint_rules(where: str, endpoint: EndpointSettings) -> Iterator[str]:
    yield from _positive(where, timeout_s=endpoint.timeout_s, concurrent_calls=endpoint.concurrent_calls,
                         calls_per_minute=endpoint.calls_per_minute)
    if endpoint.max_retries < 0:
        yield f"{where}.max_retries={endpoint.max_retries} must not be negative"
    if endpoint.base_url is not None and not endpoint.base_url.startswith(("http://", "https://")):
        yield (f"{where}.base_url={endpoint.base_url} must start with http:// or https:// (and usually ends in /v1), "
               "or be null for OpenAI's own")


def _answer_judge_rules(where: str, judge: TruthfulQAJudgeSettings) -> Iterator[str]:
    yield from _endpoint_rules(where, judge)
    if judge.kind is JudgeKind.openai and not judge.model:
        yield f"{where}.kind=openai needs the model's name: set {where}.model"
    if judge.kind is JudgeKind.openai and judge.informative_model is not None:
        yield (f"{where}.informative_model={judge.informative_model} is for kind=local only, set it to null: an "
               "endpoint's model is asked both questions")


def _sampling_rules(where: str, sampling: SamplingSettings) -> Iterator[str]:
    yield from _positive(where, max_new_tokens=sampling.max_new_tokens, batch_size=sampling.batch_size)
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


def _positive(where: str, **values: float | None) -> Iterator[str]:
    """None stands for no limit."""
    for name, value in values.items():
        if value is not None and value < 1:
            yield f"{where}.{name}={value} must be at least 1"


def _probabilities(where: str, **values: float) -> Iterator[str]:
    for name, value in values.items():
        if not 0 <= value <= 1:
            yield f"{where}.{name}={value} must be between 0 and 1"


def _choices(where: str, given: list[str], allowed: tuple[str, ...]) -> Iterator[str]:
    for name in given:
        if name not in allowed:
            close = difflib.get_close_matches(name, allowed, n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            yield f"{where}: unknown {name!r}{hint}; known are {', '.join(allowed)}"
    if len(set(given)) < len(given):
        yield f"{where}: named more than once: {', '.join(sorted({g for g in given if given.count(g) > 1}))}"


def _nearest_divisors(total: int, wanted: int) -> str:
    divisors = [d for d in range(1, total + 1) if total % d == 0]
    return ", ".join(map(str, sorted(sorted(divisors, key=lambda d: abs(d - wanted))[:3])))
