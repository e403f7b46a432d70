"""What every policy is measured on: PPO prompts that no training sees (PPO, DPO and best-of-n alike)."""

from collections.abc import Sequence

from salmon.config.ppo import PPOConfig
from salmon.config.schema import Config
from salmon.data.rows import Prompt
from salmon.models.base import SharedModel
from salmon.models.chat import ChatFormat
from salmon.models.forward import token_batch
from salmon.ppo.models import POLICY, REFERENCE
from salmon.ppo.monitor import check_metrics
from salmon.ppo.rollout import policy_logprobs
from salmon.principles.bank import Bank
from salmon.sampling.prompts import select_prompts
from salmon.sampling.responses import Response


def split_prompts(cfg: Config, chat: ChatFormat) -> tuple[list[Prompt], list[Prompt]]:
    """PPO's training prompts, and those kept out of training."""
    prompts = select_prompts(cfg.prompts.ppo, cfg.prompts, cfg.ppo.num_prompts, chat, cfg.seed, "ppo")
    return prompts[cfg.ppo.held_out_prompts :], prompts[: cfg.ppo.held_out_prompts]


def held_out_keys(seed: int, prompts: Sequence[Prompt]) -> list[tuple]:
    """Random streams of the held-out prompts: the same draws at every step and in every stage."""
    return [(seed, "held out", prompt.id) for prompt in prompts]


def held_out_kl(shared: SharedModel, responses: Sequence[Response], ppo: PPOConfig) -> float:
    """KL in nats a response of the policy, which sampled the responses, from the reference."""
    batch = token_batch(
        [r.prompt_ids for r in responses], [r.ids for r in responses], shared.tokenizer.pad_token_id, shared.device
    )
    logprobs, reference = (policy_logprobs(shared, batch, role, ppo) for role in (POLICY, REFERENCE))
    return (logprobs - reference).sum(-1).mean().item()


def held_out_metrics(
    shared: SharedModel, monitor: Bank | None, prompts: Sequence[Prompt], responses: Sequence[Response], ppo: PPOConfig
) -> dict[str, float]:
    """Length, KL from the reference, and the monitored checks of the policy's responses."""
    lengths = [len(response.ids) for response in responses]
    return {
        "held_out/length": sum(lengths) / len(lengths),
        "held_out/kl": held_out_kl(shared, responses, ppo),
        **check_metrics(monitor, prompts, [response.text for response in responses], "held_out/"),
    }
