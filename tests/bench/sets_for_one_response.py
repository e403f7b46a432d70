"""What further sets of guidelines cost: ``python -m tests.bench.sets_for_one_response [OVERRIDES]``.

Seconds of scores under 1 and under 16 sets, with nothing kept (a first look at the responses) and with the responses'
part kept (an edit), in turn in this process; the ratio of each turn, with its spread over the turns. Beside it the
ratio of tokens. Random text and a reward model of random weights: neither changes the time.
"""

import random
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from salmon.config.reward import RewardConfig, RewardHead
from salmon.models.heads import new_head
from salmon.models.loading import load_base
from salmon.plan.command import compose_config
from salmon.principles.bank import load_bank
from salmon.reward.scorer import GuidelineScorer
from salmon.reward.trained_model import ADAPTER, Guidelines, PromptAndResponse, RewardModel

RESPONSES, SETS, TURNS = 8, 16, 5
LENGTHS = (32, 128, 384)  # words of a response
WORDS = ("carp", "pike", "the", "river", "of", "a", "and", "to", "swims", "water", "cold", "in")


@dataclass
class Taken:
    """Seconds and tokens of one call."""

    seconds: float
    tokens: int


def guideline_sets() -> list[Guidelines]:
    """16 sets of one principle each, as the bundled banks have them."""
    principles = load_bank("verifiable_11").principles
    texts = [text for p in principles for text in (p.definition, p.negative_definition) if text]
    return [(text,) for text in texts[:SETS]]


def responses(words: int, seed: int) -> list[PromptAndResponse]:
    """Answers of random words to one question."""
    rng = random.Random(seed)
    return [("Which fish live in the river?", " ".join(rng.choices(WORDS, k=words))) for _ in range(RESPONSES)]


def take(scorer: GuidelineScorer, asked: list[PromptAndResponse], sets: list[Guidelines]) -> Taken:
    before, began = scorer.num_tokens, time.perf_counter()
    scorer.score(asked, sets)
    return Taken(time.perf_counter() - began, scorer.num_tokens - before)


def main(overrides: list[str]) -> None:
    cfg = compose_config(["model=smollm2_135m", *overrides])
    shared = load_base(cfg.model, Path(cfg.paths.cache))
    shared.add_adapter(ADAPTER, seed=0)
    limits = RewardConfig(max_length=2048, max_instruction_tokens=512, max_response_tokens=1024, principles=True)
    model = RewardModel(shared, new_head(shared, RewardHead.scalar, 0, cfg.reward.layers), limits, True, {})
    sets = guideline_sets()
    with shared.using(ADAPTER):
        take(GuidelineScorer(model, 64, RESPONSES), responses(8, 0), sets[:1])  # the first pass allocates
        for words in LENGTHS:
            first, edits = list[tuple[Taken, Taken]](), list[tuple[Taken, Taken]]()
            for turn in range(TURNS):
                asked = responses(words, turn)
                one, many = (GuidelineScorer(model, 64, RESPONSES) for _ in range(2))
                first.append((take(one, asked, sets[:1]), take(many, asked, sets)))
                edits.append((take(one, asked, sets[1:2]), take(one, asked, sets)))
            for name, taken in (("first look", first), ("an edit", edits)):
                report(f"{RESPONSES} responses of {words} words, {name}", taken)


def report(name: str, taken: list[tuple[Taken, Taken]]) -> None:
    """Print one line: medians, and the ratio with its range over the turns."""
    ratios = sorted(many.seconds / one.seconds for one, many in taken)
    one, many = (statistics.median(pair[k].seconds for pair in taken) for k in (0, 1))
    tokens = taken[0][1].tokens / taken[0][0].tokens
    print(
        f"{name:<44} 1 set {one:6.2f} s, {SETS} sets {many:6.2f} s, ratio {statistics.median(ratios):5.2f} "
        f"[{ratios[0]:.2f}, {ratios[-1]:.2f}] over {len(ratios)} turns (tokens {tokens:.2f})",
        flush=True,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
