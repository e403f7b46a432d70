"""What the pipeline knows of the stage ``preferences``."""

from typing import Any

from salmon.config.preferences import PairJudge
from salmon.config.schema import Config
from salmon.preferences.prompts import wanted_preference_prompts
from salmon.principles.selection import reward_bank
from salmon.runtime.fingerprint import semantic
from salmon.stage.files import check_prompts
from salmon.stage.identity import prompts_identity, rollout_identity
from salmon.stage.spec import StageSpec


def settings(cfg: Config) -> dict[str, Any]:
    """Everything that decides the preference rows, besides the policy."""
    own = {"preferences": semantic(cfg.preferences), "bank": reward_bank(cfg.principles).content()}
    return prompts_identity(cfg, cfg.prompts.preferences) | rollout_identity(cfg) | own


def check(cfg: Config) -> None:
    """Read the prompts, and see whether the judge can judge.

    Raises:
        SalmonError: a prompt is bad, the principles lack what the judge or a planted bias needs, or a key is missing.
    """
    from salmon.preferences.judges.server import SETTINGS
    from salmon.preferences.judges.verifier import VerifierJudge  # torch, as what follows
    from salmon.preferences.vetoes import require_planted_bias
    from salmon.runtime.endpoint.client import require_key

    judge, bank = cfg.preferences.judge, reward_bank(cfg.principles)
    check_prompts(cfg, cfg.prompts.preferences, lambda usable: wanted_preference_prompts(cfg, usable))
    require_planted_bias(cfg.preferences.aggregation, bank)
    if judge.kind is PairJudge.verifier:
        VerifierJudge(bank)
    if judge.kind is PairJudge.server:
        require_key(judge.server, SETTINGS)


SPEC = StageSpec(
    "preferences",
    6,
    "salmon.preferences.stage",
    ("sft",),
    settings,
    preflight="salmon.preferences.preflight",
    check=check,
)
