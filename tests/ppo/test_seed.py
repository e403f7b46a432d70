"""ppo.seed repeats PPO alone: everything before it is shared, the rollouts are not."""

from functools import cache

import pytest
from hydra import compose, initialize_config_dir

from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.data.rows import Prompt
from salmon.data.split import Split
from salmon.pipeline.registry import STAGES
from salmon.ppo.prompts import held_out_batch, schedule, select_ppo_prompts

pytestmark = pytest.mark.slow

PROMPTS = Split([Prompt(f"p{n}", f"Ask {n}") for n in range(12)], [])
EARLIER = ("sft", "preferences", "reward", "dpo")


@cache
def config(*overrides: str) -> Config:
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return to_typed(
            compose("config", overrides=["+experiment=self_judged", "model=tiny", "principles=verifiable", *overrides]),
            Config,
        )


def test_it_follows_the_seed_unless_it_is_given() -> None:
    assert [(c.seed, c.ppo.seed) for c in (config(), config("seed=3"), config("ppo.seed=1"))] == [
        (0, 0),
        (3, 3),
        (0, 1),
    ]


@pytest.mark.parametrize("stage", ["sft", "preferences", "reward"])
def test_what_comes_before_ppo_is_shared(stage: str) -> None:
    assert STAGES[stage].settings(config()) == STAGES[stage].settings(config("ppo.seed=1"))


@pytest.mark.parametrize("stage", ["ppo", "best_of_n"])
def test_what_samples_with_it_is_not_shared(stage: str) -> None:
    assert STAGES[stage].settings(config()) != STAGES[stage].settings(config("ppo.seed=1"))


def test_rollouts_have_another_order_and_other_draws() -> None:
    one, other = (schedule(PROMPTS, config(*given).ppo) for given in ((), ("ppo.seed=1",)))
    assert [[p.id for p in batch.prompts] for batch in one] != [[p.id for p in batch.prompts] for batch in other]
    keys = [{key for batch in made for key in batch.keys} for made in (one, other)]
    assert keys[0] and not keys[0] & keys[1]
    assert one == schedule(PROMPTS, config("seed=0").ppo)
    assert held_out_batch(PROMPTS.training, 0).keys != held_out_batch(PROMPTS.training, 1).keys


def test_the_held_out_prompts_are_the_same(tiny) -> None:
    """So that the repetitions are measured on one set."""
    one, other = (select_ppo_prompts(config(*given), tiny.chat) for given in ((), ("ppo.seed=1",)))
    assert one == other and len(one.held_out) == 4
    assert select_ppo_prompts(config("seed=1"), tiny.chat).held_out != one.held_out
