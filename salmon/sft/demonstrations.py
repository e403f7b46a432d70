"""What the policy is trained on: answers of the base under rules, answers in random styles, or given ones."""

from collections.abc import Sequence

from salmon.config.schema import Config
from salmon.config.sft import SFTSource
from salmon.data.rows import Demonstration, Prompt
from salmon.data.sources import load_demonstrations
from salmon.data.split import training_rows
from salmon.data.styles import draw_styles, has_whole_sentence, restyle, whole_sentences
from salmon.models.base import SharedModel
from salmon.principles.exemplars import load_exemplars
from salmon.runtime.resumable import map_resumable
from salmon.runtime.seeding import stream
from salmon.sampling.prompts import Wanted, select_prompts
from salmon.sampling.responses import sample_responses
from salmon.sft.self_align import self_align_demonstrations
from salmon.stage.context import StageContext


def make_demonstrations(
    cfg: Config, ctx: StageContext, shared: SharedModel
) -> tuple[list[Demonstration], dict[str, float]]:
    """Make or read the demonstrations of ``sft.source``.

    Returns:
        The demonstrations, and what is counted in making them.

    Raises:
        SalmonError: the source cannot be read, or gives none.
    """
    match cfg.sft.source:
        case SFTSource.self_align:
            return self_align_demonstrations(cfg, ctx, shared)
        case SFTSource.styled:
            return styled_demonstrations(cfg, ctx, shared), {}
        case SFTSource.demonstrations:
            return given_demonstrations(cfg), {}


def styled_demonstrations(cfg: Config, ctx: StageContext, shared: SharedModel) -> list[Demonstration]:
    """The base's own answers, cut to whole sentences and rewritten in random styles (``salmon/data/styles.py``)."""
    wanted = Wanted("sft", cfg.sft.num_prompts)
    prompts = select_prompts(cfg.prompts.sft, cfg.prompts, wanted, shared.chat, cfg.seed).training
    tasks = [(prompt, number) for prompt in prompts for number in range(cfg.sft.samples_per_prompt)]

    def answer(chunk: Sequence[tuple[Prompt, int]]) -> list[dict]:
        keys = [(cfg.seed, "styled", prompt.id, number) for prompt, number in chunk]
        answers = sample_responses(ctx.sampler, shared, None, [prompt for prompt, _ in chunk], cfg.sft.sampling, keys)
        return [
            {"prompt_id": prompt.id, "text": response.text, "finished": response.finished}
            for (prompt, _), response in zip(chunk, answers, strict=True)
        ]

    rows = map_resumable(ctx.work / "base_answers.jsonl", tasks, cfg.sft.sampling.batch_size, answer, "answers")
    answers = [
        Demonstration(
            f"{prompt.id}-{number}",
            prompt.prompt,
            restyled(whole_sentences(row["text"]), cfg, prompt.id, number),
            finished=row["finished"] or has_whole_sentence(row["text"]),
        )
        for (prompt, number), row in zip(tasks, rows, strict=True)
        if row["text"].strip()
    ]
    ctx.tracker.table("styled", ["prompt", "answer"], [[r.prompt, r.response] for r in answers[: ctx.sample_rows]], 0)
    return answers


def restyled(answer: str, cfg: Config, prompt_id: str, number: int) -> str:
    """The answer in styles drawn for it; they depend on the seed, the prompt and the answer's number only."""
    key = (cfg.seed, "restyle", prompt_id, number)
    return restyle(answer, draw_styles(cfg.sft.styles, stream(*key)), *key)


def given_demonstrations(cfg: Config) -> list[Demonstration]:
    """The demonstrations of a file or the hub, or (``exemplars``) those of the Self-Align prompt.

    Raises:
        SalmonError: the source cannot be read, or the prompts of all of them are held out.
    """
    source = cfg.sft.demonstrations
    assert source is not None  # the config's rules refuse it
    if source == "exemplars":
        turns = [turn for exemplar in load_exemplars(cfg.principles.exemplars) for turn in exemplar.turns]
        rows = [Demonstration(f"exemplar-{n}", turn.user, turn.answer) for n, turn in enumerate(turns, 1)]
    else:
        rows = load_demonstrations(source, cfg.prompts.on_bad_line)
    return training_rows(rows, lambda row: row.prompt, cfg.prompts.held_out, source)[: cfg.sft.num_prompts]
