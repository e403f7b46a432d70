from dataclasses import replace

import pytest
import torch
from pytest import approx

from eval.config import EvalJudgeSettings, JudgeKind
from eval.mt_bench.judges import (
    ERROR_TEXT,
    EndpointRatingJudge,
    JudgePrompt,
    LocalRatingJudge,
    expected_rating,
    make_rating_judge,
    parse_rating,
    rating_tokens,
)
from eval.results import Unavailable
from salmon.errors import SalmonError
from salmon.runtime.endpoint.client import GIVE_UP_AFTER

REQUESTS = [JudgePrompt("You judge.", f"Question {i}. Answer {i}.") for i in range(5)]


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("Good. Rating: [[7]]", 7.0),
        ("[[6.5]] and so on", 6.5),
        ("Rating: [8]", 8.0),  # FastChat's second pattern
        ("see [1] ... Rating: [[9]]", 9.0),  # double brackets come first
        ("Rating: [[10]]", 10.0),
        ("Rating: 7", None),
        ("Rating: [[11]]", None),
        ("as said in [2023]", None),
        ("[[0]]", None),
        ("", None),
    ],
)
def test_ratings_in_texts(text, rating):
    assert parse_rating(text) == rating


def test_expected_rating_literal():
    # Half as likely 4 as 10, other ratings impossible, three quarters of the mass elsewhere:
    # (4 * 1/12 + 10 * 2/12) / (3/12) = (24/12) / (3/12) = 8
    mass = torch.zeros(10, dtype=torch.float64)
    mass[3], mass[9] = 1 / 12, 2 / 12
    assert expected_rating(mass) == approx(8.0)
    not_renormalised = (mass * torch.arange(1, 11)).sum().item()
    from_zero = (mass * torch.arange(10)).sum().item() / mass.sum().item()
    assert not_renormalised != approx(8.0)
    assert from_zero != approx(8.0)


# --- the local judge -----------------------------------------------------------------------------


def follow(shared, ids: list[int]) -> torch.Tensor:
    """Probabilities of the next token, by an ordinary forward pass."""
    with torch.no_grad():
        return shared.model(input_ids=torch.tensor([ids])).logits[0, -1].double().softmax(-1)


def test_local_rating_splits_the_mass_of_one_and_ten(tiny):
    judge = LocalRatingJudge(tiny, "tiny")
    verdicts = list(judge.rate(REQUESTS))
    tokens = rating_tokens(tiny, judge.reply_prefix)
    assert [len(t) for t in tokens] == [1] * 9 + [2], "tiny writes 10 as 1 and 0"
    for request, verdict in zip(REQUESTS, verdicts, strict=True):
        messages = [{"role": "user", "content": request.user}]
        prompt = replace(tiny.chat, system_prompt=request.system).prompt_ids(messages, judge.reply_prefix)
        start, after_one = follow(tiny, prompt), follow(tiny, [*prompt, tokens[0][0]])
        mass = [start[t[0]].item() for t in tokens[:9]]
        zero = after_one[tokens[9][1]].item()
        right = [mass[0] * (1 - zero), *mass[1:], mass[0] * zero]
        wrong = [*mass, mass[0] * zero]  # "1" counted for 1 and for 10
        mean = [sum(r * m for r, m in zip(range(1, 11), ms, strict=True)) / sum(ms) for ms in (right, wrong)]
        assert verdict.rating == approx(mean[0], rel=1e-5)
        assert verdict.rating != approx(mean[1], rel=1e-5)
        assert parse_rating(verdict.text) == approx(verdict.rating, abs=1e-4)


def test_local_rating_does_not_depend_on_company_or_on_the_active_adapter(tiny, adapter):
    judge = LocalRatingJudge(tiny, "tiny")
    together = [verdict.rating for verdict in judge.rate(REQUESTS)]
    alone = [next(judge.rate([request])).rating for request in REQUESTS]
    assert alone == approx(together, rel=1e-5)
    tiny.load_adapter("policy", adapter)
    with tiny.using("policy"):
        assert [verdict.rating for verdict in judge.rate(REQUESTS)] == approx(together, rel=1e-5)


def test_local_judge_is_labelled_as_incomparable(tiny):
    judge = LocalRatingJudge(tiny, "tiny")
    assert judge.label == "local-expected-rating(tiny)"
    assert "not comparable" in judge.note


def test_tokenizer_that_merges_digits_is_refused(tiny, monkeypatch):
    words = {f"Rating: [[{i}": [100 + i] for i in range(1, 11)} | {"Rating: [[": [7]}
    monkeypatch.setattr(type(tiny.chat), "encode", lambda self, text, bos=False: words[text])
    with pytest.raises(SalmonError, match="cannot be the local judge"):
        LocalRatingJudge(tiny, "tiny")


# --- an endpoint ---------------------------------------------------------------------------------


def settings(base_url: str | None, model: str | None = "judge-1") -> EvalJudgeSettings:
    return EvalJudgeSettings(
        kind=JudgeKind.openai,
        model=model,
        base_url=base_url,
        api_key_env="TEST_JUDGE_KEY",
        max_retries=0,
        timeout_s=5,
        concurrent_calls=8,
        calls_per_minute=None,
        price_prompt=None,
        price_completion=None,
        repeats=1,
        temperature=0.7,
    )


def test_endpoint_is_asked_as_fastchat_asks(endpoint, tmp_path):
    judge = EndpointRatingJudge(settings(endpoint.url), tmp_path)
    verdicts = list(judge.rate(REQUESTS))
    assert [v.rating for v in verdicts] == [8.0] * 5
    assert {body["temperature"] for body in endpoint.seen} == {0}
    assert {body["model"] for body in endpoint.seen} == {"judge-1"}
    first = next(body for body in endpoint.seen if "Question 0" in body["messages"][1]["content"])
    assert [m["role"] for m in first["messages"]] == ["system", "user"]


def test_verdicts_keep_the_order_and_faults_are_counted_not_raised(endpoint, tmp_path):
    def answer(body):
        number = int(body["messages"][1]["content"].split()[1].strip("."))
        return [" [[1]]", 500, "no rating here", {"hello": "world"}, "[[5]]"][number]

    endpoint.answer = answer
    verdicts = list(EndpointRatingJudge(settings(endpoint.url), tmp_path).rate(REQUESTS))
    assert [v.rating for v in verdicts] == [1.0, None, None, None, 5.0]
    assert [v.failed for v in verdicts] == [False, True, False, True, False]
    assert verdicts[1].text == ERROR_TEXT
    assert verdicts[2].text == "no rating here"


def test_endpoint_that_is_down_is_given_up(endpoint, tmp_path):
    endpoint.answer = lambda body: 500
    many = [JudgePrompt("s", f"Question {i}.") for i in range(100)]
    verdicts = list(EndpointRatingJudge(settings(endpoint.url), tmp_path).rate(many))
    assert all(v.failed for v in verdicts) and len(verdicts) == 100
    assert len(endpoint.seen) < 2 * GIVE_UP_AFTER


def test_openai_without_a_key_is_unavailable(monkeypatch, tmp_path):
    monkeypatch.delenv("TEST_JUDGE_KEY", raising=False)
    with pytest.raises(Unavailable, match="TEST_JUDGE_KEY"):
        list(EndpointRatingJudge(settings(None), tmp_path).rate(REQUESTS))


def test_key_comes_from_the_named_variable(endpoint, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setenv("TEST_JUDGE_KEY", "secret-key")
    original = endpoint.RequestHandlerClass.do_POST

    def keep(self):
        seen.append(self.headers["Authorization"])
        original(self)

    monkeypatch.setattr(endpoint.RequestHandlerClass, "do_POST", keep)
    judge = EndpointRatingJudge(settings(endpoint.url), tmp_path)
    list(judge.rate(REQUESTS[:1]))
    assert seen == ["Bearer secret-key"]
    assert "secret-key" not in judge.note + judge.label


def test_make_judge(tiny, tiny_config, tiny_cache):
    def make(**changes):
        base = settings("http://127.0.0.1:9/v1")
        return make_rating_judge(replace(base, **changes), tiny, tiny_config, tiny_cache)

    assert make(kind=JudgeKind.none) is None
    assert make(kind=JudgeKind.local, model=None).label == "local-expected-rating(tiny)"
    other = make(kind=JudgeKind.local, model="random:tiny")
    assert other.label == "local-expected-rating(random:tiny)" and other.shared is not tiny
    with pytest.raises(SalmonError, match=r"eval\.mt_bench\.judge\.model"):
        make(model=None)
