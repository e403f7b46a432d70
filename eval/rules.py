"""Rules across settings of the benchmarks; limits of a single setting stand beside it in ``eval/config.py``."""

from collections.abc import Iterator

from eval.config import (
    GENERATING,
    EvalApp,
    EvalConfig,
    JudgeKind,
    MTBenchMode,
    MTBenchSettings,
    TruthfulQAJudgeSettings,
)
from eval.sources import BBH_TASKS
from salmon.config.schema import Config


def eval_rules(config: Config | EvalApp) -> Iterator[str]:
    evaluation: EvalConfig = config.eval
    if isinstance(config, EvalApp) or "eval" in config.stages:
        yield from _used_rules(evaluation, config.model.context)
    parts = len(BBH_TASKS if evaluation.bbh.tasks is None else evaluation.bbh.tasks)
    if evaluation.draw.bbh is not None and evaluation.draw.bbh < parts:
        yield f"eval.draw.bbh={evaluation.draw.bbh} draws nothing of some of the {parts} tasks; draw {parts} or more"
    if evaluation.tydiqa.languages == []:
        yield "eval.tydiqa.languages=[] asks nothing; name languages, or null for all"
    for task, files in (("pairs", evaluation.pairs.files), ("probes", evaluation.probes.files)):
        if task in evaluation.tasks and not files and evaluation.data_dir != "mini":
            yield f"eval.tasks has {task}, which needs a file: give +eval.{task}.files.NAME=FILE"
    yield from _mt_bench_rules(evaluation.mt_bench)
    yield from _answer_judge_rules("eval.truthfulqa_gen.judge", evaluation.truthfulqa_gen.judge)
    following = evaluation.principle_following
    if following.real_pairs and not following.real_banks:
        yield "eval.principle_following.real_pairs needs at least one bank in eval.principle_following.real_banks"


def _used_rules(evaluation: EvalConfig, context: int) -> Iterator[str]:
    """What concerns only a job that evaluates."""
    if not evaluation.tasks:
        yield "eval.tasks is empty, which measures nothing; name tasks, or leave eval out of stages"
    for task, group in GENERATING.items():
        length = getattr(evaluation, group).max_new_tokens
        if task in evaluation.tasks and length >= context:
            yield (
                f"eval.{group}.max_new_tokens={length} leaves no room for a prompt in model.context={context}; lower it"
            )


def _mt_bench_rules(mt_bench: MTBenchSettings) -> Iterator[str]:
    judge = mt_bench.judge
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


def _answer_judge_rules(where: str, judge: TruthfulQAJudgeSettings) -> Iterator[str]:
    if judge.kind is JudgeKind.openai and not judge.model:
        yield f"{where}.kind=openai needs the model's name: set {where}.model"
    if judge.kind is JudgeKind.openai and judge.informative_model is not None:
        yield (
            f"{where}.informative_model={judge.informative_model} is for kind=local only, set it to null: an "
            "endpoint's model is asked both questions"
        )
