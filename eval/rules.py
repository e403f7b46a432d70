"""Rules about the benchmarks that a type cannot state."""

from collections.abc import Iterator

from eval.config import EndpointSettings, EvalConfig, JudgeKind, MTBenchMode, MTBenchSettings, TruthfulQAJudgeSettings
from salmon.config.values import choices, positive

EVAL_TASKS = (
    "truthfulqa_mc1",
    "truthfulqa_mc2",
    "truthfulqa_gen",
    "bbh",
    "humaneval",
    "tydiqa_goldp",
    "mt_bench",
    "pairs",
    "probes",
    "principle_following",
)
TYDIQA_LANGUAGES = ("arabic", "bengali", "english", "finnish", "indonesian", "korean", "russian", "swahili", "telugu")


def eval_rules(evaluation: EvalConfig) -> Iterator[str]:
    yield from choices("eval.tasks", evaluation.tasks, EVAL_TASKS)
    yield from positive("eval", batch_size=evaluation.batch_size)
    yield from positive("eval.bbh", max_new_tokens=evaluation.bbh.max_new_tokens)
    code = evaluation.humaneval
    yield from positive(
        "eval.humaneval", max_new_tokens=code.max_new_tokens, timeout_s=code.timeout_s, memory_mib=code.memory_mib
    )
    yield from positive("eval.tydiqa", max_new_tokens=evaluation.tydiqa.max_new_tokens)
    if evaluation.tydiqa.languages == []:
        yield "eval.tydiqa.languages=[] asks nothing; name languages, or null for all"
    yield from choices("eval.tydiqa.languages", evaluation.tydiqa.languages or [], TYDIQA_LANGUAGES)
    yield from positive("eval.mt_bench", max_new_tokens=evaluation.mt_bench.max_new_tokens)
    for task, files in (("pairs", evaluation.pairs.files), ("probes", evaluation.probes.files)):
        if task in evaluation.tasks and not files and evaluation.data_dir != "mini":
            yield f"eval.tasks has {task}, which needs a file: give +eval.{task}.files.NAME=FILE"
    yield from positive("eval.probes", max_new_tokens=evaluation.probes.max_new_tokens)
    yield from _mt_bench_rules(evaluation.mt_bench)
    yield from positive("eval.truthfulqa_gen", max_new_tokens=evaluation.truthfulqa_gen.max_new_tokens)
    yield from _answer_judge_rules("eval.truthfulqa_gen.judge", evaluation.truthfulqa_gen.judge)
    following = evaluation.principle_following
    yield from positive("eval.principle_following", batch_size=following.batch_size)
    if following.limit == 0:
        yield "eval.principle_following.limit=0 must be at least 1, or null for all pairs"
    if following.real_pairs and not following.real_banks:
        yield "eval.principle_following.real_pairs needs at least one bank in eval.principle_following.real_banks"
    if evaluation.limit is not None and evaluation.limit < 1:
        yield f"eval.limit={evaluation.limit} must be at least 1, or null for all items"


def _mt_bench_rules(mt_bench: MTBenchSettings) -> Iterator[str]:
    judge = mt_bench.judge
    yield from _endpoint_rules("eval.mt_bench.judge", judge)
    yield from positive("eval.mt_bench.judge", repeats=judge.repeats)
    if judge.repeats > 1:
        if judge.repeats % 2 == 0:
            yield f"eval.mt_bench.judge.repeats={judge.repeats} must be odd: the median counts"
        if judge.kind is JudgeKind.local:
            yield "eval.mt_bench.judge.repeats must be 1 with kind=local, which always says the same"
        if judge.temperature <= 0:
            yield (
                f"eval.mt_bench.judge.temperature={judge.temperature} must be above 0 where repeats="
                f"{judge.repeats}: at 0 they would be alike"
            )
    if mt_bench.mode is not MTBenchMode.single:
        if mt_bench.baseline is None:
            yield (
                f"eval.mt_bench.mode={mt_bench.mode.name} needs answers to compare with: set eval.mt_bench.baseline "
                "to a model_answer/<model>.jsonl of FastChat's format"
            )
        if judge.kind is JudgeKind.local:
            yield f"eval.mt_bench.mode={mt_bench.mode.name} needs eval.mt_bench.judge.kind=openai: a judge that writes"
    elif mt_bench.baseline is not None:
        yield f"eval.mt_bench.baseline={mt_bench.baseline} is for eval.mt_bench.mode=pair or both"


def _endpoint_rules(where: str, endpoint: EndpointSettings) -> Iterator[str]:
    yield from positive(
        where,
        timeout_s=endpoint.timeout_s,
        concurrent_calls=endpoint.concurrent_calls,
        calls_per_minute=endpoint.calls_per_minute,
    )
    if endpoint.max_retries < 0:
        yield f"{where}.max_retries={endpoint.max_retries} must not be negative"
    if endpoint.base_url is not None and not endpoint.base_url.startswith(("http://", "https://")):
        yield (
            f"{where}.base_url={endpoint.base_url} must start with http:// or https:// (and usually ends in /v1), "
            "or be null for OpenAI's own"
        )


def _answer_judge_rules(where: str, judge: TruthfulQAJudgeSettings) -> Iterator[str]:
    yield from _endpoint_rules(where, judge)
    if judge.kind is JudgeKind.openai and not judge.model:
        yield f"{where}.kind=openai needs the model's name: set {where}.model"
    if judge.kind is JudgeKind.openai and judge.informative_model is not None:
        yield (
            f"{where}.informative_model={judge.informative_model} is for kind=local only, set it to null: an "
            "endpoint's model is asked both questions"
        )
