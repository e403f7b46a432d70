"""The variables by which W&B is set up from outside, tried before a stage needs it."""

import os
import re
from collections.abc import Mapping

from salmon.config.run import TrackingConfig, WandbMode
from salmon.config.texts import shown
from salmon.errors import SalmonError


def check_environment(tracking: TrackingConfig, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse what W&B would refuse once the first stage has loaded its model.

    Raises:
        SalmonError: names the variables; their values may be keys, and are not repeated.
    """
    given = sorted(name for name in environment if name.startswith("WANDB_"))
    if tracking.wandb is WandbMode.disabled or not given:
        return
    import wandb

    for name in given:
        try:
            wandb.Settings().update_from_env_vars({name: environment[name]})
        except (wandb.Error, ValueError) as error:
            expected = re.search(r"Input should be ([^\[]*)", str(error))
            said = f": it should be {shown(expected[1].strip(), 200)}" if expected else ""
            raise SalmonError(
                f"W&B refuses the environment variable {name}{said}. Correct it, unset {name}, or set tracking=disabled"
            ) from error
