"""What the reward model asks of the base, tried before the job's first stage."""

from salmon.config.schema import Config
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.capabilities import Needs, problems_of
from salmon.models.initial_adapters import load_initial_scalar_model
from salmon.models.trial import ADAPTER, try_scoring
from salmon.principles.selection import reward_bank
from salmon.reward.inputs import reward_input


def _model_trains(cfg: Config, shared: SharedModel) -> None:
    """An adapter below the head can be trained, on as many layers as it is to have."""
    if problems := problems_of(shared, Needs(layers=cfg.reward.layers)):
        raise SalmonError(problems[0])
    try_scoring(shared, cfg.reward.head, cfg.reward.layers, cfg.reward.first_layer)


def _principles_fit(cfg: Config, shared: SharedModel) -> None:
    """The longest principle of the bank leaves room for a response."""
    longest = max((p.definition for p in reward_bank(cfg.principles).principles), key=len)
    reward_input(shared.chat, "", "", [longest], cfg.reward, cfg.reward.head)


def _start_fits(cfg: Config, shared: SharedModel) -> None:
    """The reward model that training starts from fits the base."""
    if cfg.reward.start is not None:
        try:
            load_initial_scalar_model(shared, ADAPTER, cfg.reward.start, cfg.reward.head, cfg.reward.layers)
        finally:
            shared.clear()


CHECKS = (_model_trains, _principles_fit, _start_fits)
