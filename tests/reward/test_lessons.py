"""Lessons on parametric principles: their comparisons, their schedule, and when they end."""

from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from salmon.config.training import Schedule, SupervisedSettings
from salmon.errors import SalmonError
from salmon.principles.parametric.asked import AskedGuidelines, AskedPair, lesson_side
from salmon.principles.parametric.pairs import FeaturePair
from salmon.principles.parametric.universe import load_universe
from salmon.reward.lessons import (
    METRICS,
    compare_asked,
    lesson_comparisons,
    lesson_end,
    lesson_training,
    short_pairs,
    unread_pairs,
)
from tests.principles.parametric.settings import lesson, parametric

PAIR = FeaturePair("Why?", "the first answer", "the second", ())


@pytest.fixture(scope="module")
def universe():
    return load_universe(parametric(), 0.2)


@pytest.fixture
def settings(reward_config):
    return replace(reward_config, parametric=parametric(lessons=[lesson(pairs=12), lesson(pairs=5, words=1.0)]))


@pytest.mark.parametrize(("prefers", "chosen"), [(1, "first"), (-1, "second"), (0, "first")])
def test_a_comparison_prefers_what_is_right_under_its_guidelines(tiny, settings, prefers, chosen):
    pair = AskedPair(PAIR, (AskedGuidelines(("Be brief.", "Be kind."), prefers, "0 True"),))
    (found,) = compare_asked(tiny.chat, pair, settings, "7")
    texts = {"first": PAIR.first, "second": PAIR.second}
    read = [tiny.tokenizer.decode(ids) for ids in (found.chosen, found.rejected)]
    assert texts[chosen] in read[0] and texts[chosen] not in read[1]
    assert all("Be brief." in text and "Be kind." in text and "Why?" in text for text in read)
    assert (found.tie, found.meaning, found.pair, found.preferred) == (prefers == 0, "0 True", "7", texts[chosen])
    assert found.cut_tokens == 0 and found.guideline == ""


def test_what_does_not_fit_is_counted(tiny, settings):
    short = replace(settings, pretrain=replace(settings.pretrain, max_response_tokens=4))
    (found,) = compare_asked(tiny.chat, AskedPair(PAIR, (AskedGuidelines(("Be brief.",), 1, "0 True"),)), short, "7")
    assert found.cut_tokens == len(PAIR.first) - 4 + len(PAIR.second) - 4


def asked_pairs(*lengths: tuple[int, int]):
    return [AskedPair(FeaturePair("Why?", "a" * one, "b" * two, ()), ()) for one, two in lengths]


def test_pairs_with_an_answer_that_would_be_cut_are_drawn_again(tiny):
    pairs = asked_pairs((8, 3), (9, 3), (3, 9), (3, 8))
    assert list(short_pairs(tiny.chat, pairs, lesson(answer_tokens=8))) == [pairs[0], pairs[3]]


def test_a_lesson_whose_answers_are_all_too_long_is_refused(tiny):
    with pytest.raises(SalmonError, match=r"500 pairs in a row have an answer of more than 8 tokens. Raise answer_tok"):
        list(short_pairs(tiny.chat, asked_pairs(*[(9, 3)] * 501), lesson(answer_tokens=8)))


def test_no_answer_of_a_lesson_is_cut(tiny, universe, settings):
    short = parametric(lessons=[lesson(answer_tokens=200)])
    fitting = replace(settings, parametric=short, pretrain=replace(settings.pretrain, max_response_tokens=200))
    groups = lesson_comparisons(tiny.chat, universe, fitting, 0, seed=0)
    assert not any(comparison.cut_tokens for group in groups for comparison in group)


def test_a_lesson_has_so_many_pairs_and_every_pair_its_own_name(tiny, universe, settings):
    for number, pairs in enumerate((12, 5)):
        groups = lesson_comparisons(tiny.chat, universe, settings, number, seed=0)
        assert len(groups) == pairs
        assert [{c.pair for c in group} for group in groups] == [{f"{number}-{place}"} for place in range(pairs)]
        assert min(map(len, groups)) >= 2  # a principle and its contrary


def test_the_rows_of_a_lesson_are_consistent(tiny, universe, settings):
    """Contraries turn the preference; paraphrases keep it; opposed principles are ties."""
    many = replace(settings, parametric=replace(settings.parametric, lessons=[lesson(pairs=40)]))
    ties, reworded = 0, 0
    for group in lesson_comparisons(tiny.chat, universe, many, 0, seed=0):
        preferred = defaultdict(set)
        for comparison in group:
            ties += comparison.tie
            assert not comparison.tie or comparison.meaning == ""
            if comparison.meaning:
                preferred[comparison.meaning].add(comparison.preferred)
        assert all(len(texts) == 1 for texts in preferred.values())
        for meaning, texts in preferred.items():
            number, wanted = meaning.split()
            assert texts != preferred[f"{number} {wanted != 'True'}"]
        reworded += sum(n > 1 for n in Counter(c.meaning for c in group if c.meaning).values())
    assert ties > 3 and reworded > 10


def test_each_lesson_draws_anew_and_seeds_repeat(tiny, universe, settings):
    same = replace(settings, parametric=parametric(lessons=[lesson(pairs=6), lesson(pairs=6)]))
    one, again, other, next_one = (
        lesson_comparisons(tiny.chat, universe, same, number, seed) for number, seed in ((0, 0), (0, 0), (0, 1), (1, 0))
    )
    assert one == again and one != other
    assert [c.chosen for c in one[0]] != [c.chosen for c in next_one[0]]
    longer = replace(same, parametric=parametric(lessons=[lesson(pairs=9)]))
    assert lesson_comparisons(tiny.chat, universe, longer, 0, 0)[:6] == one


def test_the_learning_curve_is_of_held_out_texts_and_prompts(tiny, universe, settings):
    held_out = {asked.prompt for asked in universe.held_out}
    pairs = unread_pairs(tiny.chat, universe, settings, 0)
    for _ in range(20):
        found = next(pairs)
        assert found.pair.prompt in held_out
        assert [asked.prefers for asked in found.asked] in ([1, -1], [-1, 1])
        feature = found.pair.features[0]
        assert not feature.family.words or feature.parameter in universe.unread.words


def schedules(settings, optim_settings, lessons: int) -> list[tuple[Schedule, float]]:
    optim = optim_settings(lr=0.5, schedule=Schedule.linear, warmup=20.0)
    train = SupervisedSettings(epochs=3, batch_size=4, micro_batch_size=2, save_every=5, optim=optim)
    many = replace(
        settings,
        pretrain=replace(settings.pretrain, train=train),
        parametric=parametric(lessons=[lesson()] * lessons),
    )
    found = [lesson_training(many, number) for number in range(lessons)]
    assert {(t.epochs, t.batch_size, t.micro_batch_size, t.save_every, t.optim.lr) for t in found} == {
        (1, 4, 2, 5, 0.5)
    }
    return [(t.optim.schedule, t.optim.warmup) for t in found]


def test_the_rate_warms_up_in_the_first_lesson_and_goes_down_in_the_last(settings, optim_settings):
    assert schedules(settings, optim_settings, 3) == [
        (Schedule.constant, 20.0),
        (Schedule.constant, 0.0),
        (Schedule.linear, 0.0),
    ]
    assert schedules(settings, optim_settings, 1) == [(Schedule.linear, 20.0)]


def test_a_lesson_ends_when_its_accuracy_is_high_enough():
    stop = lesson_end(lesson(stop_at_accuracy=0.9))
    assert (stop.metric, stop.level, stop.steps) == (f"{METRICS}/accuracy", 0.9, 20)


def test_lessons_that_accuracy_does_not_end_are_so_many_times_as_long(tiny, universe, settings):
    ended, whole = (lesson(pairs=6, stop_at_accuracy=share) for share in (0.9, 1.0))
    longer = replace(settings, parametric=parametric(lessons=[ended, whole], times=3))
    assert [len(lesson_comparisons(tiny.chat, universe, longer, number, 0)) for number in (0, 1)] == [6, 18]


@pytest.mark.parametrize("review", [0.0, 0.5, 1.0])
def test_so_many_pairs_are_like_those_of_earlier_lessons(tiny, universe, settings, review):
    """Told by the sentences: the first lesson has one frame of each polarity, the second whole sentences only."""
    plain = {"unedited": 0.0, "families": ["word"], "words": 1.0}
    lessons = [lesson(frames=1, sentences=0.0, **plain), lesson(pairs=40, sentences=1.0, **plain)]
    many = replace(settings, parametric=parametric(lessons=lessons, review=review))
    side = lesson_side(universe.trained, lessons[0], 0)
    beginnings = [frame.split("{}")[0] for frame in (*side.frames_for, *side.frames_against)]
    groups = lesson_comparisons(tiny.chat, universe, many, 1, seed=0)
    texts = [tiny.tokenizer.decode(group[0].chosen).rpartition("Guidelines:\n- ")[2] for group in groups]
    framed = sum(any(text.startswith(start) for start in beginnings) for text in texts) / len(texts)
    assert abs(framed - review) < (0.25 if review == 0.5 else 0.01)
    again = lesson_comparisons(tiny.chat, universe, many, 1, seed=0)
    assert groups == again
