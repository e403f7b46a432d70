import logging

import pytest

from salmon.runtime.progress import Progress, format_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0s"),
        (59.4, "59s"),
        (59.6, "1m 00s"),
        (125, "2m 05s"),
        (3599.4, "59m 59s"),
        (3599.6, "1h 00m"),
        (3780, "1h 03m"),
        (86399, "1d 00h"),
        (187_200, "2d 04h"),
    ],
)
def test_format_duration(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_lines_have_fixed_columns_and_the_estimate_leaves_out_the_first_step(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    with caplog.at_level(logging.INFO, logger="salmon"):
        progress = Progress(10, "updates", clock=clock)
        clock.now += 20  # the first step loads and compiles
        progress.advance(kl=0.03125, score=-1.5)
        clock.now += 2
        progress.advance(kl=0.5)
        clock.now += 4
        progress.advance(score=12345.678, kl=1e-5, extra=1)
    assert caplog.messages == [
        # 9 steps left at 20 s = 180 s
        "updates  1/10 | kl   0.03125 | score      -1.5 | 20 s each | 20s so far, 3m 00s left",
        # 8 left at 2 s = 16 s; with the first step it would be 8 * 22 / 2 = 88 s
        "updates  2/10 | kl       0.5 | score         - | 2 s each | 22s so far, 16s left",
        # 7 left at (2 + 4) / 2 = 3 s = 21 s
        "updates  3/10 | kl     1e-05 | score 1.235e+04 | 3 s each | 26s so far, 21s left",
    ]


def test_a_resumed_stage_counts_on_and_measures_only_its_own_steps(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    with caplog.at_level(logging.INFO, logger="salmon"):
        progress = Progress(100, "answers", start=60, clock=clock)
        clock.now += 16
        progress.advance(16)  # 1 s an answer; measured from 0 it would be 16 / 76
        clock.now += 8
        progress.advance(16)  # 0.5 s; 8 left
    assert caplog.messages == [
        "answers  76/100 | 1 s each | 16s so far, 24s left",
        "answers  92/100 | 0.5 s each | 24s so far, 4s left",
    ]


def test_lines_go_to_the_logger_given(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="elsewhere"):
        Progress(1, "steps", logging.getLogger("elsewhere")).advance()
    assert [record.name for record in caplog.records] == ["elsewhere"]
