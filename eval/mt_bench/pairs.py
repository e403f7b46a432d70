"""Answers compared with a baseline's, each pair in both orders.

As in FastChat's ``show_result`` a win counts only where both orders agree on it; all else is a tie. A game without one
clear verdict is left out with its pair, and counted.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.mt_bench.judges import EndpointRatingJudge, JudgePrompt, parse_winner
from eval.mt_bench.verdicts import call_failed, complete_judgment_file, fill_template, verdict_key
from eval.results import Row, TaskRows
from eval.sources import MTBenchData, answer_rows
from salmon.errors import SalmonError

TIE = "tie"
WINNERS = ({"A": "model_1", "B": "model_2", "C": TIE}, {"A": "model_2", "B": "model_1", "C": TIE})  # 2nd game: swapped


def read_baseline(path: Path, questions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A model's answers to the questions, from FastChat's ``model_answer/<model>.jsonl``.

    Raises:
        SalmonError: it cannot be read, or lacks a turn of a question.
    """
    answers = {row["question_id"]: row for row in answer_rows(path)}
    lacking = [
        str(q["question_id"])
        for q in questions
        if q["question_id"] not in answers or len(answers[q["question_id"]]["choices"][0]["turns"]) < len(q["turns"])
    ]
    if lacking:
        raise SalmonError(
            f"eval.mt_bench.baseline={path} has no answer, or not to every turn, for question "
            f"{', '.join(lacking)}; give the model's answers to all questions"
        )
    return [{"model_id": path.stem} | answers[question["question_id"]] for question in questions]


def comparison_prompt(
    data: MTBenchData, question: dict[str, Any], first: dict[str, Any], second: dict[str, Any], turn: int
) -> tuple[str, JudgePrompt]:
    """Name and text of FastChat's prompt that compares one turn (0 or 1) of two answers, in this order."""
    blanks: dict[str, str] = {}
    for letter, answer in (("a", first), ("b", second)):
        replies = answer["choices"][0]["turns"]
        blanks |= {f"answer_{letter}": replies[0]}
        blanks |= {f"answer_{letter}_{i + 1}": replies[i] for i in range(turn + 1)}
    return fill_template(data, "pair", question, turn, blanks)


def write_comparisons(
    judge: EndpointRatingJudge,
    data: MTBenchData,
    questions: Sequence[dict[str, Any]],
    answers: Sequence[dict[str, Any]],
    baseline: Sequence[dict[str, Any]],
    path: Path,
) -> list[dict[str, Any]]:
    """Compare every turn that ``path`` has no verdicts on (failed calls again); FastChat's rows of all turns."""
    wanted = [
        (question, ours, theirs, turn)
        for question, ours, theirs in zip(questions, answers, baseline, strict=True)
        for turn in range(len(question["turns"]))
    ]
    games = [
        (comparison_prompt(data, question, ours, theirs, turn), comparison_prompt(data, question, theirs, ours, turn))
        for question, ours, theirs, turn in wanted
    ]
    keys = [
        verdict_key(judge, [first[1], second[1]], [question["question_id"], ours["model_id"], theirs["model_id"], turn])
        for (question, ours, theirs, turn), (first, second) in zip(wanted, games, strict=True)
    ]

    def make(places: list[int]) -> Iterator[dict[str, Any]]:
        texts = judge.say([request for place in places for _, request in games[place]])
        for place, first, second in zip(places, texts, texts, strict=True):
            (question, ours, theirs, turn), ((name, one), (_, two)) = wanted[place], games[place]
            won = winners((first, second))
            yield {
                "question_id": question["question_id"],
                "model_1": ours["model_id"],
                "model_2": theirs["model_id"],
                "g1_winner": won[0] or "error",
                "g2_winner": won[1] or "error",
                "judge": [judge.label, name],
                "g1_user_prompt": one.user,
                "g1_judgment": first,
                "g2_user_prompt": two.user,
                "g2_judgment": second,
                "turn": turn + 1,
                "request": keys[place],
            }

    return complete_judgment_file(path, keys, make, "compared turns")


def winners(texts: tuple[str, str]) -> tuple[str | None, str | None]:
    """Who won each of the two games: model_1, model_2 or tie; None without one clear verdict."""
    first, second = (names.get(parse_winner(text) or "") for names, text in zip(WINNERS, texts, strict=True))
    return first, second


def outcome(won: tuple[str | None, str | None]) -> str | None:
    """model_1, model_2 or tie; None where a game has no clear verdict."""
    if None in won:
        return None
    return won[0] if won[0] == won[1] else TIE


def win_rate_rows(
    of: TaskRows,
    pairs: Sequence[tuple[str, tuple[str | None, str | None]]],
    questions: Sequence[Any],
    n_failed: int = 0,
) -> list[Row]:
    """Wins, losses and ties of a model, and how often the order of the answers decided.

    Args:
        pairs: the model's seat (model_1 or model_2) and the winners of both games, of each pair.
        questions: that each pair is about; the turns of one question are not independent of each other.
        n_failed: pairs of these with a failed call.
    """
    outcomes = [(seat, outcome(won), question) for (seat, won), question in zip(pairs, questions, strict=True)]
    clear = [(seat, result, question) for seat, result, question in outcomes if result is not None]
    decided = [0.5 if result == TIE else float(result == seat) for seat, result, _ in clear]
    clusters = [question for _, _, question in clear]
    disagree = [won for _, won in pairs if None not in won and won[0] != won[1]]
    counts = {
        "n_win": decided.count(1.0),
        "n_loss": decided.count(0.0),
        "n_tie": decided.count(0.5),
        "n_unparsed": len(pairs) - len(decided) - n_failed,
        "n_failed": n_failed,
        "n_orders_disagree": len(disagree),
        "n_first_in_both_orders": disagree.count(("model_1", "model_2")),  # what is shown first wins: position bias
        "n_second_in_both_orders": disagree.count(("model_2", "model_1")),
    }
    rates = [
        of.mean("win_rate_adjusted", decided, clusters),  # FastChat's: a tie is half a win
        of.mean("win_rate", [float(result == 1) for result in decided], clusters),
    ]
    return rates + [of.count(metric, count, len(pairs)) for metric, count in counts.items()]


def comparison_rows(of: TaskRows, judgments: Sequence[dict[str, Any]]) -> list[Row]:
    """``win_rate_rows`` of model_1 in FastChat's rows."""
    pairs = [("model_1", winners((row["g1_judgment"], row["g2_judgment"]))) for row in judgments]
    return win_rate_rows(of, pairs, [row["question_id"] for row in judgments], sum(map(call_failed, judgments)))
