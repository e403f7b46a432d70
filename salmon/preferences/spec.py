"""What the pipeline knows of the stage ``preferences``."""

from typing import Any

from salmon.config.schema import Config
from salmon.principles.selection import reward_bank
from salmon.runtime.fingerprint import semantic
from salmon.stage.identity import prompts_identity, rollout_identity
from salmon.stage.spec import StageSpec


def settings(cfg: Config) -> dict[str, Any]:
    """Everything that decides the preference rows, besides the policy."""
    own = {"preferences": semantic(cfg.preferences), "bank": reward_bank(cfg.principles).content()}
    return prompts_identity(cfg, cfg.prompts.preferences) | rollout_identity(cfg) | own


SPEC = StageSpec(
    "preferences", 5, "salmon.preferences.stage", ("sft",), settings, preflight="salmon.preferences.preflight"
)
