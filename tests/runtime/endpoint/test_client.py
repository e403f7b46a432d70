"""The client against a real server on this machine."""

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from pytest import approx

from salmon.config.endpoint import EndpointSettings
from salmon.errors import SalmonError
from salmon.runtime.endpoint.cache import ReplyCache
from salmon.runtime.endpoint.client import GIVE_UP_AFTER, NOT_ASKED, Endpoint, MissingKey, Pace
from salmon.runtime.endpoint.messages import ChatRequest, TextRequest
from salmon.runtime.endpoint.totals import Totals

pytestmark = pytest.mark.slow

SETTINGS = EndpointSettings(
    model="m-1",
    base_url=None,
    api_key_env="TEST_ENDPOINT_KEY",
    max_retries=0,
    timeout_s=5,
    concurrent_calls=4,
    calls_per_minute=None,
    price_prompt=None,
    price_completion=None,
)
REQUESTS = [ChatRequest((("user", f"Question {i}"),), temperature=0.0, max_tokens=9) for i in range(6)]


@pytest.fixture
def settings(endpoint) -> EndpointSettings:
    return replace(SETTINGS, base_url=endpoint.url)


def client(settings: EndpointSettings, folder: Path) -> Endpoint:
    return Endpoint(settings, ReplyCache(folder), "judge")


def number(body) -> int:
    return int(body["messages"][-1]["content"].split()[1])


def test_replies_in_order_and_kept_for_the_next_time(endpoint, settings, tmp_path):
    endpoint.answer = lambda body: f"Answer {number(body)}"
    settings = replace(settings, price_prompt=30.0, price_completion=60.0)
    first = client(settings, tmp_path)
    replies = list(first.ask(REQUESTS))
    assert [reply.text for reply in replies] == [f"Answer {i}" for i in range(6)]
    assert {tuple(sorted(body)) for body in endpoint.seen} == {("max_tokens", "messages", "model", "temperature")}
    assert (first.totals.calls, first.totals.prompt_tokens, first.totals.completion_tokens) == (6, 600, 60)
    assert first.totals.cost == approx((600 * 30 + 60 * 60) / 1e6)
    again = client(settings, tmp_path)
    assert list(again.ask(REQUESTS)) == [replace(reply, cached=True) for reply in replies]
    assert len(endpoint.seen) == 6 and (again.totals.calls, again.totals.cached, again.totals.cost) == (0, 6, 0)


def test_whatever_a_reply_depends_on_is_in_its_key(endpoint, settings, tmp_path):
    base = REQUESTS[0]
    changed = [
        replace(base, temperature=0.5),
        replace(base, max_tokens=10),
        replace(base, repeat=1),
        replace(base, messages=(("system", "Question 0"),)),
        replace(base, top_logprobs=2),
    ]
    list(client(settings, tmp_path).ask([base, *changed]))
    assert len(endpoint.seen) == 6
    list(client(replace(settings, model="m-2"), tmp_path).ask([base]))
    list(client(replace(settings, base_url=endpoint.url + "/other"), tmp_path).ask([base]))
    assert len(endpoint.seen) == 8
    list(client(replace(settings, timeout_s=9), tmp_path).ask([base, *changed]))
    assert len(endpoint.seen) == 8, "a setting that changes no reply asks nothing again"


def test_equal_requests_are_paid_for_once(endpoint, settings, tmp_path):
    gate = threading.Barrier(2, timeout=1)

    def answer(body):
        try:  # two calls under way at once would meet here
            gate.wait()
        except threading.BrokenBarrierError:
            return "alone"
        return "together"

    endpoint.answer = answer
    replies = list(client(settings, tmp_path).ask([REQUESTS[0]] * 4))
    assert [reply.text for reply in replies] == ["alone"] * 4 and len(endpoint.seen) == 1
    assert not list(tmp_path.rglob("*.lock"))


def test_failures_are_told_and_not_kept(endpoint, settings, tmp_path):
    endpoint.answer = lambda body: ["ok", 500, {"hello": "world"}, "ok", {"choices": []}, [1]][number(body)]
    replies = list(client(settings, tmp_path).ask(REQUESTS))
    assert [reply.failed for reply in replies] == [False, True, True, False, True, True]
    assert "HTTP 500: 'no', after 0 retries" in replies[1].failure and replies[1].text == ""
    assert "not a completion" in replies[2].failure and '{"hello": "world"}' in replies[2].failure
    endpoint.answer = lambda body: "now"
    again = client(settings, tmp_path)
    assert [reply.text for reply in again.ask(REQUESTS)] == ["ok", "now", "now", "ok", "now", "now"]
    assert again.totals.text == "4 calls (400 + 40 tokens, cost unknown), 2 from the cache, 0 failed"


def test_a_server_that_is_down_is_given_up(endpoint, settings, tmp_path):
    endpoint.answer = lambda body: 500
    asked = client(settings, tmp_path)
    replies = list(asked.ask([replace(REQUESTS[0], repeat=i) for i in range(60)]))
    assert all(reply.failed for reply in replies) and asked.totals.failed == 60
    assert GIVE_UP_AFTER <= len(endpoint.seen) < 2 * GIVE_UP_AFTER
    assert replies[-1].failure == NOT_ASKED


def test_retry_after_is_honoured_and_every_try_keeps_the_pace(endpoint, settings, tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr(Pace, "wait", lambda self: waits.append(self.per_minute))
    slept = []
    monkeypatch.setattr("openai._base_client.time.sleep", slept.append)
    endpoint.answer = lambda body: (429, {"Retry-After": "7"}) if len(endpoint.seen) < 3 else "done"
    settings = replace(settings, max_retries=2, calls_per_minute=30)
    (reply,) = client(settings, tmp_path).ask(REQUESTS[:1])
    assert reply.text == "done" and slept == [7, 7] and waits == [30] * 3


def test_pace():
    slept = []
    pace = Pace(per_minute=30, clock=lambda: 100.0, sleep=slept.append)
    for _ in range(3):
        pace.wait()
    assert slept == [0, 2, 4]
    Pace(per_minute=None, sleep=slept.append).wait()
    assert len(slept) == 3


def test_log_probabilities_of_both_interfaces(endpoint, settings, tmp_path):
    top = [{"token": "yes", "logprob": -0.1, "bytes": None}, {"token": "no", "logprob": -2.5, "bytes": None}]
    listed = {"content": [{"token": "yes", "logprob": -0.1, "bytes": None, "top_logprobs": top}]}
    plain = {
        "tokens": [" yes"],
        "token_logprobs": [-0.1],
        "text_offset": [0],
        "top_logprobs": [{" yes": -0.1, " no": -2}],
    }

    def answer(body):
        choice = (
            {"message": {"role": "assistant", "content": "yes"}, "logprobs": listed}
            if "messages" in body
            else {"text": " yes", "logprobs": plain}
        )
        return {
            "id": "x",
            "object": "o",
            "created": 0,
            "model": "m",
            "choices": [{"index": 0, "finish_reason": "length", **choice}],
        }

    endpoint.answer = answer
    requests = [replace(REQUESTS[0], top_logprobs=2), TextRequest("True?", 0.0, 1, top_logprobs=2)]
    asked = client(settings, tmp_path)
    chat, text = asked.ask(requests)
    assert chat.top_logprobs == ((("yes", -0.1), ("no", -2.5)),) and chat.finish_reason == "length"
    assert text.top_logprobs == (((" yes", -0.1), (" no", -2)),) and text.text == " yes"
    bodies = {"prompt" in body: body["logprobs"] for body in endpoint.seen}
    assert bodies == {False: True, True: 2}
    assert asked.totals.uncounted == 2 and asked.totals.cost is None
    kept = list(client(settings, tmp_path).ask(requests))
    assert [reply.top_logprobs for reply in kept] == [chat.top_logprobs, text.top_logprobs]


def test_a_refusal_is_the_reply(endpoint, settings, tmp_path):
    message = {"role": "assistant", "content": None, "refusal": "I will not judge this."}
    endpoint.answer = lambda body: {
        "id": "x",
        "object": "o",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
    }
    (reply,) = client(settings, tmp_path).ask(REQUESTS[:1])
    assert reply.text == "I will not judge this." and not reply.failed


def test_the_key_reaches_the_server_and_nothing_else(endpoint, settings, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("TEST_ENDPOINT_KEY", "secret-key")
    endpoint.answer = lambda body: 401 if number(body) == 1 else "fine"  # says the key in its message
    replies = list(client(settings, tmp_path).ask(REQUESTS[:2]))
    address = replace(settings, base_url=endpoint.url.replace("//", "//user:hidden@"))
    replies += list(client(address, tmp_path).ask([REQUESTS[2]]))
    assert not replies[0].failed and "Bearer ***" in replies[1].failure, "it was sent, and is not repeated"
    written = caplog.text + "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file()) + str(replies)
    assert "secret-key" not in written and "hidden" not in written and endpoint.url in written


def test_openai_without_a_key_is_asked_nothing_but_read(endpoint, settings, tmp_path, monkeypatch):
    monkeypatch.delenv("TEST_ENDPOINT_KEY", raising=False)
    with pytest.raises(
        MissingKey, match=r"TEST_ENDPOINT_KEY holds no key for https.* another server in judge.base_url"
    ):
        list(client(SETTINGS, tmp_path).ask(REQUESTS))
    kept = client(settings, tmp_path)
    list(kept.ask(REQUESTS[:1]))
    own = client(SETTINGS, tmp_path)
    own.url = kept.url
    assert next(own.ask(REQUESTS[:1])).cached
    with pytest.raises(SalmonError, match=r"name of a model: set judge\.model"):
        client(replace(settings, model=None), tmp_path)


def test_the_request_is_kept_beside_the_reply_for_a_person_to_read(endpoint, settings, tmp_path):
    list(client(settings, tmp_path).ask(REQUESTS[:1]))
    (path,) = tmp_path.iterdir()
    row = json.loads(path.read_text())
    assert row["request"]["messages"] == [{"role": "user", "content": "Question 0"}]
    assert row["reply"]["text"] == "Fine. Rating: [[8]]"


def test_a_torn_file_is_asked_for_again(endpoint, settings, tmp_path):
    list(client(settings, tmp_path).ask(REQUESTS[:1]))
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text()[:40])
    (reply,) = client(settings, tmp_path).ask(REQUESTS[:1])
    assert not reply.cached and len(endpoint.seen) == 2
    (reply,) = client(settings, tmp_path).ask(REQUESTS[:1])
    assert reply.cached


def test_a_reply_without_the_log_probabilities_that_were_asked_for_is_a_failure(endpoint, settings, tmp_path):
    """Kept, it would be found again after the server was told to list them."""
    endpoint.answer = lambda body: {"choices": [{"message": {"content": "yes"}}]}
    (reply,) = client(settings, tmp_path).ask([replace(REQUESTS[0], top_logprobs=2)])
    assert "no log-probs" in reply.failure and "m-1 at" in reply.failure and "(api=chat)" in reply.failure
    assert list(tmp_path.iterdir()) == []


def test_who_stops_early_gets_no_more_calls(endpoint, settings, tmp_path):
    replies = client(replace(settings, concurrent_calls=1), tmp_path).ask(
        [replace(REQUESTS[0], repeat=i) for i in range(60)]
    )
    next(replies)
    replies.close()
    assert len(endpoint.seen) < 30
    assert len(ReplyCache(tmp_path)) == len(endpoint.seen), "what was on its way is kept"


KILLED = """
import os, sys
from pathlib import Path
from salmon.config.endpoint import EndpointSettings
from salmon.runtime.endpoint.cache import ReplyCache
from salmon.runtime.endpoint.client import Endpoint
from salmon.runtime.endpoint.messages import ChatRequest
settings = EndpointSettings(model="m-1", base_url=sys.argv[1], api_key_env="NONE", max_retries=0, timeout_s=5,
                            concurrent_calls=1, calls_per_minute=None, price_prompt=None, price_completion=None)
requests = [ChatRequest((("user", f"Question {i}"),), 0.0, 9) for i in range(6)]
for number, reply in enumerate(Endpoint(settings, ReplyCache(Path(sys.argv[2])), "judge").ask(requests)):
    if number == 2:
        os.kill(os.getpid(), 9)
"""


def test_a_kill_costs_no_reply_that_was_there(endpoint, settings, tmp_path):
    root = Path(__file__).parents[3]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, endpoint.url, tmp_path], cwd=root, env={"PYTHONPATH": str(root)}
    )
    assert killed.returncode == -9
    before = len(endpoint.seen)
    assert before >= 3
    replies = list(client(settings, tmp_path).ask(REQUESTS))
    assert sum(reply.cached for reply in replies) >= 3 and not any(reply.failed for reply in replies)
    assert len(endpoint.seen) <= 7, "at most the call that was under way is made again"


def test_cost_is_unknown_where_a_part_is():
    assert Totals(prompt_tokens=1, price_prompt=1.0).cost is None
    assert Totals(prompt_tokens=5, completion_tokens=2, price_prompt=1.0, price_completion=2.0).cost == approx(9e-6)
