"""The benchmarks run, on the tiny model, and say what they measured."""

import re
from collections.abc import Callable

import pytest

from tests.bench import judge, ppo, rollout, scale, trl_peer
from tests.bench.eval import BARE
from tests.bench.eval import main as eval_main

Main = Callable[[list[str]], None]


@pytest.mark.parametrize(
    ("main", "sizes", "ways"),
    [
        (rollout.main, "--rows 2 --response 3", ["our loop, merged copy", "our loop", "transformers.generate"]),
        (
            rollout.main,
            "--rows 2 --response 3 model.quantization=nf4",
            ["our loop, dequantised copy", "our loop", "transformers.generate"],
        ),
        (ppo.main, "--rows 2 --response 3 --epochs 1", [name for name, *_ in ppo.WAYS]),
        (judge.main, "--principles 2 --words 4 --pairs 1", ["K = 1", "K = 2"]),
        (scale.main, "--rows 1 --length 16 --principles 1 --words 4", ["1 rows of 16 tokens"] * 2 + ["K = 1"]),
        (eval_main, "--items 1", ["ours", "lm-eval's own", BARE]),
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


def test_a_peer_that_is_not_installed_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trl_peer, "version", lambda name: "1.16.0")  # has no PPO
    ppo.main("--peer trl --rows 1 --response 2 --epochs 1 --turns 1 model=tiny".split())
    printed = capsys.readouterr().out
    assert f"{ppo.PEER} is not installed: its row is left out." in printed
    assert f"| {ppo.PEER}" not in printed


def test_a_peer_that_is_not_known_is_refused() -> None:
    with pytest.raises(SystemExit, match="--peer: known is trl"):
        ppo.main(["--peer", "verl"])
