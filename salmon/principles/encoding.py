"""The reward model's input as tokens, cut where it does least harm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from salmon.errors import SalmonError
from salmon.principles.templates import reward_parts


@dataclass(frozen=True)
class EncodedRewardInput:
    ids: list[int]  # without padding
    cut_instruction: int  # tokens dropped from the instruction's start
    cut_response: int  # tokens dropped from the response's end


def encode_reward_input(
    response: str,
    instruction: str,
    guidelines: Sequence[str] | None,
    encode: Callable[[str], list[int]],
    max_length: int,
    max_instruction_tokens: int,
    max_response_tokens: int,
    setting: str = "reward.max_length",
    start: Sequence[int] = (),
) -> EncodedRewardInput:
    """Encode the parts of the template one by one and cut to fit.

    First the instruction is cut at its start and the response at its end, each to its own limit. What is
    then still too long for ``max_length`` is taken from the response's end until the response has half of
    the room that the fixed parts leave, and the rest from the instruction's start. Guidelines and
    closing line are never cut: the score is read there.

    Args:
        guidelines: texts [K]; ``None`` for the pre-training template.
        encode: text -> tokens, without special tokens.
        max_length: tokens of the whole input.
        setting: name of the setting behind ``max_length``, for the message.
        start: tokens that begin every sequence; they count towards ``max_length``.

    Raises:
        SalmonError: template and guidelines alone leave no room for a response.
    """
    parts = reward_parts(guidelines)
    before, between = [*start, *encode(parts.before_response)], encode(parts.between)
    after = encode(parts.after_instruction)
    room = max_length - len(before) - len(between) - len(after)
    if room < 1:
        raise SalmonError(
            f"{setting}={max_length} leaves no room for a response: the template and its guidelines alone "
            f"take {max_length - room} tokens. Raise {setting}, or show fewer or shorter principles."
        )
    asked, answered = encode(instruction), encode(response)
    question = asked[len(asked) - min(len(asked), max_instruction_tokens) :]
    answer = answered[:max_response_tokens]
    answer = answer[: max(room - len(question), (room + 1) // 2)]
    question = question[max(0, len(question) - (room - len(answer))) :]
    return EncodedRewardInput(
        ids=[*before, *answer, *between, *question, *after],
        cut_instruction=len(asked) - len(question),
        cut_response=len(answered) - len(answer),
    )
