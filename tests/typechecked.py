"""Annotations are checked under pytest: types and tensor shapes, on every call. Outside of it they cost nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from beartype import BeartypeConf, beartype
from jaxtyping import config, install_import_hook

PACKAGES = ("salmon.core", "salmon.models", "salmon.ppo", "salmon.sampling")
beartyped = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float, as for mypy


def check_annotations() -> None:
    """Check those of ``PACKAGES``; to be called before they are imported."""
    install_import_hook(PACKAGES, f"{__name__}.beartyped")


@contextmanager
def unchecked() -> Iterator[None]:
    """As at run time: only what a function itself refuses is refused."""
    config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        config.update("jaxtyping_disable", False)
