"""Shapes and types that the annotations state hold under pytest, and cost nothing outside of it."""

import subprocess
import sys

import pytest
import torch
from jaxtyping import TypeCheckError

from salmon.core.gae import gae
from salmon.core.kl import kl_estimate
from salmon.core.masked import masked_whiten
from salmon.core.ppo import PolicyStats, entropy
from salmon.core.preference import bradley_terry_loss
from salmon.core.shaping import shaped_rewards
from tests.typechecked import PACKAGES, unchecked

pytestmark = pytest.mark.slow

ROW, COLUMN = torch.ones(3), torch.ones(3, 1)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("ref_logprobs", lambda: kl_estimate(torch.ones(2, 3), ROW, "k1")),
        ("values", lambda: gae(torch.ones(2, 3), torch.ones(2, 4), torch.ones(2, 3), 1.0, 1.0)),
        ("mask", lambda: masked_whiten(ROW, COLUMN, shift_mean=True)),
        ("rejected", lambda: bradley_terry_loss(ROW, COLUMN, 3)),
        ("kl", lambda: shaped_rewards(ROW, torch.ones(2, 3), torch.ones(2, 3), 1.0, 1.0, False)),
        ("logits", lambda: entropy(torch.ones(2, 3, dtype=torch.int64))),
        ("ratio", lambda: PolicyStats(*[torch.tensor(0.0)] * 3, ROW)),  # 0-dim
    ],
)
def test_a_wrong_shape_is_refused_by_the_annotation(name, call):
    with pytest.raises(TypeCheckError, match=f"parameter '?{name}'?"):
        call()


def test_at_run_time_the_functions_refuse_what_would_broadcast():
    with unchecked(), pytest.raises(ValueError, match="shapes differ"):
        bradley_terry_loss(ROW, COLUMN, 3)
    with pytest.raises(TypeCheckError):
        bradley_terry_loss(ROW, COLUMN, 3)


def test_outside_pytest_nothing_is_wrapped():
    """The functions are the plain ones, and the checker is not even imported."""
    code = f"""
import sys, salmon.core.gae, salmon.core.ppo
assert {PACKAGES[0]!r} in sys.modules and "beartype" not in sys.modules
for module in (salmon.core.gae, salmon.core.ppo):
    functions = [f for f in vars(module).values() if callable(f) and f.__module__ == module.__name__]
    assert functions and not any(hasattr(f, "__wrapped__") for f in functions)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert hasattr(gae, "__wrapped__"), "here it is wrapped"
