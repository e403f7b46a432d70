"""What the benchmarks ask of the base, tried before the job's first stage, and before a standalone evaluation."""

from functools import partial

from eval.config import GENERATING, EvalApp
from salmon.config.schema import Config
from salmon.errors import check_all
from salmon.models.base import SharedModel
from salmon.sampling.preflight import require_answers


def _answers_can_be_sampled(cfg: Config | EvalApp, shared: SharedModel) -> None:
    """The base can sample, by the loop that all tasks share."""
    if GENERATING.keys() & cfg.eval.tasks:
        require_answers(shared)


def _two_turns_can_be_written(cfg: Config | EvalApp, shared: SharedModel) -> None:
    """The chat template writes a second question after an answer, which MT-Bench asks."""
    if "mt_bench" in cfg.eval.tasks and cfg.eval.mt_bench.template == "tokenizer":
        shared.chat.prompt_ids(
            [
                {"role": "user", "content": "Why?"},
                {"role": "assistant", "content": "Because."},
                {"role": "user", "content": "Really?"},
            ]
        )


CHECKS = (_answers_can_be_sampled, _two_turns_can_be_written)


def require_usable(cfg: EvalApp, shared: SharedModel) -> None:
    """Refuse, before any task runs, a base that cannot do what the tasks ask of it.

    Raises:
        SalmonError: all that fails.
    """
    check_all((partial(check, cfg, shared) for check in CHECKS), "these tasks cannot run")
