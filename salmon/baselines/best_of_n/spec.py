"""What the pipeline knows of the stage ``best_of_n``."""

from typing import Any

from salmon.config.schema import Config
from salmon.ppo.rewards.registry import check_reward
from salmon.ppo.spec import check, held_out_identity, shown_identity
from salmon.runtime.fingerprint import semantic
from salmon.stage.spec import StageSpec


def settings(cfg: Config) -> dict[str, Any]:
    """Everything that decides the choice and its metrics, besides the SFT policy and the reward model.

    Raises:
        SalmonError: ``ppo.reward_source`` names no reward, or one that cannot score by the principles that are shown.
    """
    check_reward(cfg)
    ppo = semantic(cfg.ppo)
    scoring = {key: ppo[key] for key in ("reward_source", "reward_input", "principles", "shaping")}
    own = {"best_of_n": semantic(cfg.best_of_n), "scoring": scoring}
    return held_out_identity(cfg) | shown_identity(cfg) | own


SPEC = StageSpec(
    "best_of_n",
    2,
    "salmon.baselines.best_of_n.stage",
    ("sft", "reward"),
    settings,
    preflight="salmon.baselines.best_of_n.preflight",
    check=check,
)
