"""What is reported after each update: metrics, warnings, the progress line."""

import logging

from salmon.distributed.world import world
from salmon.ppo.outputs import read_history
from salmon.ppo.rollout import Rollout
from salmon.runtime.environment import peak_memory_gib
from salmon.runtime.health import PPOHealth
from salmon.runtime.progress import Progress
from salmon.stage.context import StageContext

log = logging.getLogger("salmon")


class UpdateReporter:
    """Logs the updates, and warns of what looks wrong."""

    def __init__(self, ctx: StageContext, total: int, done: int) -> None:
        """
        Args:
            ctx: has the tracker, and the metrics of an interrupted try.
            total: updates of the whole run.
            done: updates that are finished.
        """
        self._tracker, self._health = ctx.tracker, PPOHealth()
        self._health.restore(world().on_main(lambda: read_history(ctx.work)))
        self._progress = Progress(total, "updates", start=done)

    def report(self, step: int, rollout: Rollout, metrics: dict[str, float], seconds: float) -> None:
        """Log an update that took so many seconds; tokens per second count the sampled tokens only."""
        metrics = metrics | {
            "time/total_s": seconds,
            "perf/tokens_per_second": rollout.batch.mask.sum().item() / seconds,
            "perf/peak_memory_gib": max(world().all_gather(peak_memory_gib())),
        }
        for diagnosis in self._health.check(step, metrics, [r.text for r in rollout.scored.responses]):
            log.warning(diagnosis.message)
        self._tracker.log(step, metrics | self._health.metrics)
        value = {"value_error": metrics["value/error"]} if "value/error" in metrics else {}
        self._progress.advance(
            1,
            score=metrics["objective/score"],
            kl=metrics["objective/kl"],
            **value,
            clip=metrics.get("policy/clip_fraction", 0.0),
            length=metrics["response/length"],
        )
