"""What the evaluation's judges add to an endpoint: the log, and a judge that cannot be had."""

import logging

import pytest

from eval.endpoint import ask
from eval.results import Unavailable
from salmon.config.endpoint import EndpointSettings
from salmon.runtime.endpoint.cache import ReplyCache
from salmon.runtime.endpoint.client import Endpoint
from salmon.runtime.endpoint.messages import ChatRequest

REQUESTS = [ChatRequest((("user", f"Question {i}"),), temperature=0.0, max_tokens=9) for i in range(40)]


def judge(url: str | None, folder) -> Endpoint:
    settings = EndpointSettings(
        model="m-1",
        base_url=url,
        api_key_env="TEST_ENDPOINT_KEY",
        max_retries=0,
        timeout_s=5,
        concurrent_calls=1,
        calls_per_minute=None,
        price_prompt=30.0,
        price_completion=60.0,
    )
    return Endpoint(settings, ReplyCache(folder), "eval.mt_bench.judge")


def test_what_was_paid_is_logged(endpoint, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "salmon"):
        assert len(list(ask(judge(endpoint.url, tmp_path), REQUESTS[:2]))) == 2
    assert f"m-1 at {endpoint.url}: 2 calls (200 + 20 tokens, cost 0.01), 0 from the cache, 0 failed" in caplog.text


def test_failures_are_logged_but_not_calls_that_were_not_made(endpoint, tmp_path, caplog):
    endpoint.answer = lambda body: 500
    replies = list(ask(judge(endpoint.url, tmp_path), REQUESTS))
    assert all(reply.failed for reply in replies) and len(replies) == 40
    assert len(caplog.records) == len(endpoint.seen) < 40
    assert all("HTTP 500" in record.getMessage() for record in caplog.records)


def test_openai_without_a_key_is_unavailable(tmp_path, monkeypatch):
    monkeypatch.delenv("TEST_ENDPOINT_KEY", raising=False)
    with pytest.raises(Unavailable, match=r"TEST_ENDPOINT_KEY holds no key.*eval\.mt_bench\.judge\.base_url"):
        list(ask(judge(None, tmp_path), REQUESTS))
