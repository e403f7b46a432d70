"""One question to an OpenAI-compatible server, and what each way of failing means for the user."""

import hashlib
import json
import os
import re
from typing import Any

from openai import APIConnectionError, APIStatusError, APITimeoutError, OpenAI, OpenAIError

from salmon.config.preferences import ServerAPI, ServerSettings
from salmon.errors import SalmonError
from salmon.preferences.judges.letters import TopLogProbs, read_top_logprobs
from salmon.principles.templates import JudgeRequest

OPENAI_URL = "https://api.openai.com/v1"
SETTINGS = "preferences.judge.server"
SAMPLING = {"temperature": 0, "max_tokens": 1}
TOP_LOGPROBS = {ServerAPI.completions: 5, ServerAPI.chat: 20}  # as many as OpenAI's own servers list
LETTER_ONLY = "Answer with the letter only: a or b."
_READING = 1  # part of every key: raise it when answers are read differently (salmon/preferences/judges/letters.py)


class Endpoint:
    """Asks the model of the settings; safe to use from several threads.

    ``completions``: the request as plain text, ending in the reply's beginning, so that a letter comes next.
    ``chat``: the request as a user turn that asks for the letter only. No system prompt in either.
    """

    def __init__(self, settings: ServerSettings):
        """
        Raises:
            SalmonError: no model is named, or OpenAI's own servers are meant and there is no key.
        """
        if not settings.model:
            raise SalmonError(f"preferences.judge.kind=server needs the name of a model: set {SETTINGS}.model")
        self._key = os.environ.get(settings.api_key_env, "")
        if not self._key and settings.base_url is None:
            raise SalmonError(
                f"the judge needs a key for {OPENAI_URL}: put it in the environment variable "
                f"{settings.api_key_env}, or name another server in {SETTINGS}.base_url"
            )
        self._settings, self._model = settings, settings.model
        self._url = (settings.base_url or OPENAI_URL).rstrip("/")
        self._client = OpenAI(
            api_key=self._key or "none",
            base_url=self._url,
            timeout=settings.timeout_s,
            max_retries=settings.max_retries,
        )

    @property
    def name(self) -> str:
        """Model and server, without a password that the address may hold."""
        address = re.sub(r"//[^/@]*@", "//", self._url)
        return f"the judge {self._model} at {address} (api={self._settings.api.value})"

    def key(self, request: JudgeRequest) -> str:
        """What an answer depends on, as hex."""
        parts = {"base_url": self._url, "api": self._settings.api.value, "reading": _READING, **self._body(request)}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]

    def ask(self, request: JudgeRequest) -> TopLogProbs:
        """The likeliest first tokens of the answer. Rate limits, server errors and time-outs are tried again.

        Raises:
            SalmonError: the request was refused, no try succeeded, or the reply cannot be used.
        """
        api = self._client.chat.completions if self._settings.api is ServerAPI.chat else self._client.completions
        create: Any = api.with_raw_response.create
        try:
            text = create(**self._body(request)).http_response.text
        except OpenAIError as error:
            raise SalmonError(self._explain(error)) from error
        try:
            return read_top_logprobs(json.loads(text))
        except json.JSONDecodeError as error:
            raise SalmonError(
                f"{self.name}: the reply is not JSON: {self._quote(text)}. Check {SETTINGS}.base_url"
            ) from error
        except ValueError as error:
            raise SalmonError(
                f"{self.name}: {error}: {self._quote(text)}. A judge needs a server that returns log-probs of the next "
                f"token: try {SETTINGS}.api={self._other_api}, or another server (vLLM returns them; llama_cpp.server "
                "with --logits_all true)"
            ) from error

    def _body(self, request: JudgeRequest) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self._model, **SAMPLING}
        if self._settings.api is ServerAPI.chat:
            message = {"role": "user", "content": f"{request.user}\n{LETTER_ONLY}"}
            return body | {"messages": [message], "logprobs": True, "top_logprobs": TOP_LOGPROBS[ServerAPI.chat]}
        prompt = f"{request.user}\n\n{request.reply_prefix}"
        return body | {"prompt": prompt, "logprobs": TOP_LOGPROBS[ServerAPI.completions]}

    @property
    def _other_api(self) -> str:
        return next(api.value for api in ServerAPI if api is not self._settings.api)

    def _explain(self, error: OpenAIError) -> str:
        tries = f"after {self._settings.max_retries} retries"
        if isinstance(error, APITimeoutError):
            return (
                f"{self.name}: no answer in {self._settings.timeout_s:g} s {tries}. Raise {SETTINGS}.timeout_s or "
                f"lower {SETTINGS}.concurrency"
            )
        if isinstance(error, APIConnectionError):
            cause = f" ({error.__cause__})" if error.__cause__ else ""
            return f"{self.name}: no connection{cause} {tries}. Does the server run? Check {SETTINGS}.base_url"
        if not isinstance(error, APIStatusError):
            return f"{self.name}: {error}"
        status = error.status_code
        said = error.body.get("message") if isinstance(error.body, dict) else None
        what = f"{self.name}: HTTP {status}: {self._quote(said or error.response.text)}"
        match status:
            case 401 | 403:
                return f"{what}. Check the key in the environment variable {self._settings.api_key_env}"
            case 404:
                return (
                    f"{what}. Check {SETTINGS}.base_url (it usually ends in /v1) and {SETTINGS}.model; a server "
                    f"without this API may have {SETTINGS}.api={self._other_api}"
                )
            case 429:
                return f"{what}, {tries}. Wait, check the account's limits, or lower {SETTINGS}.concurrency"
            case _ if status >= 500:
                return f"{what}, {tries}. See the server's log"
        return (
            f"{what}. Check {SETTINGS}.model and .api; the model may return no log-probs, or its context may be "
            "shorter than preferences.judge.max_tokens"
        )

    def _quote(self, said: object) -> str:
        """What a server said, on one line and without the key, which servers may repeat."""
        text = str(said).replace(self._key, "***") if self._key else str(said)
        return repr(" ".join(text.split())[:200])
