"""``ppo.reward_source=judge``: the SFT policy is asked of each response whether it follows each principle.

An ablation: there is no reward model in the reward. The value model still starts from one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from salmon.config.schema import Config
from salmon.data.rows import Prompt
from salmon.distributed.world import world
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.chat import ChatFormat
from salmon.models.packing.forward import next_token_logits
from salmon.ppo.models import REFERENCE, PPOModels
from salmon.preferences.judges.prompts import judge_prompt_ids, option_token_ids
from salmon.principles.bank import Principle
from salmon.principles.templates import follow_request
from salmon.sampling.responses import Response


@dataclass(frozen=True)
class JudgeReward:
    """The judge's scores; see ``RewardFunction``."""

    shared: SharedModel
    adapter: str  # the model that judges
    max_tokens: int  # of a request to the judge

    def __call__(
        self, prompts: Sequence[Prompt], responses: Sequence[Response], principles: Sequence[tuple[Principle, ...]]
    ) -> Float[Tensor, " B"]:
        """
        Raises:
            SalmonError: see ``follow_scores``.
        """
        scores, rows = torch.zeros(len(prompts), device=self.shared.device), list(world().shard(range(len(prompts))))
        own_scores = follow_scores(
            self.shared,
            self.adapter,
            [prompts[i].prompt for i in rows],
            [responses[i].text for i in rows],
            [principles[i] for i in rows],
            self.max_tokens,
        )
        for places, (part,) in world().all_gather_rows([(rows, (own_scores,))]):
            scores[places] = part.to(scores)
        return scores


def make_reward(cfg: Config, models: PPOModels) -> JudgeReward:
    """The reward as the config describes it; the reference, which is the SFT policy, judges."""
    return JudgeReward(models.shared, REFERENCE, cfg.ppo.reward_input.max_length)


@torch.no_grad()
def follow_scores(
    shared: SharedModel,
    adapter: str | None,
    prompts: Sequence[str],
    responses: Sequence[str],
    principles: Sequence[Sequence[Principle]],
    max_tokens: int,
) -> Float[Tensor, " B"]:
    """For each response the mean, over its principles, of the log-odds of "yes" against "no".

    Args:
        shared: the model.
        adapter: who judges; None: the base.
        prompts: texts; a long one is cut at its start.
        responses: texts; a long one is cut at its end.
        principles: those that each response is judged by.
        max_tokens: limit of a request to the judge.

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
    """Shorten prompt and response so that the longest request fits; the question to the judge is never cut.

    The prompt loses its start, down to a quarter of the room; then the response loses its end.

    Raises:
        SalmonError: the judge's own text leaves less than 16 tokens.
    """
    frame = max(len(judge_prompt_ids(chat, follow_request("", "", p.definition))) for p in principles)
    room = max_tokens - frame
    if room < 16:
        raise SalmonError(
            f"ppo.reward_input.max_length={max_tokens}: the judge's own text takes {frame} tokens; raise it"
        )
    asked, answer = chat.encode(prompt), chat.encode(response)
    if len(asked) + len(answer) <= room:
        return prompt, response
    asked = asked[-max(room // 4, room - len(answer)) :]
    return chat.decode(asked).lstrip("\ufffd"), chat.decode(answer[: room - len(asked)]).rstrip("\ufffd")
