"""What reads generated texts takes time in proportion to their length."""

import time

import pytest

from eval.mt_bench.judges import count_ratings, parse_rating, parse_winner
from eval.probes.refusals import classify_answer
from eval.truthfulqa.endpoint_judge import parse_yes_no
from eval.truthfulqa.generation import answer_of

READERS = (answer_of, classify_answer, count_ratings, parse_rating, parse_winner, parse_yes_no)
PIECES = ("\n", " ", "[[", "[[1", "1.", '"', "i ", "I can't ", "Q", "\nQ", "yes ", "? ", "*", "sorry ", "as an ")


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("piece", PIECES)
def test_long_texts_take_a_moment(reader, piece):
    started = time.process_time()
    reader("A: " + piece * (100_000 // len(piece)) + " x")
    assert time.process_time() - started < 3
