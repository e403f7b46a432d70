"""All families of the folder ``families``."""

import importlib
import pkgutil
from functools import cache

from salmon.principles.parametric import families as package
from salmon.principles.parametric.family import Family


@cache
def all_families() -> tuple[Family, ...]:
    """Every family, by the names of the modules."""
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    return tuple(family for module in modules for family in module.FAMILIES)
