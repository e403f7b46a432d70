"""The walk over a config: groups in groups, groups in lists, mappings, keys that nobody declared."""

from dataclasses import dataclass, field

import pytest

from salmon.config.setting import Constraints, setting
from salmon.config.walk import broken_constraints, plain_settings, settings, unknown_keys


@dataclass
class Leaf:
    count: int = setting(at_least=1)
    note: str | None = None


@dataclass
class Root:
    size: float | None = setting(above=0, null="none")
    leaf: Leaf = field(default_factory=lambda: Leaf(count=1))
    leaves: list[Leaf] = field(default_factory=list)
    weights: dict[str, float] = setting(at_least=0)


@pytest.fixture
def root() -> Root:
    return Root(size=1.0, leaf=Leaf(1), leaves=[Leaf(2), Leaf(3, "x")], weights={"a": 0.0})


def test_every_setting_is_met_once(root: Root) -> None:
    at_least_1, free = Constraints(at_least=1), Constraints()
    assert list(settings(root)) == [
        ("size", 1.0, Constraints(above=0, null="none")),
        ("leaf.count", 1, at_least_1),
        ("leaf.note", None, free),
        ("leaves[0].count", 2, at_least_1),
        ("leaves[0].note", None, free),
        ("leaves[1].count", 3, at_least_1),
        ("leaves[1].note", "x", free),
        ("weights", {"a": 0.0}, Constraints(at_least=0)),
    ]


def test_an_empty_list_is_a_setting(root: Root) -> None:
    root.leaves = []
    assert ("leaves", [], Constraints()) in list(settings(root))


def test_all_broken_constraints_are_named(root: Root) -> None:
    assert list(broken_constraints(root)) == []
    root.size, root.leaf.count, root.leaves[1].count, root.weights = 0.0, 0, -1, {"a": -1.0, "b": 1.0}
    assert list(broken_constraints(root)) == [
        "size=0.0 must be above 0, or null for none",
        "leaf.count=0 must be at least 1",
        "leaves[1].count=-1 must be at least 1",
        "weights.a=-1.0 must not be negative",
    ]
    root.size = None
    assert "size" not in " ".join(broken_constraints(root))


def test_plain_settings_walk_lists_of_groups_and_keep_other_values_whole() -> None:
    tree = {"a": {"b": 1, "none": {}}, "lessons": [{"pairs": 2}, {"pairs": 3, "edits": {"crossed": 0.5}}]}
    values = {"names": ["x", "y"], "empty": [], "text": "", "mixed": [{"c": 1}, 2]}
    assert plain_settings(tree | values) == {
        "a.b": 1,
        "a.none": {},
        "lessons[0].pairs": 2,
        "lessons[1].pairs": 3,
        "lessons[1].edits.crossed": 0.5,
        **values,
    }


def test_undeclared_keys_are_found_in_groups_and_lists(root: Root) -> None:
    assert list(unknown_keys(root)) == []
    for node, name in ((root, "sise"), (root.leaf, "cuont"), (root.leaves[1], "extra"), (root, "experimnt")):
        setattr(node, name, 1)
    assert list(unknown_keys(root)) == [
        "unknown key or group: leaf.cuont; did you mean leaf.count?",
        "unknown key or group: leaves[1].extra",
        "unknown key or group: sise; did you mean size?",
        "unknown key or group: experimnt; did you mean experiment?",
    ]
