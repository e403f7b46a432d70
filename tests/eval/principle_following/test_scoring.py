"""What a reward model of each kind is asked."""

import pytest

from salmon.config.reward import RewardConfig, RewardHead
from salmon.models.base import SharedModel
from salmon.models.heads import new_head
from salmon.principles.bank import Bank, Principle
from salmon.reward.trained_model import RewardModel

ENDS = {RewardHead.scalar: "Quality:", RewardHead.yes_no: "Does the response follow every guideline?\nAnswer: "}


@pytest.mark.parametrize("kind", list(RewardHead))
def test_a_model_is_asked_as_its_head_was_trained(tiny: SharedModel, reward_config: RewardConfig, kind) -> None:
    """The config beside its scores holds lengths only; its folder says which kind it is."""
    model = RewardModel(tiny, new_head(tiny, kind, 0, None), reward_config, True, {})
    ids = model.ids(("Why?", "Because."), ("Be brief.",))
    assert tiny.tokenizer.decode(ids).endswith(f"\n- Be brief.\n\n{ENDS[kind]}")
    bank = Bank("two", (Principle("Brief", "Be brief."), Principle("Long", 440 * "x")))
    assert len(model.first_that_fit(bank)) == (2 if kind is RewardHead.scalar else 1)  # in half of 1000 letters
