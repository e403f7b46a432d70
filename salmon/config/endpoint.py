"""Settings of a model behind an OpenAI-compatible server; several judges have them."""

from dataclasses import dataclass

from omegaconf import MISSING

from salmon.config.setting import setting
from salmon.config.texts import variable_problem


@dataclass
class EndpointSettings:
    """Where the model is, how patiently it is asked, and what that costs (salmon/runtime/endpoint)."""

    model: str | None = MISSING  # its name at the server; null = none (a judge behind a server needs one)
    base_url: str | None = setting(url=True, null="OpenAI's own")  # address; usually ends in /v1
    api_key_env: str = setting(cosmetic=True, text=variable_problem)  # the environment variable with the key
    # Tries after the first of a call that fails by rate limit, server error or time-out; waits grow between them.
    max_retries: int = setting(cosmetic=True, at_least=0)
    timeout_s: float = setting(cosmetic=True, above=0, at_most=86_400)  # seconds until a call has failed
    concurrent_calls: int = setting(cosmetic=True, at_least=1)  # calls at the same time
    calls_per_minute: float | None = setting(cosmetic=True, at_least=1, null="as many as the server takes")
    price_prompt: float | None = setting(cosmetic=True, at_least=0, null="unknown")  # of a million prompt tokens
    price_completion: float | None = setting(cosmetic=True, at_least=0, null="unknown")  # of a million tokens written
