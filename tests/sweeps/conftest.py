import logging

import pytest


@pytest.fixture(autouse=True)
def own_console(monkeypatch):
    """``configure_console`` keeps the standard output of its first call, which was another test's."""
    logger = logging.getLogger("salmon")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", True)  # pytest gives a logger that does not propagate a handler
