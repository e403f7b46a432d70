"""Comparisons of one pair are trained on together."""

from salmon.reward.comparisons import RewardComparison, group_by_pair


def rows(*names: str) -> list[RewardComparison]:
    """ "a1": the pair's name and a number of its own."""
    return [RewardComparison([int(name[1])], [0], "", 0, name[0]) for name in names]


def grouped(size: int, *names: str) -> list[list[str]]:
    return [[f"{c.pair}{c.chosen[0]}" for c in group] for group in group_by_pair(rows(*names), size)]


def test_one_at_a_time_changes_nothing() -> None:
    assert grouped(1, "a1", "b2", "a3") == [["a1"], ["b2"], ["a3"]]


def test_groups_of_one_pair_in_the_order_of_their_first_rows() -> None:
    assert grouped(2, "a1", "b2", "a3", "a4", "b5", "a6", "a7") == [["a1", "a3"], ["b2", "b5"], ["a4", "a6"], ["a7"]]
    assert grouped(9, "b1", "a2", "b3") == [["b1", "b3"], ["a2"]]


def test_nothing_gives_nothing() -> None:
    assert grouped(3) == []
