"""Which items are drawn: evenly over the parts, by the seed alone, and the same ones again in a larger draw."""

from dataclasses import replace

import pytest

from eval.config import DrawSettings, EvalConfig
from eval.drawing import Selection, draw_evenly, selection_of
from eval.mt_bench.task import asked_questions


def test_parts_give_equally_and_a_small_one_all_it_has():
    drawn = draw_evenly({"a": 10, "b": 10, "c": 1}, 7, seed=0)
    assert {part: len(places) for part, places in drawn.items()} == {"a": 3, "b": 3, "c": 1}
    assert all(places == sorted(set(places)) and max(places) < 10 for places in drawn.values())


def test_what_is_left_over_goes_to_parts_that_are_drawn():
    sizes = {name: 5 for name in "abcd"}
    extra = {seed: [part for part, got in draw_evenly(sizes, 6, seed).items() if len(got) == 2] for seed in range(20)}
    assert {len(parts) for parts in extra.values()} == {2}
    assert len({tuple(parts) for parts in extra.values()}) > 1, "not always the first ones"


def test_the_draw_depends_on_the_seed_and_on_nothing_else():
    one = draw_evenly({"a": 100, "b": 50}, 20, seed=0)
    assert one == draw_evenly({"b": 50, "a": 100}, 20, seed=0)
    assert one["a"] == draw_evenly({"a": 100, "other": 30}, 20, seed=0)["a"]
    assert one != draw_evenly({"a": 100, "b": 50}, 20, seed=1)
    assert one["a"] != list(range(10)), "not the first ones"


def test_a_larger_draw_keeps_the_smaller_one():
    small, large = (draw_evenly({"a": 100, "b": 50}, count, seed=3) for count in (15, 40))
    assert all(set(small[part]) < set(large[part]) for part in small)


def test_more_than_there_is_is_all():
    assert draw_evenly({"a": 2, "b": 1}, 99, seed=0) == {"a": [0, 1], "b": [0]}


def test_a_draw_replaces_the_limit():
    drawn, limited, whole = Selection(None, 4, 7), Selection(2), Selection(None)
    assert limited.places({"a": 5, "b": 1}) == {"a": [0, 1], "b": [0]}
    assert whole.places({"a": 2}) == {"a": [0, 1]} and whole.words is None
    assert drawn.identity == {"limit": None, "draw": [4, 7]} and limited.identity == {"limit": 2}
    assert drawn.words == "DRAWN: at most 4 items, evenly over its parts, by seed 7"
    assert limited.words == "LIMITED to the first 2 items of each task"
    config = EvalConfig(limit=32, draw=DrawSettings(truthfulqa_mc=None, bbh=27, mt_bench=None, seed=5))
    assert (selection_of(config, "bbh"), selection_of(config, "mt_bench")) == (Selection(None, 27, 5), Selection(32))


@pytest.mark.parametrize(("count", "asked"), [(4, {"math": 2, "writing": 2}), (3, None)])
def test_questions_are_drawn_of_each_category_in_the_order_of_the_file(count, asked):
    questions = [{"question_id": n, "category": "writing" if n < 6 else "math"} for n in range(12)]
    config = EvalConfig(limit=1, draw=DrawSettings(truthfulqa_mc=None, bbh=None, mt_bench=count, seed=0))
    chosen = asked_questions(questions, config)
    numbers = [question["question_id"] for question in chosen]
    assert len(chosen) == count and numbers == sorted(numbers)
    if asked:
        categories = [question["category"] for question in chosen]
        assert {name: categories.count(name) for name in asked} == asked
    first = replace(config, draw=replace(config.draw, mt_bench=None))
    assert asked_questions(questions, first) == questions[:1]
