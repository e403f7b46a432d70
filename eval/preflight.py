"""What the benchmarks ask of the base, tried before the job's first stage, and before a standalone evaluation."""

from eval.config import EvalApp
from salmon.config.sampling import RolloutBackend
from salmon.config.schema import Config
from salmon.errors import Findings
from salmon.models.base import SharedModel
from salmon.sampling.preflight import require_sampler

# Tasks that are read from likelihoods or scores; all others are answered in the base's own words.
WITHOUT_ANSWERS = {"truthfulqa_mc1", "truthfulqa_mc2", "pairs", "principle_following"}


def _answers_can_be_sampled(cfg: Config | EvalApp, shared: SharedModel) -> None:
    """The base can sample, by the loop that all tasks share."""
    if set(cfg.eval.tasks) - WITHOUT_ANSWERS:
        require_sampler(shared, RolloutBackend.hf)


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
    findings = Findings()
    for check in CHECKS:
        with findings.collected():
            check(cfg, shared)
    findings.refuse("these tasks cannot run")
