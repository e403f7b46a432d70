"""The reward model's input as tokens, cut where it does least harm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os.path import commonprefix

from salmon.config.reward import RewardHead
from salmon.errors import SalmonError
from salmon.principles.templates import CLOSING, GUIDELINES_OPENING, NO, YES, reward_parts

Encode = Callable[[str], list[int]]  # text -> tokens, without special tokens


@dataclass(frozen=True)
class EncodedRewardInput:
    ids: list[int]  # without padding
    cut_instruction: int  # tokens dropped from the instruction's start
    cut_response: int  # tokens dropped from the response's end
    before_guidelines: int  # tokens at the start that do not depend on the words of the guidelines


def encode_reward_input(
    response: str,
    instruction: str,
    guidelines: Sequence[str] | None,
    encode: Encode,
    max_length: int,
    max_instruction_tokens: int,
    max_response_tokens: int,
    head: RewardHead,
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
        max_length: tokens of the whole input.
        head: decides the closing line.
        setting: name of the setting behind ``max_length``, for the message.
        start: tokens that begin every sequence; they count towards ``max_length``.

    Raises:
        SalmonError: template and guidelines alone leave no room for a response, or the tokenizer cannot tell the
            answers to the closing question apart.
    """
    parts = reward_parts(guidelines, head)
    before, between = [*start, *encode(parts.before_response)], encode(parts.between)
    after = encode(parts.after_instruction) + (yes_no_tokens(encode).shared if head is RewardHead.yes_no else [])
    opening = len(commonprefix([encode(GUIDELINES_OPENING), after[:-1]]))
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
        before_guidelines=len(before) + len(answer) + len(between) + len(question) + opening,
    )


@dataclass(frozen=True)
class YesNoTokens:
    """How a tokenizer writes the answers to the closing question."""

    shared: list[int]  # that both begin with, often none: the input ends with them
    yes: int  # the first token in which they differ
    no: int


def yes_no_tokens(encode: Encode) -> YesNoTokens:
    """The tokens of both answers, as they come behind the question.

    Raises:
        SalmonError: the tokenizer joins an answer with the question, or writes both with the same tokens.
    """
    question = CLOSING[RewardHead.yes_no].rpartition("\n")[2]
    asked, (yes, no) = encode(question), (encode(question + answer) for answer in (YES, NO))
    shared = commonprefix([yes, no])
    if len(shared) < len(asked) or asked != shared[: len(asked)] or len(shared) == min(len(yes), len(no)):
        raise SalmonError(
            f"reward.head=yes_no: the tokenizer has no tokens of their own for {YES!r} and {NO!r} after {question!r} "
            f"({yes} and {no}): set reward.head=scalar"
        )
    return YesNoTokens(yes[len(asked) : len(shared)], yes[len(shared)], no[len(shared)])
