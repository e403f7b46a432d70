"""What the pipeline knows of the stage ``ppo``."""

from typing import Any

from salmon.config.ppo import OF_VALUE_MODEL, Sentinel
from salmon.config.schema import Config
from salmon.ppo.prompts import wanted_ppo_prompts
from salmon.ppo.rewards.registry import check_reward
from salmon.principles.bank import load_bank
from salmon.principles.selection import monitor_bank, rl_bank
from salmon.runtime.fingerprint import semantic
from salmon.stage.files import check_prompts
from salmon.stage.identity import prompts_identity, rollout_identity
from salmon.stage.spec import StageSpec


def settings(cfg: Config) -> dict[str, Any]:
    """Everything that decides the policies, besides the SFT policy and the reward model.

    Settings of the value model decide nothing where there is none.

    Raises:
        SalmonError: ``ppo.reward_source`` names no reward, or one that cannot score by the principles that are shown.
    """
    check_reward(cfg)
    monitor, keep_every = monitor_bank(cfg.principles), cfg.ppo.keep_every
    unused = () if cfg.ppo.advantage.has_value_model else OF_VALUE_MODEL
    ppo = {key: value for key, value in semantic(cfg.ppo).items() if key not in unused}
    identity = prompts_identity(cfg, cfg.prompts.ppo) | {"ppo": ppo}
    identity |= shown_identity(cfg) | rollout_identity(cfg)
    # keep_every changes no policy, but an artifact without kept policies must not be reused where they are asked for.
    identity |= {"keep_every": keep_every} if keep_every else {}
    identity |= {"sentinel": cfg.ppo.sentinel.value} if cfg.ppo.sentinel is Sentinel.stop else {}
    return identity | ({"monitor": monitor.content()} if monitor else {})


def shown_identity(cfg: Config) -> dict[str, Any]:
    """Principles that are shown at RL time."""
    interventions = cfg.principles.interventions
    return {
        "bank": rl_bank(cfg.principles).content(),
        "interventions": load_bank(interventions).content() if interventions else [],
    }


def held_out_identity(cfg: Config) -> dict[str, Any]:
    """Which prompts a policy is measured on, how it answers them, and what is checked."""
    ppo, monitor = semantic(cfg.ppo), monitor_bank(cfg.principles)
    return (
        prompts_identity(cfg, cfg.prompts.ppo)
        | rollout_identity(cfg)
        | {
            "held_out": {key: ppo[key] for key in ("seed", "held_out_prompts", "sampling")},
            "monitor": monitor.content() if monitor else [],
        }
    )


def check(cfg: Config) -> None:
    """Read the prompts; the stages that are measured on them do the same.

    Raises:
        SalmonError: the source cannot be read, has a bad row, or has too few.
    """
    check_prompts(cfg, cfg.prompts.ppo, lambda _: wanted_ppo_prompts(cfg))


SPEC = StageSpec(
    "ppo",
    5,
    "salmon.ppo.stage",
    ("sft", "reward"),
    settings,
    {"ppo_best": "best/policy", "ppo_last": "last/policy"},
    preflight="salmon.ppo.preflight",
    check=check,
)
