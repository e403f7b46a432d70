"""A model behind an OpenAI-compatible server: every reply is kept on disk, paid for once, and counted.

The ``openai`` package tries a call again after rate limits (waiting as long as the server's Retry-After says, up to two
minutes), server errors, time-outs and lost connections; the pace set here holds for these tries as well.
"""

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

from filelock import FileLock

from eval.config import EndpointSettings
from eval.results import Unavailable
from salmon.errors import SalmonError
from salmon.runtime.files import storage_errors, write_json_atomic

log = logging.getLogger("salmon")

OPENAI_URL = "https://api.openai.com/v1"
GIVE_UP_AFTER = 16  # failures in a row: the server is down, or the settings are wrong


@dataclass(frozen=True)
class ChatRequest:
    """One conversation to be continued by the model."""

    messages: tuple[tuple[str, str], ...]  # (role, text)
    temperature: float
    max_tokens: int
    repeat: int = 0  # tells equal requests apart that are to be asked anew
    top_logprobs: int | None = None  # likeliest tokens to list for each token of the reply

    @property
    def body(self) -> dict[str, Any]:
        messages = [{"role": role, "content": text} for role, text in self.messages]
        body = {"messages": messages, "temperature": self.temperature, "max_tokens": self.max_tokens}
        return body | ({} if self.top_logprobs is None else {"logprobs": True, "top_logprobs": self.top_logprobs})


@dataclass(frozen=True)
class TextRequest:
    """A plain text to be continued by the model (the older completions interface)."""

    prompt: str
    temperature: float
    max_tokens: int
    repeat: int = 0
    top_logprobs: int | None = None

    @property
    def body(self) -> dict[str, Any]:
        body = {"prompt": self.prompt, "temperature": self.temperature, "max_tokens": self.max_tokens}
        return body | ({} if self.top_logprobs is None else {"logprobs": self.top_logprobs})


Request = ChatRequest | TextRequest


@dataclass(frozen=True)
class Reply:
    """What came back; ``text`` is empty where the call failed."""

    text: str
    failure: str | None = None  # why there is no reply
    finish_reason: str | None = None  # "length": cut off at max_tokens
    prompt_tokens: int | None = None  # None: the server does not say
    completion_tokens: int | None = None
    top_logprobs: tuple[dict[str, float], ...] = ()  # by token of the reply: text -> log-probability
    cached: bool = False

    @property
    def failed(self) -> bool:
        return self.failure is not None


@dataclass
class Totals:
    """What an endpoint was asked so far; tokens and cost are those of ``calls``, not of cached replies."""

    calls: int = 0  # that were answered
    cached: int = 0
    failed: int = 0  # called without an answer, or not called any more
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncounted: int = 0  # calls whose tokens the server did not tell
    price_prompt: float | None = None  # of a million tokens
    price_completion: float | None = None

    def add(self, reply: Reply) -> None:
        self.failed += reply.failed
        self.cached += reply.cached
        if not reply.failed and not reply.cached:
            self.calls += 1
            self.uncounted += reply.prompt_tokens is None or reply.completion_tokens is None
            self.prompt_tokens += reply.prompt_tokens or 0
            self.completion_tokens += reply.completion_tokens or 0

    @property
    def cost(self) -> float | None:
        """In the currency of the prices; None where a price or a number of tokens is unknown."""
        if self.price_prompt is None or self.price_completion is None or self.uncounted:
            return None
        return (self.prompt_tokens * self.price_prompt + self.completion_tokens * self.price_completion) / 1e6

    @property
    def text(self) -> str:
        tokens = f"{self.prompt_tokens} + {self.completion_tokens} tokens"
        cost = "cost unknown" if self.cost is None else f"cost {self.cost:.2f}"
        return f"{self.calls} calls ({tokens}, {cost}), {self.cached} from the cache, {self.failed} failed"


@dataclass
class Pace:
    """Lets at most ``per_minute`` requests start a minute, evenly; None: any number."""

    per_minute: float | None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def wait(self) -> None:
        if self.per_minute is None:
            return
        with self._lock:
            now = self.clock()
            start = max(now, self._next)
            self._next = start + 60 / self.per_minute
        self.sleep(start - now)


class Endpoint:
    """Asks the model of the settings; several processes may share a cache folder."""

    def __init__(self, settings: EndpointSettings, cache: Path):
        """
        Args:
            cache: folder that gets a file for each reply: the whole request, and what came back.

        Raises:
            SalmonError: no model is named.
        """
        if not settings.model:
            raise SalmonError("an endpoint needs the name of a model: set .model beside .base_url")
        self.settings, self.cache, self.model = settings, cache, settings.model
        self.url = re.sub(r"//[^/@]*@", "//", settings.base_url or OPENAI_URL).rstrip("/")  # without a password
        self.totals = Totals(price_prompt=settings.price_prompt, price_completion=settings.price_completion)
        self._key = os.environ.get(settings.api_key_env, "")
        self._failures_in_row = 0

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """A reply to each request, in order, each as soon as it is there. The totals are logged at the end.

        A failed call gives a failed reply and is not kept; after ``GIVE_UP_AFTER`` in a row no more are made.

        Raises:
            Unavailable: something has to be asked of OpenAI's own server, and there is no key.
        """
        if not self._key and self.settings.base_url is None and any(self._kept(r) is None for r in requests):
            raise Unavailable(f"the environment variable {self.settings.api_key_env} holds no key for {OPENAI_URL}")
        from openai import DefaultHttpxClient, OpenAI  # takes a second to import

        self._failures_in_row = 0
        pace = Pace(self.settings.calls_per_minute)
        # The hook runs before each try: openai's own repetitions keep the pace too.
        http = DefaultHttpxClient(event_hooks={"request": [lambda _: pace.wait()]})
        client = OpenAI(
            api_key=self._key or "none",
            base_url=self.settings.base_url or OPENAI_URL,
            timeout=self.settings.timeout_s,
            max_retries=self.settings.max_retries,
            http_client=http,
        )
        with client, ThreadPoolExecutor(self.settings.concurrent_calls) as pool:
            for reply in pool.map(lambda request: self._reply(client, request), requests):
                self.totals.add(reply)
                yield reply
        log.info("%s at %s: %s so far", self.model, self.url, self.totals.text)

    def _reply(self, client: Any, request: Request) -> Reply:
        kept = self._kept(request)
        if kept is not None:
            return kept
        path = self._path(request)
        with storage_errors(self.cache):
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{path}.lock"):  # another process, or thread, may be asking the same
                reply = self._kept(request) or self._call(client, request)
                if not reply.failed and not reply.cached:
                    asked = {"model": self.model, "url": self.url, "repeat": request.repeat, **request.body}
                    write_json_atomic(path, {"request": asked, "reply": asdict(reply)})
                Path(f"{path}.lock").unlink(missing_ok=True)  # who waits for it finds the reply
        return reply

    def _call(self, client: Any, request: Request) -> Reply:
        from openai import OpenAIError

        if self._failures_in_row >= GIVE_UP_AFTER:
            return Reply("", failure=f"not asked: {GIVE_UP_AFTER} failures in a row before it")
        api = client.chat.completions if isinstance(request, ChatRequest) else client.completions
        try:
            reply = _read(api.create(model=self.model, **request.body))
        except (OpenAIError, AttributeError, IndexError, TypeError, ValueError) as error:  # OpenAI's; or no completion
            self._failures_in_row += 1
            said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            reply = Reply("", failure=said.replace(self._key, "***") if self._key else said)  # servers may repeat it
            log.warning("%s at %s failed: %s", self.model, self.url, reply.failure)
        else:
            self._failures_in_row = 0
        return reply

    def _path(self, request: Request) -> Path:
        parts = {"url": self.url, "model": self.model, "repeat": request.repeat, **request.body}
        key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
        return self.cache / key[:2] / f"{key}.json"

    def _kept(self, request: Request) -> Reply | None:
        """The reply in the cache; a file that cannot be read is asked for again."""
        path = self._path(request)
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))["reply"]
            return replace(Reply(**saved), top_logprobs=tuple(saved["top_logprobs"]), cached=True)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s is no reply (%s): asking again", path, error)
            return None


def _read(response: Any) -> Reply:
    """A reply of the openai package; AttributeError, IndexError or TypeError where the server sent something else."""
    choice, usage = response.choices[0], response.usage
    if hasattr(choice, "message"):
        text = choice.message.content or choice.message.refusal or ""
        listed = (choice.logprobs and choice.logprobs.content) or ()
        logprobs = tuple({top.token: top.logprob for top in token.top_logprobs} for token in listed)
    else:
        text = choice.text or ""
        logprobs = tuple((choice.logprobs and choice.logprobs.top_logprobs) or ())
    prompt_tokens, completion_tokens = (usage.prompt_tokens, usage.completion_tokens) if usage else (None, None)
    return Reply(text, None, choice.finish_reason, prompt_tokens, completion_tokens, logprobs)
