"""Rows in the formats in which people have them, as rows of ours.

A record is told by its keys:
- Self-Instruct: ``{instruction, instances: [{input, output}, ...]}``; the first instance is used.
- Alpaca: ``{instruction, input, output}``; the input, where there is one, follows the instruction after a blank line.
- ShareGPT: ``{conversations: [{from, value}, ...]}``, and ``{messages: [{role, content}, ...]}``. A prompt is the first
  turn of the user, a demonstration this turn and the answer to it; system turns and later turns are left out.
- Pairs: ``chosen`` and ``rejected`` are answers to ``prompt`` or to one of the above (the turns so far), or both are
  whole conversations, as turns or as transcripts of "Human:" and "Assistant:" (HH-RLHF).

Other records are returned as they are, so their faults are named by the check of our own rows.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from salmon.runtime.jsonl import Record

TURNS = ("conversations", "messages")  # keys that hold turns
FORMAT_KEYS = {"instruction", "input", "output", "instances", "prompt", "chosen", "rejected", *TURNS}
SPEAKERS = {
    **dict.fromkeys(("user", "human", "prompter"), "Human"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bot", "model"), "Assistant"),
    "system": "System",
}
Turn = tuple[str, str]  # speaker, text
ANSWER = "\n\nAssistant:"


def prompt_of(record: Record) -> Record:
    """A record as ``{prompt, id?}``.

    Raises:
        ValueError: it is in one of the formats, but broken.
    """
    if _is_instruction(record):
        return _with_id(record, prompt=_instruction(record)[0])
    for key in TURNS:
        if key in record:
            return _with_id(record, prompt=_first_exchange(record, key)[0])
    return record


def demonstration_of(record: Record) -> Record:
    """A record as ``{prompt, response, id?}``; raises as ``prompt_of``."""
    if _is_instruction(record):
        prompt, response = _instruction(record)
        return _with_id(record, prompt=prompt, response=response)
    for key in TURNS:
        if key in record:
            prompt, response = _first_exchange(record, key)
            return _with_id(record, prompt=prompt, response=response)
    return record


def pair_of(record: Record) -> Record:
    """A record as ``{prompt, chosen, rejected, id?}``; raises as ``prompt_of``.

    The prompt of two conversations is the dialogue up to the last assistant turn that both begin at the same place.
    Turns are compared whole, so an answer that is the beginning of the other one stays an answer (PAPER.md 3.2).
    """
    if not {"chosen", "rejected"} <= record.keys():
        return record
    chosen, rejected = (_as_text(record[key], key) for key in ("chosen", "rejected"))
    if isinstance(record.get("prompt"), str) and not isinstance(record["chosen"], list):
        return record | {"chosen": chosen, "rejected": rejected}
    if all(isinstance(record[key], list) for key in ("chosen", "rejected")):  # whole conversations, or answers only
        if not chosen.startswith(ANSWER):
            return _with_id(record, **_from_transcripts(chosen, rejected))
        chosen, rejected = (text.removeprefix(ANSWER).strip() for text in (chosen, rejected))
    if "instruction" in record:
        return _with_id(record, prompt=_instruction(record)[0], chosen=chosen, rejected=rejected)
    for key in ("prompt", *TURNS):
        if isinstance(record.get(key), list):
            prompt = _single(_as_text(record[key], key).strip())
            return _with_id(record, prompt=prompt, chosen=chosen, rejected=rejected)
    if "prompt" in record:
        return record
    return _with_id(record, **_from_transcripts(chosen, rejected))


def _from_transcripts(chosen: Any, rejected: Any) -> Record:
    if not (isinstance(chosen, str) and isinstance(rejected, str)):
        raise ValueError('"chosen" and "rejected" must be texts, or turns')
    parts = {key: ("\n\n" + text.strip()).split(ANSWER) for key, text in (("chosen", chosen), ("rejected", rejected))}
    for key, said in parts.items():
        if "\n\nHuman:" in said[-1]:
            raise ValueError(f'the transcript "{key}" ends in a turn of "Human:", so it has no answer to compare')
    one, two = parts["chosen"], parts["rejected"]
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, two, strict=False)))
    shared = min(shared, len(one) - 1, len(two) - 1)
    if shared < 1:
        raise ValueError('the transcripts do not share a beginning up to an "Assistant:" turn')
    answers = {key: ANSWER.join(said[shared:]).strip() for key, said in parts.items()}
    return {"prompt": _single(ANSWER.join(one[:shared]).strip()), **answers}


def _single(dialogue: str) -> str:
    """Without its "Human:" where that is all that stands before a single turn."""
    return dialogue if ANSWER in dialogue else dialogue.removeprefix("Human:").strip()


def _is_instruction(record: Record) -> bool:
    return "instances" in record or ("instruction" in record and bool({"input", "output"} & record.keys()))


def _instruction(record: Record) -> tuple[str, Any]:
    """Prompt and answer of a Self-Instruct task or an Alpaca row."""
    given = record
    if "instances" in record:
        match record["instances"]:
            case [{"input": str()} as first, *_] if isinstance(record.get("instruction"), str):
                given = first
            case _:
                shape = '{"instruction": text, "instances": [{"input": text, ...}, ...]}'
                raise ValueError(f'a row with "instances" must be like {shape}')
    instruction, context = record.get("instruction"), given.get("input") or ""
    if not (isinstance(instruction, str) and isinstance(context, str)):
        raise ValueError('"instruction" and "input" must be texts')
    return (f"{instruction}\n\n{context}" if context.strip() else instruction), given.get("output")


def _first_exchange(record: Record, key: str) -> tuple[str, str | None]:
    """The user's first turn and the answer to it; None where nobody answers."""
    turns = [turn for turn in _turns(record[key], key) if turn[0] != "System"]
    if not turns or turns[0][0] != "Human":
        raise ValueError(f'"{key}" must begin with a turn of the user')
    answered = len(turns) > 1 and turns[1][0] == "Assistant"
    return turns[0][1], turns[1][1] if answered else None


def _as_text(value: Any, key: str) -> Any:
    """An answer: a text, a turn, or turns as a transcript; anything else as it is."""
    if isinstance(value, dict):
        return _turns([value], key)[0][1]
    if isinstance(value, list):
        return "".join(f"\n\n{speaker}: {text}" for speaker, text in _turns(value, key) if speaker != "System")
    return value


def _turns(value: Any, key: str) -> list[Turn]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise ValueError(f'"{key}" must be a list of turns')
    return [_turn(turn, key) for turn in value]


def _turn(turn: Any, key: str) -> Turn:
    match turn:
        case {"from": str(speaker), "value": str(text)} | {"role": str(speaker), "content": str(text)}:
            if speaker.casefold() in SPEAKERS:
                return SPEAKERS[speaker.casefold()], text
            raise ValueError(f'"{key}": unknown speaker {speaker!r}; known are {", ".join(SPEAKERS)}')
    raise ValueError(f'a turn of "{key}" must be {{"from": ..., "value": text}} or {{"role": ..., "content": text}}')


def _with_id(record: Record, **fields: Any) -> Record:
    """Fields that are there, and the record's own id."""
    given = {"id": record["id"]} if "id" in record else {}
    return given | {name: value for name, value in fields.items() if value is not None}
