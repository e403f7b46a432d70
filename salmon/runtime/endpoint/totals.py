"""What an endpoint was asked, and what that cost."""

from dataclasses import dataclass

from salmon.runtime.endpoint.messages import Reply


@dataclass
class Totals:
    """Counts so far; tokens and cost are those of ``calls``, not of cached replies."""

    calls: int = 0  # that were answered
    cached: int = 0
    failed: int = 0  # called without an answer, or not called any more
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncounted: int = 0  # calls whose tokens the server did not tell
    price_prompt: float | None = None  # of a million tokens
    price_completion: float | None = None

    def add(self, reply: Reply) -> None:
        """Count one more reply."""
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
        """The counts in one line."""
        tokens = f"{self.prompt_tokens} + {self.completion_tokens} tokens"
        cost = "cost unknown" if self.cost is None else f"cost {self.cost:.2f}"
        return f"{self.calls} calls ({tokens}, {cost}), {self.cached} from the cache, {self.failed} failed"
