"""Preference pre-training without human data: a response to its own prompt against one to another prompt."""

from dataclasses import replace

import pytest
from hydra import compose, initialize_config_dir

from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.errors import SalmonError
from salmon.pipeline.registry import STAGES
from salmon.preferences.pairs import Pair
from salmon.reward.pretraining import mismatched_pairs

PAIRS = [Pair(f"p{n}", f"Ask {n}", f"one to {n}", f"two to {n}") for n in range(6)]


def test_every_response_is_preferred_to_one_of_another_prompt() -> None:
    rows = mismatched_pairs(PAIRS, seed=0)
    assert [(row.prompt, row.chosen) for row in rows] == [
        (f"Ask {n}", f"{which} to {n}") for n in range(6) for which in ("one", "two")
    ]
    assert len({row.id for row in rows}) == 12
    others = [int(row.rejected.rpartition(" ")[2]) for row in rows]
    assert [row.rejected for row in rows] == [f"{('one', 'two')[i % 2]} to {o}" for i, o in enumerate(others)]
    assert sorted(others[::2]) == list(range(6)) and others[::2] == others[1::2]  # a permutation of the prompts ...
    assert all(o != n for n, o in enumerate(others[::2]))  # ... that leaves none in its place


@pytest.mark.parametrize("count", [2, 3, 5])
def test_no_seed_leaves_a_prompt_in_its_place(count: int) -> None:
    """A plain permutation does in 1 - 1/e of the seeds."""
    found = set()
    for seed in range(40):
        rows = mismatched_pairs(PAIRS[:count], seed)
        assert all(row.rejected.rpartition(" ")[2] != row.prompt.rpartition(" ")[2] for row in rows)
        found.add(tuple(row.rejected for row in rows))
    assert len(found) >= {2: 1, 3: 2, 5: 12}[count]  # there are (count - 1)! cycles, and 40 seeds
    assert mismatched_pairs(PAIRS[:count], 7) == mismatched_pairs(PAIRS[:count], 7)


def test_several_pairs_of_a_prompt_are_all_used() -> None:
    """Where the other prompt has fewer responses, they are used again."""
    pairs = [PAIRS[0], replace(PAIRS[0], response_1="three to 0", response_2="four to 0", number=1), PAIRS[1]]
    rows = mismatched_pairs(pairs, seed=0)
    assert [(row.chosen, row.rejected) for row in rows] == [
        ("one to 0", "one to 1"),
        ("two to 0", "two to 1"),
        ("three to 0", "one to 1"),
        ("four to 0", "two to 1"),
        ("one to 1", "one to 0"),
        ("two to 1", "two to 0"),
    ]


def test_equal_responses_are_left_out() -> None:
    pairs = [PAIRS[0], replace(PAIRS[1], response_1="one to 0")]
    assert [row.chosen for row in mismatched_pairs(pairs, seed=0)] == ["two to 0", "two to 1"]


def test_one_prompt_is_not_enough() -> None:
    with pytest.raises(SalmonError, match="mismatched needs pairs of at least two training prompts.*there are 1"):
        mismatched_pairs([PAIRS[0], replace(PAIRS[0], number=1)], seed=0)


def test_the_fingerprint_looks_for_no_file_of_that_name() -> None:
    def settings(data: str) -> dict:
        with initialize_config_dir(CONF, version_base="1.3"):
            cfg = to_typed(
                compose("config", overrides=["+experiment=self_judged", "model=tiny", f"reward.pretrain.data={data}"]),
                Config,
            )
        return dict(STAGES["reward"].settings(cfg))

    register()
    assert settings("mismatched")["pretrain_data"] == "mismatched"
    assert settings("mismatched") != settings("null")
    with pytest.raises(SalmonError):
        settings("mismatched.jsonl")
