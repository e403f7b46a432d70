"""Supervised fine-tuning of the policy: the plain prompt, and the loss on the answer's tokens only."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from torch import Tensor

from salmon.config.sft import SFTConfig
from salmon.data.rows import Demonstration
from salmon.models.base import SharedModel
from salmon.models.chat import ChatFormat
from salmon.models.fitting import fit_conversation
from salmon.models.forward import response_logprobs, token_batch
from salmon.stage.context import StageContext
from salmon.training.supervised import Objective, TrainingRun, fit
from salmon.training.trainer import Trainer


@dataclass(frozen=True)
class SFTExample:
    """A demonstration as tokens."""

    prompt_ids: list[int]  # [P]
    answer_ids: list[int]  # [R], the end token included unless the answer was cut


def encode_demonstration(chat: ChatFormat, row: Demonstration, settings: SFTConfig) -> SFTExample:
    """Tokens of a demonstration; a long prompt loses the start of its text, a long answer its end and its end token.

    Raises:
        SalmonError: the chat template leaves no room for a prompt.
    """
    asked = [{"role": "user", "content": row.prompt}]
    prompt_ids, _ = fit_conversation(chat, asked, settings.max_prompt_tokens, "sft.max_prompt_tokens")
    return SFTExample(prompt_ids, chat.answer_ids(row.response, settings.max_response_tokens, row.finished))


def train_sft(
    ctx: StageContext,
    shared: SharedModel,
    adapter: str,
    examples: Sequence[SFTExample],
    settings: SFTConfig,
    seed: int,
) -> dict[str, float]:
    """Train an adapter on the examples; continues what an interrupted run did.

    Returns:
        The metrics of the last step.
    """
    checkpoint = ctx.state / "state.pt"

    def loss(rows: Sequence[SFTExample], num_tokens: int) -> tuple[Tensor, dict[str, float]]:
        batch = token_batch([r.prompt_ids for r in rows], [r.answer_ids for r in rows], shared.pad_id, shared.device)
        value = -response_logprobs(shared, batch, temperature=1.0).sum() / num_tokens
        return value, {"sft/tokens": batch.mask.sum().item()}

    objective = Objective(
        loss,
        denominator=lambda rows: sum(len(row.answer_ids) for row in rows),
        size=lambda row: len(row.prompt_ids) + len(row.answer_ids),
    )
    shown = ["sft/loss", "optim/lr", "optim/grad_norm"]
    run = TrainingRun("sft", seed, checkpoint, shared.tokens_at_once, ctx.tracker, shown)
    with closing(Trainer(shared.parameters_of(adapter), settings.train.optim)) as trainer, shared.using(adapter):
        trained = fit(trainer, examples, settings.train, objective, run)
    return trained.metrics
