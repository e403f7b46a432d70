"""Order, bars and agreement of a ranking, against numbers counted by hand; and that its HTML is text."""

from salmon.play.obedience import Obedience
from salmon.play.principles import AskedPrinciple, Written
from salmon.play.ranking import Answer, CheckAgreement, agreement, rank
from salmon.play.training_texts import Standing, TrainingTexts
from salmon.play.view import Known, Line, about_html, lines_of, message_html, ranking_html

BAD = "<script>alert(1)</script><img src=x onerror=alert(2)>"
ANSWERS = [Answer("sft", "aa", True), Answer("ppo", "a", True), Answer("ppo", "aaaa", False)]
LONG = AskedPrinciple("Be long.", lambda prompt, response: float(len(response)), "length")
FREE = AskedPrinciple("Be free.", None)


def known(obedience: Obedience | None = None, reads: bool = True) -> Known:
    return Known("reward-1", reads, TrainingTexts({"be long": "Be long."}, None, None), obedience)


def test_the_best_comes_first_with_the_share_of_its_bar() -> None:
    ranking = rank("Hi.", ANSWERS, [LONG, FREE], [[1.0, 5.0, 7.0], [3.0, 4.0, 8.0], [2.0, 6.0, 9.0]])
    assert [(one.place, one.answer.text, one.score, one.share) for one in ranking.scored] == [
        (1, "a", 3.0, 1.0),
        (2, "aaaa", 2.0, 0.5),
        (3, "aa", 1.0, 0.0),
    ]
    assert [one.alone for one in ranking.scored] == [(4.0, 8.0), (6.0, 9.0), (5.0, 7.0)]
    assert [one.verdicts for one in ranking.scored] == [(1.0, None), (4.0, None), (2.0, None)]
    assert ranking.agreements == (CheckAgreement(3, 3), None), "of the scores under this principle alone"
    assert ranking.mean_by_policy == {"ppo": 2.5, "sft": 1.0}


def test_one_principle_is_together_what_it_is_alone() -> None:
    ranking = rank("Hi.", ANSWERS, [LONG], [[1.0], [3.0], [2.0]])
    assert [one.alone for one in ranking.scored] == [(), (), ()]
    assert ranking.agreements == (CheckAgreement(1, 3),)


def test_equal_scores_keep_the_order_of_the_answers() -> None:
    ranking = rank("Hi.", ANSWERS, [], [[1.0], [1.0], [1.0]])
    assert [one.answer.text for one in ranking.scored] == ["aa", "a", "aaaa"]
    assert {one.share for one in ranking.scored} == {1.0}


def test_pairs_that_a_check_cannot_tell_apart_do_not_count() -> None:
    assert agreement([3.0, 2.0, 1.0], [0.5, 0.5, None]) == CheckAgreement(0, 0)
    assert agreement([3.0, 2.0, 1.0], [0.9, 0.5, 0.7]) == CheckAgreement(2, 3)
    assert agreement([1.0, 1.0], [0.9, 0.5]) == CheckAgreement(0, 1), "a tie of scores orders nothing"


def test_whatever_was_written_shows_as_text() -> None:
    evil = AskedPrinciple(BAD, LONG.verdict, BAD)
    ranking = rank("Hi.", [Answer(BAD, BAD, True)], [evil], [[1.0]])
    told = Known(BAD, True, TrainingTexts({"x": BAD}, None, None, BAD), Obedience(0.1, 0.1, 0.1, BAD))
    pages = (ranking_html(ranking, [Line(evil, Standing.new)], told), about_html(told, [BAD]), message_html(BAD))
    for html in pages:
        assert "<script" not in html and "<img" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_what_was_trained_on_is_marked_and_new_words_bring_the_warning() -> None:
    asked = lines_of([Written("be long"), Written("  "), Written("Be free.")], known())
    assert [line.standing for line in asked] == [Standing.trained, Standing.new]
    scores = [[1.0, 2.0, 3.0]] * 3
    html = ranking_html(rank("Hi.", ANSWERS, [line.asked for line in asked], scores), asked, known())
    assert "trained on</span>" in html and "new words</span>" in html
    assert "never measured" in html
    trained = asked[:1]
    html = ranking_html(rank("Hi.", ANSWERS, [trained[0].asked], [[1.0]] * 3), trained, known())
    assert "never measured" not in html, "nothing on the page is new to it"
    good = known(Obedience(0.99, 0.99, 0.99, "x"))
    assert "play-warning" not in ranking_html(
        rank("Hi.", ANSWERS, [FREE], scores), lines_of([Written("Be free.")], good), good
    )
    deaf = known(good.obedience, reads=False)
    assert "does not read them" in ranking_html(rank("Hi.", ANSWERS, [], [[1.0]] * 3), [], deaf)


def test_an_empty_answer_and_a_cut_one_are_said() -> None:
    html = ranking_html(rank("Hi.", [Answer("a", "", True), ANSWERS[2]], [], [[1.0], [2.0]]), [], known())
    assert "(an empty answer)" in html and "(cut at the length limit)" in html
    assert "generic criteria" in html
