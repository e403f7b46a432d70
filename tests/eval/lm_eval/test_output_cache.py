import json

import pytest
from lm_eval.api.instance import Instance

from eval.lm_eval.model import PrefixLM
from eval.lm_eval.output_cache import OutputCache, request_key
from salmon.runtime.jsonl import append_records, read_grown

SHOTS = "Q: One?\nA: It is one.\n\n"


def choices():
    pairs = [(f"{SHOTS}Q: {question}?\nA:", f" {choice}") for question in ("Two", "Or three") for choice in "abcd"]
    return [Instance("loglikelihood", {}, pair, i, task_name="t", doc_id=i) for i, pair in enumerate(pairs)]


def questions():
    settings = {"until": ["\n\n"], "do_sample": False, "max_gen_toks": 6}
    return [
        Instance("generate_until", {}, (f"{SHOTS}Q: {q}?\nA:", settings), i, task_name="t", doc_id=i)
        for i, q in enumerate(("Two", "Three", "Four", "Five", "Six"))
    ]


class Killed(BaseException):
    pass


@pytest.mark.parametrize(("ask", "requests"), [("loglikelihood", choices), ("generate_until", questions)])
def test_a_killed_evaluation_does_no_request_twice(tiny, tmp_path, monkeypatch, ask, requests):
    path = tmp_path / "made" / "outputs.jsonl"
    whole = getattr(PrefixLM(tiny, 2), ask)(requests())
    add, asked = OutputCache.add, []

    def once(self, outputs):
        add(self, outputs)
        asked.extend(outputs)
        if len(asked) == 4:
            raise Killed

    monkeypatch.setattr(OutputCache, "add", once)
    with pytest.raises(Killed):
        getattr(PrefixLM(tiny, 2, path), ask)(requests())
    with path.open("a") as file:
        file.write('{"request": "ab')  # killed in the middle of a line
    again = getattr(PrefixLM(tiny, 2, path), ask)(requests())
    if ask == "loglikelihood":  # other batches round in another way
        again, whole = [[value for value, _ in found] for found in (again, whole)]
        whole = pytest.approx(whole)
    assert again == whole
    assert len(asked) == len(set(asked)) == len(requests())
    monkeypatch.setattr(PrefixLM, "_score", None)
    monkeypatch.setattr("eval.lm_eval.model.greedy_answers", None)
    assert len(getattr(PrefixLM(tiny, 2, path), ask)(requests())) == len(requests()), "all are there"
    assert len(read_grown(path)) == len(requests())


def test_requests_that_do_not_fit_the_context_are_counted_in_a_resumed_run_too(tiny, tmp_path):
    tiny.context = 24
    for _ in ("first", "resumed"):
        lm = PrefixLM(tiny, 2, tmp_path / "kept.jsonl")
        lm.loglikelihood([*choices(), Instance("loglikelihood", {}, ("Q", " a"), 9, task_name="t", doc_id=9)])
        assert lm.cut == {request_key("loglikelihood", *request.args) for request in choices()}
        lm.generate_until(questions())
        assert len(lm.cut) == len(choices()) + len(questions())


def test_a_request_is_known_by_all_that_it_asks():
    keys = {request_key("a", "b"), request_key("ab"), request_key("a", "c"), request_key("a", {"x": 1, "y": 2})}
    assert len(keys) == 4 and request_key("a", {"y": 2, "x": 1}) in keys


@pytest.mark.parametrize("line", ['{"request": "ab', "[1]", "\x00"])
def test_what_stands_before_a_damaged_line_is_used_and_the_line_is_named(tmp_path, caplog, line):
    path = tmp_path / "outputs.jsonl"
    append_records(path, [{"request": "a", "output": 1}])
    with path.open("a") as file:
        file.write(f"{line}\n" + json.dumps({"request": "b", "output": 2}) + "\n")
    cache = OutputCache(path)
    assert (cache.get("a"), cache.get("b")) == (1, None)
    assert f"{path} is damaged (line 2: " in caplog.text
    assert read_grown(path) == [{"request": "a", "output": 1}]
