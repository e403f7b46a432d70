import pytest
from pytest import approx

from eval.sources import data_folder
from eval.truthfulqa.choices import run_truthfulqa
from salmon.models.weights import resolve
from tests.bench.against_lm_eval import TASKS, by_command_line

pytestmark = pytest.mark.slow


def test_multiple_choice_is_what_lm_evals_command_line_says(tiny, tiny_cache, suite, tmp_path):
    suite.limit, data = None, data_folder("mini")
    ours = run_truthfulqa(tiny, "base", TASKS, suite, data, tmp_path / "ours")
    theirs = by_command_line(resolve("random:tiny", tiny_cache), data, 12, tmp_path)
    assert {row.task: row.value for row in ours} == approx(theirs, abs=5e-5)
    assert all(row.n == 12 for row in ours)


def test_our_adapters_load_there_with_the_figures_that_they_have_here(tiny, suite, tiny_cache, adapter, tmp_path):
    suite.limit, data = None, data_folder("mini")
    base = {row.task: row.value for row in run_truthfulqa(tiny, "base", TASKS, suite, data, tmp_path / "base")}
    tiny.load_adapter("made", adapter)
    with tiny.using("made"):
        ours = {row.task: row.value for row in run_truthfulqa(tiny, "made", TASKS, suite, data, tmp_path / "ours")}
    theirs = by_command_line(resolve("random:tiny", tiny_cache), data, 12, tmp_path, adapter)
    assert ours == approx(theirs, abs=5e-5)
    assert abs(ours["truthfulqa_mc2"] - base["truthfulqa_mc2"]) > 1e-2  # it does something
