"""From Hydra's composed config to typed objects, once, with every problem in one message."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from salmon.config.rules import broken_rules
from salmon.config.texts import shown
from salmon.config.walk import broken_constraints, settings, unknown_keys
from salmon.errors import SalmonError

T = TypeVar("T")

_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


def to_typed(composed: DictConfig, root: type[T]) -> T:
    """Check a composed config and convert it to its dataclasses.

    Raises:
        SalmonError: one message with all unknown keys, missing values and broken rules.
    """
    try:
        missing = sorted(OmegaConf.missing_keys(composed))  # resolves what a value refers to
        config: Any = None if missing else OmegaConf.to_object(composed)
    except (OmegaConfBaseException, ValueError, RecursionError) as error:
        raise SalmonError(f"config: {shown(' '.join(str(error).split()), 500)}") from error
    if missing:
        raise SalmonError("the config lacks values for: " + ", ".join(missing) + ". Give each as KEY=VALUE")
    if not isinstance(config, root):
        raise SalmonError(f"the composed config is not a {root.__name__}; is `schema` missing from its defaults?")
    deleted = sorted(setting.key for setting in settings(config) if setting.value == MISSING)
    if deleted:  # with ~KEY: neither missing nor unknown to OmegaConf
        raise SalmonError("the config lacks values for: " + ", ".join(deleted) + ". Give each as KEY=VALUE")
    if found := problems(config, references(composed)):
        count = f"{len(found)} problems" if len(found) > 1 else "a problem"
        raise SalmonError(f"the config has {count}:\n" + "\n".join(f"  - {problem}" for problem in found))
    return config


def references(node: DictConfig, path: str = "") -> dict[str, str]:
    """Keys of values that are nothing but a reference to another one (``seed: ${seed}``), with that one's key."""
    found: dict[str, str] = {}
    for name in map(str, node):
        key = f"{path}{name}"
        inner: Any = node._get_node(name)  # as it stands: an interpolation is not resolved
        if isinstance(inner, DictConfig) and not inner._is_none() and not inner._is_interpolation():
            found |= references(inner, f"{key}.")
        elif OmegaConf.is_interpolation(node, name) and (alone := _REFERENCE.fullmatch(str(inner._value()))):
            found[key] = alone[1]
    return found


def problems(config: Any, references: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """Everything that is wrong with a config whose values have the right types, in plain words.

    Args:
        references: see ``broken_constraints``.
    """
    return [*unknown_keys(config), *broken_constraints(config, references), *broken_rules(config)]
