import numpy as np
import pytest

from salmon.runtime.seeding import seed_of, stream


def test_a_key_has_one_seed_for_ever() -> None:
    # sha256(b"int:1\x1fstr:rollout\x1fint:7")[:8], computed with coreutils' sha256sum
    assert seed_of(1, "rollout", 7) == 0xB2F4A551AA5EF1A9


def test_equal_keys_give_equal_streams_whatever_was_drawn_before() -> None:
    first = stream(3, "a", 5).random(4)
    stream(3, "b", 5).random(100)
    np.random.seed(0)
    assert stream(3, "a", 5).random(4).tolist() == first.tolist()


@pytest.mark.parametrize("other", [(3, "a", "5"), (3, "a", 6), ("a", 3, 5), (3, "a"), (3, "a", 5, 0), (35, "a")])
def test_different_keys_give_different_streams(other: tuple[str | int, ...]) -> None:
    assert stream(*other).random() != stream(3, "a", 5).random()


def test_neighbouring_keys_are_not_correlated() -> None:
    first_draws = np.array([stream(0, "row", index).random() for index in range(2000)])
    # Standard errors: of a uniform mean 0.2887 / sqrt(2000) = 0.0065, of a correlation 1 / sqrt(2000).
    assert abs(first_draws.mean() - 0.5) < 4 * 0.0065
    assert abs(np.corrcoef(first_draws[:-1], first_draws[1:])[0, 1]) < 4 * 0.0224
