"""Self-Align (PAPER.md 2.1): the base answers prompts under written rules; answers that pass the filters are kept."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from salmon.config.schema import Config
from salmon.config.sft import FilterSettings
from salmon.data.filters import DROP_REASONS, apply_filters
from salmon.data.rows import Demonstration, Prompt
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.principles.bank import load_bank
from salmon.principles.exemplars import load_exemplars
from salmon.principles.templates import STOP_STRINGS, parse_self_align, self_align_prompt, self_align_query
from salmon.runtime.resumable import map_resumable
from salmon.sampling.prompts import Wanted, select_prompts
from salmon.sampling.token_loop import generate_after
from salmon.stage.context import StageContext

log = logging.getLogger("salmon")


@dataclass(frozen=True)
class FilteredAnswer:
    """What became of the base's text for one prompt."""

    prompt: Prompt
    thought: str  # which rules the base thinks apply; "" if it gave none
    answer: str | None  # None: dropped
    text: str  # what the base wrote
    drop_reason: str | None  # one of ``DROP_REASONS``; None: kept


def self_align_demonstrations(
    cfg: Config, ctx: StageContext, shared: SharedModel
) -> tuple[list[Demonstration], dict[str, float]]:
    """Answer the prompts under the rules and keep what passes the filters.

    Returns:
        The demonstrations, and how many answers were kept, and dropped by each filter.

    Raises:
        SalmonError: nothing passes, or the rules leave no room for prompt and answer in the model's context.
    """
    wanted = Wanted("sft", cfg.sft.num_prompts)
    prompts = select_prompts(cfg.prompts.sft, cfg.prompts, wanted, shared.chat, cfg.seed).training
    texts = _generate(cfg, ctx, shared, prompts)
    answers = [filtered(prompt, row, cfg.sft.filters) for prompt, row in zip(prompts, texts, strict=True)]
    ctx.tracker.table(
        "self_align",
        ["prompt_id", "prompt", "thought", "answer", "verdict"],
        [
            [a.prompt.id, a.prompt.prompt, a.thought, a.answer or a.text, a.drop_reason or "kept"]
            for a in answers[: ctx.sample_rows]
        ],
        0,
    )
    kept = [Demonstration(a.prompt.id, a.prompt.prompt, a.answer) for a in answers if a.answer is not None]
    dropped = Counter(a.drop_reason or "" for a in answers if a.answer is None)
    log.info(
        "self-align: kept %d of %d answers; dropped: %s",
        len(kept),
        len(prompts),
        ", ".join(f"{n} {reason}" for reason, n in dropped.most_common()) or "none",
    )
    if not kept:
        raise SalmonError(
            f"no Self-Align answer passed the filters ({dict(dropped)}): {ctx.work}/self_align.jsonl. "
            "Raise sft.sampling.max_new_tokens or sft.num_prompts, relax sft.filters, or train on given "
            "answers with sft=demonstrations"
        )
    counts = {"selfalign/kept": float(len(kept))}
    return kept, counts | {f"selfalign/dropped_{reason}": float(dropped[reason]) for reason in DROP_REASONS}


def filtered(prompt: Prompt, row: dict, settings: FilterSettings) -> FilteredAnswer:
    """Take the answer out of the base's text, and filter it.

    Args:
        prompt: what was asked.
        row: ``text``, and whether the base ended it itself (``finished``).
        settings: of the filters.
    """
    parsed = parse_self_align(row["text"])
    answer, reason = apply_filters(
        prompt.prompt,
        parsed.answer if parsed else None,
        parsed is not None and (parsed.finished or row["finished"]),
        settings,
    )
    return FilteredAnswer(prompt, parsed.thought if parsed else "", answer, row["text"], reason)


def self_align_prefix(cfg: Config, shared: SharedModel) -> list[int]:
    """Tokens of the rules and exemplars that every prompt follows.

    Raises:
        SalmonError: they leave no room for prompt and answer in the model's context.
    """
    sampling = cfg.sft.sampling
    rules, exemplars = load_bank(cfg.principles.self_align), load_exemplars(cfg.principles.exemplars)
    prefix = shared.chat.with_start_token(shared.chat.encode(self_align_prompt(rules, exemplars)))
    if len(prefix) + cfg.prompts.max_tokens + sampling.max_new_tokens > cfg.model.context:
        raise SalmonError(
            f"the Self-Align prompt has {len(prefix)} tokens; with prompts.max_tokens="
            f"{cfg.prompts.max_tokens} and sft.sampling.max_new_tokens={sampling.max_new_tokens} it "
            f"exceeds model.context={cfg.model.context}. Use fewer rules or exemplars, or lower one"
        )
    return prefix


def _generate(cfg: Config, ctx: StageContext, shared: SharedModel, prompts: Sequence[Prompt]) -> list[dict]:
    """What the base writes after rules, exemplars and each prompt; an interrupted run goes on with the file."""
    sampling, prefix = cfg.sft.sampling, self_align_prefix(cfg, shared)

    def answer(chunk: Sequence[Prompt]) -> list[dict]:
        queries = [shared.chat.encode(self_align_query(prompt.prompt)) for prompt in chunk]
        with shared.using(None):
            written = generate_after(
                shared,
                prefix,
                queries,
                [(cfg.seed, "self-align", prompt.id) for prompt in chunk],
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                max_new_tokens=sampling.max_new_tokens,
                stop_strings=STOP_STRINGS,
            )
        return [
            {"prompt_id": p.id, "text": shared.chat.decode(g.ids), "finished": g.finished}
            for p, g in zip(chunk, written, strict=True)
        ]

    return map_resumable(ctx.work / "self_align.jsonl", prompts, sampling.batch_size, answer, "answers")
