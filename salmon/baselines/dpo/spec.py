"""What the pipeline knows of the stage ``dpo``."""

from typing import Any

from salmon.config.schema import Config
from salmon.ppo.spec import check, held_out_identity
from salmon.principles.selection import rl_bank
from salmon.runtime.fingerprint import semantic
from salmon.stage.spec import StageSpec


def settings(cfg: Config) -> dict[str, Any]:
    """Everything that decides the policy and its metrics, besides the SFT policy and the judged pairs."""
    return held_out_identity(cfg) | {"dpo": semantic(cfg.dpo), "names": list(rl_bank(cfg.principles).names)}


SPEC = StageSpec(
    "dpo",
    3,
    "salmon.baselines.dpo.stage",
    ("sft", "preferences"),
    settings,
    {"dpo": "policy"},
    preflight="salmon.baselines.dpo.preflight",
    check=check,
)
