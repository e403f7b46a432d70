"""What SFT asks of the base, tried before the job's first stage."""

from salmon.config.schema import Config
from salmon.config.sft import SFTSource
from salmon.models.base import SharedModel
from salmon.models.initial_adapters import load_initial_policy
from salmon.models.trial import ADAPTER, try_training
from salmon.sampling.preflight import require_answers, require_room, require_sampler
from salmon.sft.self_align import self_align_prefix


def _answers_can_be_made(cfg: Config, shared: SharedModel) -> None:
    """The base can sample; the longest prompt, whatever stands before it, and an answer fit into the context."""
    if cfg.sft.train.epochs == 0:
        return
    match cfg.sft.source:
        case SFTSource.self_align:
            self_align_prefix(cfg, shared)
            require_answers(shared)  # whatever draws other responses
        case SFTSource.styled:
            require_room(shared, cfg.prompts, cfg.sft.sampling, "sft")
            require_sampler(shared, cfg.rollout)
        case SFTSource.demonstrations:
            pass


def _adapter_trains(cfg: Config, shared: SharedModel) -> None:
    """An adapter can be trained."""
    if cfg.sft.train.epochs:
        try_training(shared)


def _start_fits(cfg: Config, shared: SharedModel) -> None:
    """The adapter that training starts from fits the base."""
    if cfg.sft.start is not None:
        try:
            load_initial_policy(shared, ADAPTER, cfg.sft.start)
        finally:
            shared.clear()


CHECKS = (_answers_can_be_made, _adapter_trains, _start_fits)
