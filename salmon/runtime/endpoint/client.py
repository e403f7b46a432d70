"""Asks a model behind an OpenAI-compatible server, each request once.

The ``openai`` package tries a call again after rate limits (waiting as long as the server's Retry-After says, up to two
minutes), server errors, time-outs and lost connections; the pace set here holds for these tries as well.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from salmon.config.endpoint import EndpointSettings
from salmon.errors import SalmonError
from salmon.runtime.endpoint.cache import ReplyCache
from salmon.runtime.endpoint.failures import FailureTexts
from salmon.runtime.endpoint.messages import ChatRequest, Reply, Request, read_reply
from salmon.runtime.endpoint.totals import Totals
from salmon.runtime.parsing import Malformed, parse_json

OPENAI_URL = "https://api.openai.com/v1"
GIVE_UP_AFTER = 16  # failures in a row: the server is down, or the settings are wrong
NOT_ASKED = f"not asked: {GIVE_UP_AFTER} failures in a row before it"


class MissingKey(SalmonError):
    """OpenAI's own server is to be asked, and there is no key."""


def require_key(settings: EndpointSettings, prefix: str) -> None:
    """To be called where something will have to be asked.

    Args:
        prefix: where the settings stand in the config, for messages.

    Raises:
        MissingKey: it is OpenAI's own server, and there is no key.
    """
    if settings.base_url is None and not os.environ.get(settings.api_key_env):
        raise MissingKey(
            f"the environment variable {settings.api_key_env} holds no key for {OPENAI_URL}: put it in "
            f"there, or name another server in {prefix}.base_url"
        )


@dataclass
class Pace:
    """Lets at most ``per_minute`` requests start a minute, evenly; None: any number."""

    per_minute: float | None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def wait(self) -> None:
        """Return when the next request may start."""
        if self.per_minute is None:
            return
        with self._lock:
            now = self.clock()
            start = max(now, self._next)
            self._next = start + 60 / self.per_minute
        self.sleep(start - now)


class Endpoint:
    """The model of some settings. Processes and threads may share a folder of replies."""

    def __init__(
        self,
        settings: EndpointSettings,
        cache: ReplyCache,
        prefix: str,
        advice: Mapping[int, str] | None = None,
    ):
        """
        Args:
            cache: keeps every reply.
            prefix: where the settings stand in the config, for messages.
            advice: what else the user may do about a failure, by HTTP status or ``failures.UNUSABLE``.

        Raises:
            SalmonError: no model is named.
        """
        if not settings.model:
            raise SalmonError(f"an endpoint needs the name of a model: set {prefix}.model")
        self.settings, self.cache, self.prefix = settings, cache, prefix
        # OpenAI's own address is not left to the environment (OPENAI_BASE_URL): replies would be kept as another's.
        self._address = (settings.base_url or OPENAI_URL).rstrip("/")
        self.url = re.sub(r"//[^/@]*@", "//", self._address)  # without a password
        self.totals = Totals(price_prompt=settings.price_prompt, price_completion=settings.price_completion)
        self._key = os.environ.get(settings.api_key_env, "")
        self._failures = FailureTexts(settings, prefix, self._key, advice or {})
        self._failures_in_row = 0
        self._client: Any = None  # OpenAI's, once there is something to ask

    def ask(self, requests: Sequence[Request]) -> Generator[Reply, None, None]:
        """A reply to each request, in order, each as soon as it is there.

        A failed call gives a failed reply and is not kept; after ``GIVE_UP_AFTER`` in a row no more are made. Who
        closes the iterator early waits for the calls that are under way (they are kept); the rest is not made.

        Raises:
            MissingKey: something has to be asked of OpenAI's own server, and there is no key.
        """
        if any(self.cache.get(self.key(request)) is None for request in requests):
            require_key(self.settings, self.prefix)
            self._client = self._client or self._connect()  # here, so that the calls of all threads keep one pace
        self._failures_in_row = 0
        pool = ThreadPoolExecutor(self.settings.concurrent_calls)
        try:
            for future in [pool.submit(self._reply, request) for request in requests]:
                reply = future.result()
                self.totals.add(reply)
                yield reply
        finally:
            pool.shutdown(cancel_futures=True)

    def name(self, request: Request) -> str:
        """Model, server and interface."""
        return f"{self.settings.model} at {self.url} (api={request.api})"

    def key(self, request: Request) -> str:
        """What a reply depends on, as 32 hex digits."""
        return hashlib.sha256(json.dumps(self._asked(request), sort_keys=True).encode()).hexdigest()[:32]

    def _asked(self, request: Request) -> dict[str, Any]:
        return {"model": self.settings.model, "url": self.url, "repeat": request.repeat, **request.body}

    def _reply(self, request: Request) -> Reply:
        key = self.key(request)
        found = self.cache.get(key)
        if found is not None:
            return found
        if self._failures_in_row >= GIVE_UP_AFTER:
            return Reply("", failure=NOT_ASKED)
        with self.cache.claim(key):
            self.cache.refresh()
            reply = self.cache.get(key) or self._call(request)
            if not reply.failed and not reply.cached:
                self.cache.put(key, self._asked(request), reply)
        return reply

    def _call(self, request: Request) -> Reply:
        from openai import OpenAIError

        api = self._client.chat.completions if isinstance(request, ChatRequest) else self._client.completions
        create: Any = api.with_raw_response.create
        try:
            text = create(model=self.settings.model, **request.body).http_response.text
        except OpenAIError as error:
            return self._failed(request, self._failures.of_error(error))
        try:
            reply = read_reply(parse_json(text, finite=False), request.top_logprobs is not None)
        except Malformed:
            return self._failed(request, self._failures.of_text(text))
        except ValueError as error:
            return self._failed(request, self._failures.of_reply(str(error), text))
        self._failures_in_row = 0
        return reply

    def _failed(self, request: Request, why: str) -> Reply:
        self._failures_in_row += 1
        return Reply("", failure=f"{self.name(request)}: {why}")

    def _connect(self) -> Any:
        from openai import DefaultHttpxClient, OpenAI  # takes a second to import

        pace = Pace(self.settings.calls_per_minute)
        # The hook runs before each try: openai's own repetitions keep the pace too.
        http = DefaultHttpxClient(event_hooks={"request": [lambda _: pace.wait()]})
        return OpenAI(
            api_key=self._key or "none",
            base_url=self._address,
            timeout=self.settings.timeout_s,
            max_retries=self.settings.max_retries,
            http_client=http,
        )
