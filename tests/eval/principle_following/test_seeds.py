"""``seeds.md``: reward models of several seeds in one table."""

from types import SimpleNamespace

from eval.principle_following import TASK
from eval.principle_following.seeds import seeds_markdown, write_seeds
from eval.results import Row


def row(checkpoint: str, metric: str, value: float | None, low: float | None = None, high: float | None = None) -> Row:
    return Row(checkpoint, TASK, metric, value, None, 9, "note", low, high)


def made(layers: int, seed: int) -> SimpleNamespace:
    return SimpleNamespace(manifest={"config": {"seed": seed, "reward": {"layers": layers}, "preferences": {}}})


ROWS = [
    *(row(f"s{n}", "flip_rate", value, value - 0.1, value + 0.2) for n, value in enumerate((0.7, 0.8, 0.9))),
    *(row(f"s{n}", "n_pairs", 9.0) for n in range(3)),
    row("s0", "ece", 0.25),
    row("s1", "ece", None),
]


def test_the_interval_between_seeds_stands_beside_that_within_one():
    text = seeds_markdown([["s0", "s1", "s2"]], ROWS)
    # Student's t of 3 values with a standard deviation of 0.1: 4.303 * 0.1 / sqrt(3) = 0.248
    assert "| flip_rate | 0.800 | [0.552, 1.048] | [0.700, 1.000] | 0.700 | 0.800 | 0.900 |" in text
    assert "| ece | 0.250 | n = 1 |  | 0.250 | n/a | n/a |" in text, "one seed has no interval"
    assert "n_pairs" not in text


def test_only_seeds_of_the_same_settings_are_averaged(tmp_path):
    models = {"s0": made(3, 0), "s1": made(3, 1), "other": made(6, 0)}
    path = write_seeds(tmp_path, [*ROWS, row("other", "flip_rate", 0.0)], models)
    text = path.read_text(encoding="utf-8")
    assert "| flip_rate | 0.750 |" in text and "other" not in text
    assert write_seeds(tmp_path / "alone", ROWS, {"s0": made(3, 0), "other": made(6, 0)}) is None
    assert not (tmp_path / "alone").exists()
