"""The pipeline's last stage: every checkpoint that an upstream stage made, on the configured benchmarks."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from eval.benchmark_run import BenchmarkRun, Evaluation, Measurement, RewardSubject
from eval.benchmarks import OF_REWARD_MODELS
from eval.checkpoints import Checkpoints, adapter_hash, checkpoints_of
from eval.config import EvalApp
from eval.evaluate import ADAPTER, evaluate_checkpoint, every_benchmark
from eval.mt_bench.judges import make_rating_judge
from eval.record import record
from eval.results import Row
from eval.truthfulqa.judges import make_answer_judge
from salmon.config.schema import Config
from salmon.distributed.world import World, use_world, world
from salmon.models.base import SharedModel
from salmon.stage.context import StageContext


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Evaluate the policies, or the reward model, of the one input; metrics ``eval/<checkpoint>/<task>/<metric>``.

    ``results.json`` and ``results.md`` in the work folder hold the rows, with those that have no figure;
    ``mt_bench_radar.png`` has MT-Bench by category.
    """
    # 1. What there is to evaluate.
    checkpoints = checkpoints_of(ctx.inputs["checkpoint"])
    # 2. Every benchmark on every checkpoint.
    rows = evaluate_all(cfg, ctx.shared(), checkpoints, ctx.work)
    # 3. Tables, pictures and metrics.
    return world().on_main(lambda: record(cfg, checkpoints, rows, ctx.work, ctx.tracker))


def evaluate_all(cfg: Config | EvalApp, shared: SharedModel, checkpoints: Checkpoints, work: Path) -> list[Row]:
    """Rows of every checkpoint (policies on their benchmarks, reward models on theirs), in the first process.

    Raises:
        SalmonError: an adapter does not fit the base, or a file is missing or malformed.
    """
    # 1. What is wrong with an adapter or a file shows now, not after hours.
    _require_fitting_adapters(shared, checkpoints)
    measurements = _measurements(cfg, shared, checkpoints, work)

    def rows_of(wanted: Callable[[BenchmarkRun], bool], measured: Iterable[Measurement]) -> list[Row]:
        rows = _policy_rows(cfg, shared, checkpoints, work, wanted) if checkpoints.policies else []
        return rows + [row for measure in measured for row in measure()]

    # 2. Of several processes each does some of the benchmarks; what it finds is kept in the work folder.
    here = world()
    if here.size > 1:
        turns = cycle(range(here.size))  # all processes meet the same benchmarks in the same order
        with use_world(World()):
            rows_of(
                lambda benchmark: not benchmark.one_process and next(turns) == here.rank,
                (measure for measure in measurements if next(turns) == here.rank),
            )
    # 3. The first process finds these done, does the rest, and puts all together.
    return here.on_main(lambda: rows_of(every_benchmark, measurements))


def _require_fitting_adapters(shared: SharedModel, checkpoints: Checkpoints) -> None:
    for adapter in filter(None, checkpoints.policies.values()):
        shared.load_adapter(ADAPTER, adapter)
        shared.remove_adapter(ADAPTER)


def _measurements(
    cfg: Config | EvalApp, shared: SharedModel, checkpoints: Checkpoints, work: Path
) -> list[Measurement]:
    """The benchmarks of every reward model, their files read."""
    subjects = [
        RewardSubject(shared, artifact, name, cfg.eval, cfg.seed, work / name)
        for name, artifact in checkpoints.reward_models.items()
    ]
    found = (make(subject) for subject in subjects for make in OF_REWARD_MODELS)
    return [measurement for measurement in found if measurement is not None]


def _policy_rows(
    cfg: Config | EvalApp,
    shared: SharedModel,
    checkpoints: Checkpoints,
    work: Path,
    wanted: Callable[[BenchmarkRun], bool],
) -> list[Row]:
    """Equal adapters are evaluated once; every row knows at which step of which run its checkpoint was made."""
    cache = Path(cfg.paths.cache).expanduser()
    judge = make_rating_judge(cfg.eval.mt_bench.judge, shared, cfg.model, cache)
    answer_judge = make_answer_judge(cfg.eval.truthfulqa_gen.judge, shared, cfg.model, cache, cfg.eval.batch_size)
    evaluation = Evaluation(cfg.eval, judge, cfg.seed, cache, answer_judge)
    rows: list[Row] = []
    done: dict[str, list[Row]] = {}  # by the adapter's hash
    for name, adapter in checkpoints.policies.items():
        identity = adapter_hash(adapter)
        if identity in done:
            of_checkpoint = [row.renamed(name) for row in done[identity]]
        else:
            of_checkpoint = done[identity] = evaluate_checkpoint(shared, adapter, name, evaluation, work / name, wanted)
        moment = checkpoints.moments.get(name)
        rows += [replace(row, series=moment.series, step=moment.step) if moment else row for row in of_checkpoint]
    return rows
