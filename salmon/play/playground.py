"""The models behind the page: policies that answer, and the reward model that scores under any principles."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from salmon.config.sampling import SamplingSettings
from salmon.data.rows import Prompt, content_id
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.play.found import Shown, ShownPolicy
from salmon.play.principles import AskedPrinciple
from salmon.play.ranking import Answer, Ranking, rank
from salmon.reward.scorer import GuidelineScorer
from salmon.reward.trained_model import ADAPTER, RewardModel, loaded_reward_model
from salmon.sampling.responses import sample_responses
from salmon.sampling.sampler import Sampler

log = logging.getLogger("salmon")

KEPT = 32  # answers whose keys and values are kept, over all open pages
BATCH = 64  # inputs of the reward model in a forward pass


@dataclass(frozen=True)
class Wish:
    """What answers are asked for."""

    prompt: str
    number: int  # of answers, of each policy
    sampling: SamplingSettings
    seed: int


@dataclass
class Playground:
    """Answers and scores; one thread at a time uses the models, since an adapter is active for all of them."""

    shared: SharedModel
    policies: tuple[ShownPolicy, ...]
    reward: RewardModel
    sampler: Sampler
    scorer: GuidelineScorer = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.scorer = GuidelineScorer(self.reward, BATCH, keep=KEPT)

    def answer(self, wish: Wish) -> list[Answer]:
        """Sample answers of each policy; equal wishes give equal answers.

        Raises:
            SalmonError: the prompt is blank, or leaves no room for an answer in the model's context.
        """
        if not wish.prompt.strip():
            raise SalmonError("write a prompt first")
        prompt = Prompt(content_id(wish.prompt), wish.prompt)
        asked, longest = len(self.shared.chat.user_ids(wish.prompt)), wish.sampling.max_new_tokens
        if asked + longest > self.shared.context:
            raise SalmonError(
                f"the prompt has {asked} tokens, and with {longest} for an answer they are more than the "
                f"{self.shared.context} of the model's context: shorten it"
            )
        keys = [(wish.seed, "play", prompt.id, number) for number in range(wish.number)]
        answers: list[Answer] = []
        with self._lock:
            for number, policy in enumerate(self.policies):
                responses = sample_responses(
                    self.sampler, self.shared, adapter_name(number, policy), [prompt] * wish.number, wish.sampling, keys
                )
                answers += [Answer(policy.name, response.text, response.finished) for response in responses]
        return answers

    def rank(self, prompt: str, answers: Sequence[Answer], asked: Sequence[AskedPrinciple]) -> Ranking:
        """Score answers under all principles together and under each alone, and order them.

        No principle at all means the generic criteria of the reward model's pre-training.

        Raises:
            SalmonError: the principles leave no room for an answer in what the reward model reads.
        """
        texts = [one.text for one in asked]
        sets = [tuple(texts), *((text,) for text in texts if len(texts) > 1)]
        began = time.perf_counter()
        with self._lock, self.shared.using(ADAPTER):
            scores = self.scorer.score([(prompt, answer.text) for answer in answers], sets)
        log.debug("%d answers under %d sets in %.2f s", len(answers), len(sets), time.perf_counter() - began)
        return rank(prompt, answers, asked, scores.tolist())


@contextmanager
def opened_playground(shared: SharedModel, shown: Shown, sampler: Sampler) -> Iterator[Playground]:
    """Load policies and reward model onto the base; they are removed afterwards.

    Raises:
        SalmonError: one of them does not fit the base.
    """
    with loaded_reward_model(shared, shown.reward) as reward:
        loaded = list[str]()
        try:
            for number, policy in enumerate(shown.policies):
                if policy.folder is not None and (name := adapter_name(number, policy)):
                    shared.load_adapter(name, policy.folder)
                    loaded.append(name)
            yield Playground(shared, shown.policies, reward, sampler)
        finally:
            for name in loaded:
                shared.remove_adapter(name)


def adapter_name(number: int, policy: ShownPolicy) -> str | None:
    """What a policy's adapter is called on the base; None for the plain base."""
    return None if policy.folder is None else f"shown_{number}"
