"""A reward without a reward model: the judge is asked of each response whether it follows each principle."""

from collections.abc import Sequence

import torch
from torch import Tensor

from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.chat import ChatFormat
from salmon.models.packing.forward import next_token_logits
from salmon.preferences.judges.prompts import judge_prompt_ids, option_token_ids
from salmon.principles.bank import Principle
from salmon.principles.templates import follow_request


@torch.no_grad()
def follow_scores(
    shared: SharedModel,
    adapter: str | None,
    prompts: Sequence[str],
    responses: Sequence[str],
    principles: Sequence[Sequence[Principle]],
    max_tokens: int,
) -> Tensor:
    """Scores [B]: for each response the mean, over its principles, of the log-odds of "yes" against "no".

    ``adapter`` judges (None: the base). Long responses are cut at their ends, long prompts at their starts.

    Raises:
        SalmonError: a response has no principles, or they leave no room for it in ``max_tokens``.
    """
    chat = shared.chat
    candidates = option_token_ids(chat, follow_request("", "", ""))
    scores = []
    with shared.using(adapter):
        for prompt, response, shown in zip(prompts, responses, principles, strict=True):
            if not shown:
                raise SalmonError(
                    "ppo.reward_source=judge asks whether a response follows its principles, and there "
                    "are none: give principles.rl and ppo.principles.per_prompt of at least 1"
                )
            fitted = fit_response(chat, prompt, response, shown, max_tokens)
            requests = [judge_prompt_ids(chat, follow_request(*fitted, principle.definition)) for principle in shown]
            logits = next_token_logits(shared, requests, candidates)  # [K, 2]
            scores.append((logits[:, 0] - logits[:, 1]).mean())
    return torch.stack(scores) if scores else torch.empty(0)


def fit_response(
    chat: ChatFormat, prompt: str, response: str, principles: Sequence[Principle], max_tokens: int
) -> tuple[str, str]:
    """Shorten both texts so that the longest request fits: the prompt to a quarter of the room at its start, then the
    response at its end. The question is never cut."""
    frame = max(len(judge_prompt_ids(chat, follow_request("", "", p.definition))) for p in principles)
    room = max_tokens - frame
    if room < 16:
        raise SalmonError(f"reward.max_length={max_tokens}: the judge's own text takes {frame} tokens; raise it")
    asked, answer = chat.encode(prompt), chat.encode(response)
    if len(asked) + len(answer) <= room:
        return prompt, response
    asked = asked[-max(room // 4, room - len(answer)) :]
    return chat.decode(asked).lstrip("\ufffd"), chat.decode(answer[: room - len(asked)]).rstrip("\ufffd")
