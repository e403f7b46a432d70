"""Variables that W&B refuses stop the job before its first stage, by name and without their values."""

import pytest

from salmon.config.run import SweepStage, TrackingConfig, WandbMode
from salmon.errors import SalmonError
from salmon.tracking.wandb_environment import check_environment


def tracking(mode: WandbMode = WandbMode.offline) -> TrackingConfig:
    return TrackingConfig(mode, "salmon", None, [], 1, SweepStage.ppo)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WANDB_MODE", "foo", "it should be 'online', 'offline'"),
        ("WANDB_TAGS", "", "Correct it, unset WANDB_TAGS, or set tracking=disabled"),
        ("WANDB_PROJECT", "a/b", "unset WANDB_PROJECT"),
        ("WANDB_HTTP_TIMEOUT", "soon", "it should be a valid number"),
        ("WANDB_BASE_URL", "user:secret@host", "WANDB_BASE_URL"),
    ],
)
def test_refused(name: str, value: str, said: str) -> None:
    with pytest.raises(SalmonError) as caught:
        check_environment(tracking(), {"WANDB_API_KEY": "x" * 40, name: value})
    assert f"W&B refuses the environment variable {name}" in str(caught.value) and said in str(caught.value)
    assert "secret" not in str(caught.value) and "xxx" not in str(caught.value)


def test_taken() -> None:
    check_environment(
        tracking(), {"WANDB_MODE": "online", "WANDB_TAGS": "a,b", "WANDB_OF_TOMORROW": "1", "HOME": "foo"}
    )
    check_environment(tracking(WandbMode.disabled), {"WANDB_MODE": "foo"})
