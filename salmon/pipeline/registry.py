"""The stages by name, in the order in which they run: those of the method, then those that other packages bring.

An entry point of the group ``salmon.stages`` names a ``StageSpec``; that is how ``eval``, which imports ``salmon``, is
reached without ``salmon`` knowing it.
"""

from importlib.metadata import entry_points

from salmon.baselines.best_of_n.spec import SPEC as BEST_OF_N
from salmon.baselines.dpo.spec import SPEC as DPO
from salmon.config.extensions import stage_names
from salmon.ppo.spec import SPEC as PPO
from salmon.preferences.spec import SPEC as PREFERENCES
from salmon.reward.spec import SPEC as REWARD
from salmon.sft.spec import SPEC as SFT
from salmon.stage.spec import StageSpec


def _registered() -> dict[str, StageSpec]:
    specs = [SFT, PREFERENCES, REWARD, PPO, DPO, BEST_OF_N]
    specs += [point.load() for point in entry_points(group="salmon.stages")]
    by_name = {spec.name: spec for spec in specs}
    return {name: by_name[name] for name in stage_names()}


STAGES = _registered()
