"""What each way of failing of an endpoint means for the user, and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from salmon.config.endpoint import EndpointSettings

UNUSABLE = 0  # key of the advice about replies that came but cannot be used; the others are HTTP's


@dataclass(frozen=True)
class FailureTexts:
    """Explains failures of one endpoint; no text holds its key."""

    settings: EndpointSettings
    prefix: str  # where the settings stand in the config
    key: str  # the secret one
    advice: Mapping[int, str] = field(default_factory=dict)  # more to do, by HTTP status or ``UNUSABLE``

    def of_error(self, error: Exception) -> str:
        """Why there is no reply, from an error of the ``openai`` package."""
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        prefix, tries = self.prefix, f"after {self.settings.max_retries} retries"
        if isinstance(error, APITimeoutError):
            limit = f"{self.settings.timeout_s:g} s"
            return f"no answer in {limit} {tries}. Raise {prefix}.timeout_s or lower {prefix}.concurrent_calls"
        if isinstance(error, APIConnectionError):
            cause = f" ({error.__cause__})" if error.__cause__ else ""
            return f"no connection{cause} {tries}. Does the server run? Check {prefix}.base_url"
        if isinstance(error, APIStatusError):
            return self._of_status(error.status_code, error.body, error.response.text, tries)
        return self.quote(error)

    def of_reply(self, reason: str, text: str) -> str:
        """Why a reply cannot be used: ``reason``, and the ``text`` that came."""
        advice = self.advice.get(UNUSABLE, f"Check {self.prefix}.base_url and {self.prefix}.model")
        return f"{reason}: {self.quote(text)}. {advice}"

    def of_text(self, text: str) -> str:
        """Why what came is no reply at all."""
        return f"the reply is not JSON: {self.quote(text)}. Check {self.prefix}.base_url"

    def quote(self, said: object) -> str:
        """What a server said, on one line and without the key, which servers may repeat."""
        text = str(said).replace(self.key, "***") if self.key else str(said)
        return repr(" ".join(text.split())[:200])

    def _of_status(self, status: int, body: object, text: str, tries: str) -> str:
        said = body.get("message") if isinstance(body, dict) else None
        what, prefix = f"HTTP {status}: {self.quote(said or text)}", self.prefix
        more = f"; {self.advice[status]}" if status in self.advice else ""
        match status:
            case 401 | 403:
                return f"{what}. Check the key in the environment variable {self.settings.api_key_env}{more}"
            case 404:
                return f"{what}. Check {prefix}.base_url (it usually ends in /v1) and {prefix}.model{more}"
            case 429:
                return (
                    f"{what}, {tries}. Wait, check the account's limits, or lower {prefix}.concurrent_calls or "
                    f"{prefix}.calls_per_minute{more}"
                )
            case _ if status >= 500:
                return f"{what}, {tries}. See the server's log{more}"
        return f"{what}. Check {prefix}.model{more}"
