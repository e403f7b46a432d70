"""The policy answers each prompt several times, and its answers are put together in pairs."""

from collections.abc import Sequence

from salmon.config.preferences import PreferencesConfig
from salmon.data.rows import Prompt
from salmon.models.base import SharedModel
from salmon.preferences.pairs import Pair, Sample, pair_up
from salmon.runtime.resumable import map_resumable
from salmon.sampling.responses import sample_responses
from salmon.stage.context import StageContext


def sample_pairs(
    ctx: StageContext,
    shared: SharedModel,
    adapter: str,
    prompts: Sequence[Prompt],
    settings: PreferencesConfig,
    seed: int,
) -> list[Pair]:
    """Sample independent answers under ``adapter`` and pair them up; an interrupted run goes on with ``samples.jsonl``.

    Returns:
        ``settings.pairs_per_prompt`` pairs of each prompt, in the order of the prompts.
    """
    count = settings.samples_per_prompt

    def answer(chunk: Sequence[tuple[Prompt, int]]) -> list[dict]:
        keys = [(seed, "pair", prompt.id, number) for prompt, number in chunk]
        answers = sample_responses(
            ctx.sampler, shared, adapter, [prompt for prompt, _ in chunk], settings.sampling, keys
        )
        return [
            {"prompt_id": prompt.id, "text": answer.text, "finished": answer.finished}
            for (prompt, _), answer in zip(chunk, answers, strict=True)
        ]

    tasks = [(prompt, number) for prompt in prompts for number in range(count)]
    rows = map_resumable(ctx.work / "samples.jsonl", tasks, settings.sampling.batch_size, answer, "samples")
    made = [Sample(row["text"], row["finished"]) for row in rows]
    return [
        pair
        for i, prompt in enumerate(prompts)
        for pair in pair_up(prompt, made[i * count : (i + 1) * count], settings, seed)
    ]
