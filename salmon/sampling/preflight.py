"""What sampling asks of the base, tried before the job's first stage."""

from salmon.config.data import PromptsConfig
from salmon.config.sampling import RolloutBackend, RolloutConfig, SamplingSettings
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.capabilities import Needs, problems_of
from salmon.models.chat import ChatFormat
from salmon.models.dequantized import why_not_dequantized
from salmon.models.library_errors import refusing
from salmon.sampling.sampler import no_room_dequantized
from salmon.sampling.token_loop import generate


def require_room(shared: SharedModel, prompts: PromptsConfig, sampling: SamplingSettings, stage: str) -> None:
    """Refuse lengths that a model with learned positions fails on, and others were not made for.

    Args:
        prompts: with the longest prompt that is used.
        sampling: of the stage's answers.
        stage: below which the settings of sampling are.

    Raises:
        SalmonError: they do not fit.
    """
    frame = len(shared.chat.user_ids("a")) - len(shared.chat.encode("a"))
    if frame + prompts.max_tokens + sampling.max_new_tokens > shared.context:
        raise SalmonError(
            f"{stage}: prompts.max_tokens={prompts.max_tokens}, {stage}.sampling.max_new_tokens="
            f"{sampling.max_new_tokens} and {frame} tokens of chat template and system prompt exceed "
            f"model.context={shared.context}: raise it, or lower one"
        )


def require_sampler(shared: SharedModel, rollout: RolloutConfig) -> None:
    """Refuse a base whose answers the sampler cannot draw, or not stop, or not from the copy that it must make.

    Raises:
        SalmonError: it cannot.
    """
    if rollout.backend is RolloutBackend.vllm:
        require_one_end(shared.chat)
        return
    if rollout.dequantize is True and (reason := why_not_dequantized(shared)) is not None:
        raise no_room_dequantized(reason)
    require_answers(shared)


def require_answers(shared: SharedModel) -> None:
    """Refuse a base whose answers transformers cannot draw from its weights as they are.

    Raises:
        SalmonError: it cannot.
    """
    if problems := problems_of(shared, Needs(sampling=True)):
        raise SalmonError(problems[0])
    prompts = [shared.chat.user_ids(text) for text in ("Why?", "Hi")]
    with refusing(f"model.path={shared.path}: sampling fails"):
        generate(shared, prompts, [(0,), (1,)], temperature=1.0, top_p=1.0, max_new_tokens=2, batch_size=2)


def require_one_end(chat: ChatFormat) -> None:
    """Refuse answers that end with several tokens: vLLM stops at single ones.

    Raises:
        SalmonError: the chat template closes answers so.
    """
    if chat.closing.spelled:
        raise SalmonError(
            f"rollout=vllm stops at single tokens, and the chat template closes answers with {chat.closing.spelled!r}, "
            "which is none: use rollout=hf"
        )
