"""The server's judge against a real server on loopback: values, requests, faults, cache."""

import json
import logging
import math
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from salmon.config.preferences import PairJudge, PairJudgeSettings, ServerAPI, ServerSettings
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.preferences.judges.factory import make_pairwise_judge
from salmon.preferences.judges.server import ServerJudge
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank, Principle
from salmon.principles.templates import judge_request

pytestmark = pytest.mark.slow

MakeJudge = Callable[..., ServerJudge]

# --- the fake: enough of OpenAI's protocol for the real client -----------------------------------

BANK = Bank("test", (Principle("Concise", "It is short."), Principle("Kind", "It is friendly.")))
FAST_RETRY = {"retry-after-ms": "1"}
PLACES = re.compile(r"Response \(a\): (.*)\n\nResponse \(b\): (.*)\n\nGuideline: ")


@dataclass(frozen=True)
class Reply:
    body: Any = None  # JSON, or bytes as they are
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


def refuse(status: int, message: str = "no") -> Reply:
    return Reply({"error": {"message": message, "type": "t", "code": None}}, status, FAST_RETRY)


def user_text(body: dict) -> str:
    return body["prompt"] if "prompt" in body else body["messages"][-1]["content"]


def odds(body: dict) -> float:
    """The fake's log-odds of a: a tenth of the characters that a has more than b, and half for the first place."""
    found = PLACES.search(user_text(body))
    assert found, "not a judge request"
    return (len(found[1]) - len(found[2])) / 10 + 0.5


def completion(body: dict, top: list[tuple[str, float]]) -> dict:
    """``top`` in the format of the API that was asked."""
    if "prompt" in body:
        choice = {
            "text": top[0][0],
            "index": 0,
            "finish_reason": "length",
            "logprobs": {
                "tokens": [top[0][0]],
                "token_logprobs": [top[0][1]],
                "text_offset": [0],
                "top_logprobs": [dict(top)],
            },
        }
        return {"id": "x", "object": "text_completion", "created": 0, "model": body["model"], "choices": [choice]}
    entries = [{"token": token, "logprob": logprob, "bytes": list(token.encode())} for token, logprob in top]
    choice = {
        "index": 0,
        "finish_reason": "length",
        "message": {"role": "assistant", "content": top[0][0]},
        "logprobs": {"content": [{**entries[0], "top_logprobs": entries}]},
    }
    return {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice]}


def usual(body: dict) -> Reply:
    """p(a) + p(b) = 1/2, with the log-odds above; the rest is another token."""
    p = 0.5 / (1 + math.exp(-odds(body)))
    return Reply(completion(body, [("The", math.log(0.5)), ("a", math.log(p)), (" b", math.log(0.5 - p))]))


class Handler(BaseHTTPRequestHandler):
    server: "FakeServer"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.seen.append((self.path, body, self.headers["Authorization"]))
            self.server.active += 1
            self.server.most_active = max(self.server.most_active, self.server.active)
        try:
            reply = self.server.answer(body)
            time.sleep(reply.delay_s)
        finally:
            with self.server.lock:
                self.server.active -= 1
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        try:
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except BrokenPipeError:
            pass  # the client did not wait

    def log_message(self, format: str, *args: Any) -> None:
        pass


class FakeServer(ThreadingHTTPServer):
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.seen: list[tuple[str, dict, str]] = []
        self.active = self.most_active = 0
        self.answer: Callable[[dict], Reply] = usual

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    server = FakeServer()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def server_judge(fake: FakeServer, tiny: SharedModel, tmp_path: Path) -> Callable[..., ServerJudge]:
    """Makes a judge that asks the fake; keywords change the server's settings."""

    def make(max_tokens: int = 4000, bank: Bank = BANK, **changes: Any) -> ServerJudge:
        given = {
            "base_url": fake.url,
            "model": "judge-1",
            "api": ServerAPI.completions,
            "concurrent_calls": 4,
            "api_key_env": "TEST_JUDGE_KEY",
            "max_retries": 1,
            "timeout_s": 5.0,
            "calls_per_minute": None,
            "price_prompt": None,
            "price_completion": None,
        } | changes
        settings = PairJudgeSettings(PairJudge.server, max_tokens, ServerSettings(**given))
        judge = make_pairwise_judge(settings, bank, tiny, None, tmp_path / "answers")
        assert isinstance(judge, ServerJudge)
        return judge

    return make


# --- values and requests -----------------------------------------------------------------------

PAIR = Pair("p1", "Why is the sky blue?", "x" * 30, "y" * 10)
MANY = [replace(PAIR, prompt_id=f"p{n}", response_1="x" * (20 + n)) for n in range(12)]  # 48 requests


@pytest.mark.parametrize("api", ServerAPI)
def test_judgements_are_the_servers_log_odds_in_both_orders(
    fake: FakeServer, server_judge: MakeJudge, api: ServerAPI
) -> None:
    """Response 1 has 20 characters more: +2 for it, and 0.5 for whichever stands first."""
    (judged,) = server_judge(api=api).judge([PAIR])
    assert [(j.prompt_id, j.principle) for j in judged.judgements] == [("p1", "Concise"), ("p1", "Kind")]
    for judgement in judged.judgements:
        assert judgement.original_order == pytest.approx(2.5)
        assert judgement.swapped_order == pytest.approx(1.5)  # a mutant without the turned sign: -1.5
    assert judged.cut_tokens == 0
    assert len(fake.seen) == 4


def test_what_is_sent_to_completions(fake: FakeServer, server_judge: MakeJudge) -> None:
    server_judge().judge([PAIR])
    assert {path for path, _, _ in fake.seen} == {"/v1/completions"}
    request = judge_request(PAIR.prompt, PAIR.response_1, PAIR.response_2, "It is short.")
    sent = next(b for _, b, _ in fake.seen if "It is short." in b["prompt"] and odds(b) > 0)
    assert sent == {
        "model": "judge-1",
        "temperature": 0,
        "max_tokens": 1,
        "logprobs": 5,
        "prompt": f"{request.user}\n\nThe better response is (",
    }


def test_what_is_sent_to_chat(fake: FakeServer, server_judge: MakeJudge) -> None:
    server_judge(api=ServerAPI.chat).judge([PAIR])
    assert {path for path, _, _ in fake.seen} == {"/v1/chat/completions"}
    request = judge_request(PAIR.prompt, PAIR.response_1, PAIR.response_2, "It is short.")
    sent = next(b for _, b, _ in fake.seen if "It is short." in user_text(b) and odds(b) > 0)
    content = f"{request.user}\nAnswer with the letter only: a or b."
    assert sent == {
        "model": "judge-1",
        "temperature": 0,
        "max_tokens": 1,
        "logprobs": True,
        "top_logprobs": 20,
        "messages": [{"role": "user", "content": content}],
    }


def test_pairs_keep_their_order_however_long_each_answer_takes(fake: FakeServer, server_judge: MakeJudge) -> None:
    fake.answer = lambda body: replace(usual(body), delay_s=0.05 if "x" * 31 not in user_text(body) else 0.0)
    judged = server_judge(concurrent_calls=8).judge(MANY)
    assert [row.judgements[0].prompt_id for row in judged] == [pair.prompt_id for pair in MANY]
    assert [row.judgements[1].original_order for row in judged] == pytest.approx([1.5 + n / 10 for n in range(12)])


def test_long_pairs_are_cut_alike(fake: FakeServer, server_judge: MakeJudge, tiny: SharedModel) -> None:
    frame = max(
        len(tiny.chat.prompt_ids([{"role": "user", "content": r.user}], r.reply_prefix))
        for p in BANK.principles
        for r in [judge_request("", "", "", p.definition)]
    )
    (judged,) = server_judge(max_tokens=frame + 100).judge([Pair("p", "q" * 10, "x" * 99, "y" * 99)])
    assert judged.cut_tokens == 54 + 54  # 45 characters of each are left (tests/preferences/judges/test_prompts.py)
    assert [j.original_order for j in judged.judgements] == pytest.approx([0.5, 0.5])


def test_no_more_requests_at_once_than_allowed(fake: FakeServer, server_judge: MakeJudge) -> None:
    fake.answer = lambda body: replace(usual(body), delay_s=0.02)
    server_judge(concurrent_calls=3).judge(MANY)
    assert fake.most_active == 3


# --- what is not asked twice -------------------------------------------------------------------


def test_equal_requests_are_sent_once(fake: FakeServer, server_judge: MakeJudge) -> None:
    turned = replace(PAIR, prompt_id="p2", response_1=PAIR.response_2, response_2=PAIR.response_1)
    one, two, same = server_judge().judge([PAIR, turned, replace(PAIR, prompt_id="p3")])
    assert len(fake.seen) == 4
    assert [j.original_order for j in two.judgements] == [-j.swapped_order for j in one.judgements]
    assert [j.original_order for j in same.judgements] == [j.original_order for j in one.judgements]
    assert [j.prompt_id for j in same.judgements] == ["p3", "p3"]


def test_answers_are_kept_for_the_next_process(fake: FakeServer, server_judge: MakeJudge) -> None:
    first = server_judge().judge([PAIR])
    fake.seen.clear()
    fake.answer = lambda body: refuse(500)
    assert server_judge().judge([PAIR]) == first
    assert server_judge(concurrent_calls=1, timeout_s=1.0).judge([PAIR]) == first  # not what an answer depends on
    assert fake.seen == []


def test_what_was_asked_is_counted(fake: FakeServer, server_judge: MakeJudge) -> None:
    server_judge().judge([PAIR])
    judge = server_judge()
    judge.judge([PAIR, replace(PAIR, response_1="another")])
    assert judge.usage == "4 calls (0 + 0 tokens, cost unknown), 4 from the cache, 0 failed"


@pytest.mark.parametrize("change", [{"model": "judge-2"}, {"api": ServerAPI.chat}, {"base_url": "other"}])
def test_another_judge_is_asked_anew(fake: FakeServer, server_judge: MakeJudge, change: dict[str, Any]) -> None:
    server_judge().judge([PAIR])
    if "base_url" in change:
        change = {"base_url": fake.url.replace("127.0.0.1", "localhost")}
    server_judge(**change).judge([PAIR])
    assert len(fake.seen) == 8


def test_what_was_answered_before_a_fault_is_not_lost(fake: FakeServer, server_judge: MakeJudge) -> None:
    def fail_later(body: dict) -> Reply:
        return usual(body) if len(fake.seen) <= 20 else refuse(500)

    fake.answer = fail_later
    with pytest.raises(
        SalmonError,
        match=r"HTTP 500.* after 1 retries.*\. 20 judgements are already in .*answers; "
        "the same command continues",
    ):
        server_judge(concurrent_calls=1).judge(MANY)
    fake.answer = usual
    fake.seen.clear()
    judged = server_judge().judge(MANY)
    assert len(fake.seen) == 48 - 20
    assert [row.judgements[0].original_order for row in judged] == pytest.approx([1.5 + n / 10 for n in range(12)])


# --- faults ------------------------------------------------------------------------------------


def test_rate_limits_are_waited_for(fake: FakeServer, server_judge: MakeJudge) -> None:
    refused: set[str] = set()

    def once(body: dict) -> Reply:
        if user_text(body) in refused:
            return usual(body)
        refused.add(user_text(body))
        return Reply({"error": {"message": "slow down"}}, 429, {"Retry-After": "0.01"})

    fake.answer = once
    (judged,) = server_judge(max_retries=2).judge([PAIR])
    assert judged.judgements[0].original_order == pytest.approx(2.5)
    assert len(fake.seen) == 8


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "HTTP 401: 'no'. Check the key in the environment variable TEST_JUDGE_KEY"),
        (403, "HTTP 403: 'no'. Check the key"),
        (404, r"HTTP 404: 'no'. Check preferences.judge.server.base_url .* preferences.judge.server.api=chat"),
        (400, "HTTP 400: 'no'. Check preferences.judge.server.model; .*server.api=chat.* preferences.judge.max_tokens"),
    ],
)
def test_a_refusal_stops_at_once(fake: FakeServer, server_judge: MakeJudge, status: int, advice: str) -> None:
    fake.answer = lambda body: refuse(status)
    with pytest.raises(SalmonError, match=advice) as caught:
        server_judge(concurrent_calls=1, max_retries=5).judge(MANY)
    assert f"the judge judge-1 at {fake.url} (api=completions): " in str(caught.value)
    assert len({user_text(body) for _, body, _ in fake.seen}) == len(fake.seen) < 24  # no retry; most never sent


def test_an_overloaded_server(fake: FakeServer, server_judge: MakeJudge) -> None:
    fake.answer = lambda body: refuse(429)
    with pytest.raises(
        SalmonError, match=r"HTTP 429: 'no', after 2 retries.*server.concurrent_calls .*\. 0 judgements"
    ):
        server_judge(max_retries=2, concurrent_calls=1).judge([PAIR])


def test_a_server_that_is_too_slow(fake: FakeServer, server_judge: MakeJudge) -> None:
    fake.answer = lambda body: Reply({}, delay_s=1.0)
    with pytest.raises(SalmonError, match=r"no answer in 0\.1 s after 0 retries\. Raise .*timeout_s"):
        server_judge(timeout_s=0.1, max_retries=0).judge([PAIR])


def test_a_server_that_does_not_run(server_judge: MakeJudge) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(SalmonError, match=f"at {url} .*no connection.* Does the server run"):
            server_judge(base_url=url, max_retries=0).judge([PAIR])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>hello</html>", "not JSON: '<html>hello</html>'. Check preferences.judge.server.base_url"),
        (b"", "not JSON"),
        (b'{"choices": ', "not JSON"),
        (b'{"hello": "world"}', r"not a completion .*hello.* returns log-probs .* preferences.judge.server.api=chat"),
        (b'{"choices": [{"text": "a", "logprobs": null}]}', "the reply has no log-probs"),
    ],
)
def test_a_reply_that_cannot_be_used(fake: FakeServer, server_judge: MakeJudge, content: bytes, message: str) -> None:
    fake.answer = lambda body: Reply(content)
    with pytest.raises(SalmonError, match=message):
        server_judge().judge([PAIR])


def test_an_answer_that_is_no_letter_is_no_opinion_and_said_once(
    fake: FakeServer, server_judge: MakeJudge, caplog: pytest.LogCaptureFixture
) -> None:
    fake.answer = lambda body: Reply(completion(body, [("I", -0.1), ("The", -3.0)])) if odds(body) > 0 else usual(body)
    judge = server_judge()
    (judged,) = judge.judge([PAIR])
    assert [j.original_order for j in judged.judgements] == [0.0, 0.0]
    assert [j.swapped_order for j in judged.judgements] == pytest.approx([1.5, 1.5])
    judge.judge(MANY)
    said = [record.getMessage() for record in caplog.records if record.name == "salmon"]
    assert len(said) == 1 and "2 of the first 4 answers have neither a nor b" in said[0]


# --- keys and settings -------------------------------------------------------------------------


def test_the_key_goes_to_the_server_and_nowhere_else(
    fake: FakeServer,
    server_judge: MakeJudge,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("TEST_JUDGE_KEY", "secret-key")
    with caplog.at_level(logging.DEBUG):
        server_judge().judge([PAIR])
        assert {key for _, _, key in fake.seen} == {"Bearer secret-key"}
        fake.answer = lambda body: refuse(401, "x" * 181 + " wrong key: secret-key")  # and again where a quote ends
        with pytest.raises(SalmonError, match="wrong") as caught:
            server_judge().judge(MANY)
        fake.answer = lambda body: Reply(b"your key is secret-key")
        with pytest.raises(SalmonError, match=r"your key is \*\*\*") as quoted:
            server_judge().judge(MANY)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1
    for text in (str(caught.value), str(quoted.value), caplog.text, files[0].read_text()):
        assert "secret" not in text


def test_a_password_in_the_address_is_not_shown(fake: FakeServer, server_judge: MakeJudge) -> None:
    fake.answer = lambda body: refuse(404)
    with pytest.raises(SalmonError, match="at http://127.0.0.1") as caught:
        server_judge(base_url=fake.url.replace("//", "//me:pass-word@")).judge([PAIR])
    assert "pass-word" not in str(caught.value)


def test_settings_that_lack_something(server_judge: MakeJudge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_JUDGE_KEY", raising=False)
    with pytest.raises(SalmonError, match=r"set preferences\.judge\.server\.model"):
        server_judge(model=None)
    with pytest.raises(
        SalmonError,
        match=r"variable TEST_JUDGE_KEY holds no key for https://api.openai.com/v1: put it in .*\.server\.base_url",
    ):
        server_judge(base_url=None)


def test_openais_own_address_is_not_taken_from_the_environment(
    server_judge: MakeJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``OPENAI_BASE_URL`` would be in no fingerprint and in no key of the cache."""
    monkeypatch.setenv("TEST_JUDGE_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(SalmonError, match="the judge judge-1 at https://api.openai.com/v1 .*no connection"):
        server_judge(base_url=None, max_retries=0).judge([PAIR])


def test_retries_take_the_hint_of_the_server(fake: FakeServer, server_judge: MakeJudge) -> None:
    """The tests above are fast only because the client obeys this header."""
    assert FAST_RETRY == {"retry-after-ms": "1"}
    fake.answer = lambda body: refuse(503)
    with pytest.raises(SalmonError, match="HTTP 503"):
        server_judge(max_retries=3, concurrent_calls=1).judge([PAIR])
    assert len([b for _, b, _ in fake.seen if b == fake.seen[0][1]]) == 4
