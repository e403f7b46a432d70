"""The pipeline's last stage: every checkpoint that an upstream stage made, on the configured benchmarks."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from eval.checkpoints import Checkpoints, adapter_hash, checkpoints_of
from eval.config import EvalApp
from eval.curves import CURVES, draw_learning_curves
from eval.evaluate import ADAPTER, evaluate_checkpoint, every_benchmark
from eval.job import BenchmarkRun, Evaluation
from eval.mt_bench.figure import FILE as RADAR
from eval.mt_bench.figure import radar
from eval.mt_bench.judges import make_rating_judge
from eval.principle_following import TASK as PRINCIPLE_FOLLOWING
from eval.results import Row, metrics_by_step, metrics_of_rows, write_results
from eval.reward_benchmarks import Measurement, RewardSubject, measurements
from eval.truthfulqa.judges import make_answer_judge
from salmon.config.schema import Config
from salmon.distributed.world import World, use_world, world
from salmon.models.base import SharedModel
from salmon.runtime.environment import command_line, git_revision, versions
from salmon.runtime.fingerprint import semantic
from salmon.stage.context import StageContext
from salmon.tracking.tracker import Tracker


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Evaluate the policies, or the reward model, of the one input; metrics ``eval/<checkpoint>/<task>/<metric>``.

    ``results.json`` and ``results.md`` in the work folder hold the rows, with those that have no figure;
    ``mt_bench_radar.png`` has MT-Bench by category.
    """
    checkpoints = checkpoints_of(ctx.inputs["checkpoint"])
    rows = evaluate_all(cfg, ctx.shared(), checkpoints, ctx.work)
    return world().on_main(lambda: record(cfg, checkpoints, rows, ctx.work, ctx.tracker))


def evaluate_all(cfg: Config | EvalApp, shared: SharedModel, checkpoints: Checkpoints, work: Path) -> list[Row]:
    """Rows of every checkpoint: policies on their benchmarks, reward models on theirs.

    Of several processes each does some of the benchmarks; the first then finds these done, does the rest, and puts all
    together.
    """
    for adapter in filter(None, checkpoints.policies.values()):  # one that does not fit must not show after hours
        shared.load_adapter(ADAPTER, adapter)
        shared.remove_adapter(ADAPTER)
    of_reward_models = [
        measurement
        for name, artifact in checkpoints.reward_models.items()
        for measurement in measurements(RewardSubject(shared, artifact, name, cfg.eval, cfg.seed, work / name))
    ]

    def evaluated(wanted: Callable[[BenchmarkRun], bool], measured: Iterable[Measurement]) -> list[Row]:
        rows = _evaluate_policies(cfg, shared, checkpoints, work, wanted) if checkpoints.policies else []
        return rows + [row for measure in measured for row in measure()]

    here = world()
    if here.size > 1:
        turns = cycle(range(here.size))  # the same jobs come in the same order in all
        with use_world(World()):
            evaluated(
                lambda job: not job.one_process and next(turns) == here.rank,
                (measure for measure in of_reward_models if next(turns) == here.rank),
            )
    return here.on_main(lambda: evaluated(every_benchmark, of_reward_models))


def _evaluate_policies(
    cfg: Config | EvalApp,
    shared: SharedModel,
    checkpoints: Checkpoints,
    work: Path,
    wanted: Callable[[BenchmarkRun], bool],
) -> list[Row]:
    """Equal adapters are done once; every row knows the moment of its checkpoint."""
    cache = Path(cfg.paths.cache).expanduser()
    judge = make_rating_judge(cfg.eval.mt_bench.judge, shared, cfg.model, cache)
    answer_judge = make_answer_judge(cfg.eval.truthfulqa_gen.judge, shared, cfg.model, cache, cfg.eval.batch_size)
    evaluation = Evaluation(cfg.eval, judge, cfg.seed, cache, answer_judge)
    rows: list[Row] = []
    done: dict[str, list[Row]] = {}
    for name, adapter in checkpoints.policies.items():
        identity = adapter_hash(adapter)
        if identity in done:
            of_checkpoint = [row.renamed(name) for row in done[identity]]
        else:
            of_checkpoint = done[identity] = evaluate_checkpoint(shared, adapter, name, evaluation, work / name, wanted)
        moment = checkpoints.moments.get(name)
        rows += [replace(row, series=moment.series, step=moment.step) if moment else row for row in of_checkpoint]
    return rows


def record(
    cfg: Config | EvalApp, checkpoints: Checkpoints, rows: list[Row], work: Path, tracker: Tracker
) -> dict[str, float]:
    """Write the results and track them, each checkpoint at its step; the metrics."""
    write_results(
        work,
        rows,
        {
            "suite": cfg.eval.name,
            "model": cfg.model.name,
            "settings": semantic(cfg.eval),
            "seed": cfg.seed,
            "base": {"path": cfg.model.path, "revision": cfg.model.revision},
            "checkpoints": _identities(checkpoints),
            "command": command_line(),
            "git": git_revision(),
            "versions": versions(),
        },
    )
    for step, figures in metrics_by_step(rows).items():
        tracker.log(step, figures)
    tracker.table(
        "results",
        ["checkpoint", "task", "metric", "value", "stderr", "n", "note", "low", "high", "series", "step"],
        [
            [r.checkpoint, r.task, r.metric, r.value, r.stderr, r.n, r.note, r.low, r.high, r.series, r.step]
            for r in rows
        ],
        0,
    )
    if (figure := radar(work / RADAR, rows)) is not None:
        tracker.image(figure.stem, figure, 0)
    if drawn := draw_learning_curves(work, rows):
        tracker.image(CURVES, drawn, 0)
    metrics = metrics_of_rows(rows)
    for name in dict.fromkeys(row.checkpoint for row in rows if row.task == PRINCIPLE_FOLLOWING):
        tracker.image(f"{name}_matrix", work / name / PRINCIPLE_FOLLOWING / "matrix.png", 0)
    tracker.summary(metrics)
    return metrics


def _identities(checkpoints: Checkpoints) -> dict[str, str]:
    """What tells each checkpoint from all others: hashes of an adapter, or the fingerprint of a reward artifact."""
    policies = {name: adapter_hash(adapter) for name, adapter in checkpoints.policies.items()}
    return policies | {name: artifact.fingerprint for name, artifact in checkpoints.reward_models.items()}
