"""The benchmarks run, on the tiny model, and say what they measured."""

import re
from collections.abc import Callable

import pytest

from tests.bench import judge, rollout, scale

Main = Callable[[list[str]], None]


@pytest.mark.parametrize(
    ("main", "sizes", "ways"),
    [
        (rollout.main, "--rows 2 --response 3", ["our loop, merged copy", "our loop", "transformers.generate"]),
        (judge.main, "--principles 2 --words 4 --pairs 1", ["K = 1", "K = 2"]),
        (scale.main, "--rows 1 --length 16 --principles 1 --words 4", ["1 rows of 16 tokens"] * 2 + ["K = 1"]),
    ],
)
def test_a_benchmark_runs(main: Main, sizes: str, ways: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*sizes.split(), "--turns", "1", "model=tiny"])
    printed = capsys.readouterr().out
    assert re.search(r"^machine: .+\nversions: python .+torch .+\ncommand: \S", printed, re.MULTILINE)
    rows = [line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    rows = [cells for cells in rows if cells[0] not in ("way", "---")]
    assert [cells[0].partition(" (")[0] for cells in rows] == ways
    for *_, compared, bound, share in rows:
        assert re.fullmatch(r"\d+\.\d\d \[\d+\.\d\d, \d+\.\d\d\]", compared), "a ratio with its range"
        assert float(bound) > 0 and share.endswith("%")
