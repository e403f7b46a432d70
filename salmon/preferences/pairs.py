"""Pairs of responses to one prompt: how they are made of samples, which of them are judged."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from salmon.config.preferences import PreferencesConfig
from salmon.data.rows import Prompt
from salmon.data.styles import draw_styles, exchange, has_whole_sentence, restyle, whole_sentences
from salmon.runtime.seeding import stream


@dataclass(frozen=True)
class Sample:
    """A response as it was sampled."""

    text: str
    finished: bool  # the policy ended it itself


@dataclass(frozen=True)
class Pair:
    """Two responses to one prompt; every score of a pair is positive where response 1 is better."""

    prompt_id: str
    prompt: str
    response_1: str
    response_2: str
    number: int = 0  # among the pairs of its prompt
    finished_1: bool = True  # false: response 1 was cut where sampling ended, so it does not show where to end
    finished_2: bool = True

    @property
    def id(self) -> str:
        return f"{self.prompt_id}-{self.number}"


def pair_up(prompt: Prompt, samples: Sequence[Sample], settings: PreferencesConfig, seed: int) -> list[Pair]:
    """Make ``settings.pairs_per_prompt`` pairs of the samples of one prompt, restyled if there are styles.

    Two samples without styles keep their order: the first one is response 1. A contrast pair is ONE sample in two sets
    of styles, in which one style of the first set is exchanged for another.
    """
    pairs = []
    for number in range(settings.pairs_per_prompt):
        key = (seed, "pair up", prompt.id, number)
        rng = stream(*key)
        first, second = rng.permutation(len(samples))[:2] if settings.styles or len(samples) > 2 else (0, 1)
        one, two = samples[first], samples[second]
        if settings.styles:
            styles = draw_styles(settings.styles, rng)
            if rng.random() < settings.contrast:
                two, which = one, 1  # restyled with the random choices of response 1
                styles, others = exchange(styles, settings.styles, rng)
            else:
                others, which = draw_styles(settings.styles, rng), 2
            one, two = _restyled(one, styles, *key, 1), _restyled(two, others, *key, which)
        pairs.append(Pair(prompt.id, prompt.prompt, one.text, two.text, number, one.finished, two.finished))
    return pairs


def _restyled(sample: Sample, styles: Collection[str], *key: str | int) -> Sample:
    """Its whole sentences in styles. Without a single whole one, a response that was cut stays cut."""
    text = restyle(whole_sentences(sample.text), styles, *key)
    return Sample(text, sample.finished or has_whole_sentence(sample.text))


def usable_pairs(pairs: Sequence[Pair], min_chars: int) -> list[Pair]:
    """The pairs of two different responses that both have at least ``min_chars`` characters."""
    return [
        pair
        for pair in pairs
        if min(len(pair.response_1), len(pair.response_2)) >= min_chars and pair.response_1 != pair.response_2
    ]
