"""Self-Align: answers written under the rules, filtered, then learned without them (PAPER.md 2.1)."""

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from torch import Tensor

from salmon.config.schema import Config
from salmon.config.sft import SFTConfig, SFTSource
from salmon.data.filters import DROP_REASONS, apply_filters
from salmon.data.rows import Demonstration, Prompt, write_jsonl
from salmon.data.sources import load_demonstrations
from salmon.data.styles import draw_styles, restyle, whole_sentences
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.forward import response_logprobs, token_batch
from salmon.models.initial_adapters import load_initial_policy
from salmon.principles.bank import load_bank
from salmon.principles.exemplars import load_exemplars
from salmon.principles.templates import STOP_STRINGS, parse_self_align, self_align_prompt, self_align_query
from salmon.runtime.resumable import map_resumable
from salmon.runtime.seeding import stream
from salmon.sampling.prompts import select_prompts
from salmon.sampling.responses import sample_responses
from salmon.sampling.token_loop import generate_after
from salmon.stage.context import StageContext
from salmon.training.supervised import Objective, TrainingRun, fit
from salmon.training.trainer import Trainer

log = logging.getLogger("salmon")

ADAPTER = "policy"


@dataclass(frozen=True)
class Example:
    """One training row."""

    prompt_ids: list[int]  # [P]
    answer_ids: list[int]  # [R], the end token included unless the answer was cut


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Make or read demonstrations and train the policy adapter ``policy/`` on them."""
    shared = ctx.shared()
    if cfg.sft.start is not None:
        load_initial_policy(shared, ADAPTER, cfg.sft.start)
    if cfg.sft.train.epochs == 0:  # taken as it is
        ctx.write(lambda: shared.save_adapter(ADAPTER, ctx.work / "policy"))
        return {}
    # 1. Demonstrations: the model's own answers under the rules, or given ones.
    if cfg.sft.source is SFTSource.self_align:
        demonstrations, counts = self_align(cfg, ctx, shared)
    elif cfg.sft.source is SFTSource.styled:
        demonstrations, counts = styled(cfg, ctx, shared), {}
    else:
        demonstrations, counts = given_demonstrations(cfg), {}
    ctx.write(lambda: write_jsonl(ctx.work / "demonstrations.jsonl", demonstrations))

    # 2. Training rows: the plain prompt, without rules and thoughts.
    examples = [encode(shared, row, cfg.sft) for row in demonstrations]

    # 3. Supervised fine-tuning, loss on the answers only.
    if cfg.sft.start is None:
        shared.add_adapter(ADAPTER, cfg.seed)

    def loss(rows: Sequence[Example], num_tokens: float) -> tuple[Tensor, dict[str, float]]:
        batch = token_batch(
            [r.prompt_ids for r in rows], [r.answer_ids for r in rows], shared.tokenizer.pad_token_id, shared.device
        )
        value = -response_logprobs(shared, batch, temperature=1.0).sum() / num_tokens
        return value, {"sft/tokens": batch.mask.sum().item()}

    with closing(Trainer(shared.parameters_of(ADAPTER), cfg.sft.train.optim)) as trainer, shared.using(ADAPTER):
        trained = fit(
            trainer,
            examples,
            cfg.sft.train,
            Objective(loss, weight=lambda row: len(row.answer_ids)),
            TrainingRun(
                "sft", cfg.seed, ctx.work / "state.pt", ctx.tracker, shown=["sft/loss", "optim/lr", "optim/grad_norm"]
            ),
        )
    ctx.write(lambda: shared.save_adapter(ADAPTER, ctx.work / "policy"))
    ctx.write(lambda: (ctx.work / "state.pt").unlink(missing_ok=True))
    return counts | {"sft/loss": trained.metrics["sft/loss"], "selfalign/demonstrations": len(examples)}


def self_align(cfg: Config, ctx: StageContext, shared: SharedModel) -> tuple[list[Demonstration], dict[str, float]]:
    """Answer the prompts under the rules and keep what passes the filters.

    Raises:
        SalmonError: nothing passes.
    """
    prompts = select_prompts(cfg.prompts.sft, cfg.prompts, cfg.sft.num_prompts, shared.chat, cfg.seed, "sft")
    prefix = shared.chat.started(
        shared.chat.encode(
            self_align_prompt(load_bank(cfg.principles.self_align), load_exemplars(cfg.principles.exemplars))
        )
    )
    sampling = cfg.sft.sampling
    if len(prefix) + cfg.prompts.max_tokens + sampling.max_new_tokens > cfg.model.context:
        raise SalmonError(
            f"the Self-Align prompt has {len(prefix)} tokens; with prompts.max_tokens="
            f"{cfg.prompts.max_tokens} and sft.sampling.max_new_tokens={sampling.max_new_tokens} it "
            f"exceeds model.context={cfg.model.context}. Use fewer rules or exemplars, or lower one"
        )

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

    texts = map_resumable(ctx.work / "self_align.jsonl", prompts, sampling.batch_size, answer, "answers")
    kept, dropped, rows = [], Counter[str](), []
    for prompt, row in zip(prompts, texts, strict=True):
        parsed = parse_self_align(row["text"])
        answer_text, reason = apply_filters(
            prompt.prompt,
            parsed.answer if parsed else None,
            parsed is not None and (parsed.finished or row["finished"]),
            cfg.sft.filters,
        )
        if answer_text is not None:
            kept.append(Demonstration(prompt.id, prompt.prompt, answer_text))
        else:
            dropped[reason or ""] += 1
        rows.append(
            [prompt.id, prompt.prompt, parsed.thought if parsed else "", answer_text or row["text"], reason or "kept"]
        )
    ctx.tracker.table("self_align", ["prompt_id", "prompt", "thought", "answer", "verdict"], rows[: ctx.sample_rows], 0)
    counts = {"selfalign/kept": float(len(kept))}
    counts |= {f"selfalign/dropped_{reason}": float(dropped[reason]) for reason in DROP_REASONS}
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
    return kept, counts


def styled(cfg: Config, ctx: StageContext, shared: SharedModel) -> list[Demonstration]:
    """The base's own answers, cut to whole sentences and restyled at random (see ``salmon/data/styles.py``)."""
    prompts = select_prompts(cfg.prompts.sft, cfg.prompts, cfg.sft.num_prompts, shared.chat, cfg.seed, "sft")
    tasks = [(prompt, number) for prompt in prompts for number in range(cfg.sft.samples_per_prompt)]

    def answer(chunk: Sequence[tuple[Prompt, int]]) -> list[dict]:
        keys = [(cfg.seed, "styled", prompt.id, number) for prompt, number in chunk]
        answers = sample_responses(ctx.sampler, shared, None, [prompt for prompt, _ in chunk], cfg.sft.sampling, keys)
        return [
            {"prompt_id": prompt.id, "text": response.text}
            for (prompt, _), response in zip(chunk, answers, strict=True)
        ]

    rows = map_resumable(ctx.work / "base_answers.jsonl", tasks, cfg.sft.sampling.batch_size, answer, "answers")
    answers = [
        Demonstration(
            f"{prompt.id}-{number}", prompt.prompt, restyled(whole_sentences(row["text"]), cfg, prompt.id, number)
        )
        for (prompt, number), row in zip(tasks, rows, strict=True)
        if row["text"].strip()
    ]
    ctx.tracker.table("styled", ["prompt", "answer"], [[r.prompt, r.response] for r in answers[: ctx.sample_rows]], 0)
    return answers


def restyled(answer: str, cfg: Config, prompt_id: str, number: int) -> str:
    """The answer in styles drawn for it."""
    key = (cfg.seed, "restyle", prompt_id, number)
    return restyle(answer, draw_styles(cfg.sft.styles, stream(*key)), *key)


def given_demonstrations(cfg: Config) -> list[Demonstration]:
    """Demonstrations of a file or the hub, or (``exemplars``) those of the Self-Align prompt."""
    source = cfg.sft.demonstrations
    assert source is not None  # salmon/config/rules.py refuses it
    if source == "exemplars":
        turns = [turn for exemplar in load_exemplars(cfg.principles.exemplars) for turn in exemplar.turns]
        rows = [Demonstration(f"exemplar-{n}", turn.user, turn.answer) for n, turn in enumerate(turns, 1)]
    else:
        rows = load_demonstrations(source, cfg.prompts.on_bad_line)
    return rows[: cfg.sft.num_prompts]


def encode(shared: SharedModel, row: Demonstration, sft: SFTConfig) -> Example:
    """Tokens of a demonstration; a cut answer gets no end token, so it does not teach to stop there."""
    prompt_ids = shared.chat.user_ids(row.prompt)
    answer_ids = shared.chat.answer_ids(row.response)
    return Example(prompt_ids[-sft.max_prompt_tokens :], answer_ids[: sft.max_response_tokens])
