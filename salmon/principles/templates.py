"""Every prompt text: Self-Align, the judge, the reward model. Text only; tokens are made elsewhere.

Self-Align is a raw completion (PAPER.md 2.1): numbered rules, worked conversations, then the query, which
stops inside the opening of a thought so that the model goes on with the rules that apply::

    ## Conversation
    User: ...
    Thought: Rules 3 (helpful) and 7 (candor) apply, because ...
    Answer: ...
    <<end>>
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from salmon.config.reward import RewardHead
from salmon.errors import SalmonError
from salmon.principles.bank import Bank
from salmon.principles.exemplars import THOUGHT_OPENING, Exemplar, Turn

# --- Self-Align --------------------------------------------------------------------------------

CONVERSATION = "## Conversation"
END_MARKER = "<<end>>"  # closes every answer; three tokens in most vocabularies, and no Markdown
STOP_STRINGS = (END_MARKER, f"\n{CONVERSATION}", "\nUser:")  # what generation may stop at

_INTRODUCTION = "An assistant first thinks about which of these rules apply, then answers by them."
_ANSWER = re.compile(r"^[ \t]*Answer:[ \t]*", re.MULTILINE)
_NEXT_TURN = re.compile(rf"{END_MARKER}|^(?:{CONVERSATION}|User:|Thought:)", re.MULTILINE)


@dataclass(frozen=True)
class SelfAlignAnswer:
    thought: str  # with its opening, "Rules 3 (helpful) ..."; empty if the model gave none
    answer: str
    finished: bool  # the model closed the answer itself


def self_align_prompt(rules: Bank, exemplars: Sequence[Exemplar]) -> str:
    """The long part that all Self-Align prompts share; ``self_align_query`` goes right after it.

    Raises:
        SalmonError: a thought cites a rule that is not in the bank under its number and name, or an exemplar
            contains a line that the format reserves.
    """
    _check_exemplars(rules, exemplars)
    numbered = enumerate(rules.principles, 1)
    listed = "\n".join(f"{number}. {rule.name}: {rule.definition}" for number, rule in numbered)
    conversations = ["\n".join([CONVERSATION, *map(_turn, exemplar.turns)]) for exemplar in exemplars]
    return "\n\n".join([f"{_INTRODUCTION}\n{listed}", *conversations])


def self_align_query(instruction: str) -> str:
    """What follows the shared part, up to where the model continues with the rules that apply.

    It begins with the blank line, so that (with the default model's tokenizer) the tokens of both parts,
    encoded one by one, are those of the whole text.
    """
    return f"\n\n{CONVERSATION}\nUser: {instruction.strip()}\nThought: {THOUGHT_OPENING}"


def parse_self_align(text: str) -> SelfAlignAnswer | None:
    """Read the model's continuation of a query.

    The answer is clearly there if, and only if, a line starts with ``Answer:`` before anything closes the
    turn. Then a missing thought is tolerated (``thought`` is empty), and an empty answer is returned as such.
    Without that line nobody can say where the thought ends, and the result is ``None``.

    The answer ends at the end marker, wherever it stands, or where the model starts another turn by itself
    (a line with ``User:``, ``Thought:`` or the conversation heading); both count as finished. A second
    ``Answer:`` line belongs to the answer, as in the last line of a calculation.
    """
    opening, closing = _ANSWER.search(text), _NEXT_TURN.search(text)
    if opening is None or (closing is not None and closing.start() < opening.start()):
        return None
    thought = text[: opening.start()].rstrip()
    thought = THOUGHT_OPENING + thought if re.search(r"\w", thought) else ""
    end = _NEXT_TURN.search(text, opening.end())
    answer = text[opening.end() : end.start() if end else None].strip()
    return SelfAlignAnswer(thought, answer, finished=end is not None)


def _turn(turn: Turn) -> str:
    return f"User: {turn.user}\nThought: {turn.thought}\nAnswer: {turn.answer}\n{END_MARKER}"


def _check_exemplars(rules: Bank, exemplars: Sequence[Exemplar]) -> None:
    known = set(enumerate(rules.names, 1))
    turns = [(number, turn) for number, exemplar in enumerate(exemplars, 1) for turn in exemplar.turns]
    for number, turn in turns:
        wrong = [f"{rule} ({name})" for rule, name in turn.rules if (rule, name) not in known]
        if wrong:
            raise SalmonError(
                f"exemplar {number} cites rule {', '.join(wrong)}, which the bank {rules.name} does not have "
                "under this number and name. Give exemplars made for these rules (principles.exemplars)."
            )
        if any(_NEXT_TURN.search(text) for text in (turn.user, turn.thought, turn.answer)):
            raise SalmonError(
                f'exemplar {number} contains "{END_MARKER}" or a line that starts like a turn of the prompt '
                f'("{CONVERSATION}", "User:", "Thought:"). Word it differently.'
            )


# --- the judge ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class JudgeRequest:
    user: str  # the user turn
    reply_prefix: str  # how the assistant's reply is made to begin; the next token is "a" or "b"


def judge_request(instruction: str, response_a: str, response_b: str, guideline: str) -> JudgeRequest:
    """Ask which of two responses follows one guideline better.

    The pair comes first and the guideline last, so all guidelines of a pair share a prefix of tokens.
    """
    user = (
        "Compare two responses to an instruction by one guideline.\n\n"
        f"Instruction: {instruction}\n\n"
        f"Response (a): {response_a}\n\n"
        f"Response (b): {response_b}\n\n"
        f"Guideline: {guideline}\n"
        "Which response follows this guideline better, (a) or (b)?"
    )
    return JudgeRequest(user, "The better response is (")


def follow_request(instruction: str, response: str, guideline: str) -> JudgeRequest:
    """Ask of one response whether it follows a guideline: "a" is yes, "b" is no.

    The guideline comes last here too, so all guidelines of a response share a prefix of tokens.
    """
    user = (
        "Judge a response to an instruction by one guideline.\n\n"
        f"Instruction: {instruction}\n\n"
        f"Response: {response}\n\n"
        f"Guideline: {guideline}\n"
        "Does the response follow this guideline? (a) yes, (b) no"
    )
    return JudgeRequest(user, "The answer is (")


# --- the reward model --------------------------------------------------------------------------

# Stands where the guidelines stand while no principles are in play (preference pre-training).
GENERIC_CRITERIA = (
    "The response should do what the instruction asks for, correctly and completely.",
    "The response should be clear, honest and harmless.",
)


@dataclass(frozen=True)
class RewardParts:
    """The fixed texts around a response and its instruction; the score is read at the last token."""

    before_response: str
    between: str
    after_instruction: str


# What comes behind the instruction, whatever the guidelines are.
GUIDELINES_OPENING = "\n\nGuidelines:\n- "

# What closes the reward model's input, and, for the question, how the two answers to it begin.
CLOSING = {
    RewardHead.scalar: "Quality:",
    RewardHead.yes_no: "Does the response follow every guideline?\nAnswer:",
}
YES, NO = " Yes", " No"


def reward_parts(guidelines: Sequence[str] | None, head: RewardHead) -> RewardParts:
    """The reward template, in the order response, instruction, guidelines, closing line (PAPER.md 2.4).

    Args:
        guidelines: texts [K]; ``None`` for the pre-training template.
        head: decides the closing line.

    Raises:
        ValueError: no guidelines at all.
    """
    if guidelines is not None and not guidelines:
        raise ValueError("at least one guideline is needed; None means the pre-training template")
    listed = "\n- ".join(GENERIC_CRITERIA if guidelines is None else guidelines)
    return RewardParts(
        before_response="Response:\n",
        between="\n\nInstruction:\n",
        after_instruction=f"{GUIDELINES_OPENING}{listed}\n\n{CLOSING[head]}",
    )
