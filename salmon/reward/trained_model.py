"""A reward model as its artifact holds it: on the shared base, with what it was trained to read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from salmon.config.reward import RewardConfig
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.heads import HEAD_FILE, Head, load_scalar_model
from salmon.principles.bank import Bank
from salmon.principles.encoding import EncodedRewardInput
from salmon.principles.templates import reward_parts
from salmon.reward.inputs import reward_input
from salmon.runtime.adapter_files import CONFIG, WEIGHTS, adapter_identity
from salmon.runtime.store import Artifact

ADAPTER = "scorer"  # name on the shared base
FOLDER = "reward"  # in a reward artifact

PromptAndResponse = tuple[str, str]
Guidelines = tuple[str, ...]  # texts that are shown together


@dataclass(frozen=True)
class RewardModel:
    """A reward model on the shared base, with what it was trained to read."""

    shared: SharedModel
    head: Head
    limits: RewardConfig  # lengths, and whether principles are read
    reads_principles: bool  # False: it was trained, and is asked, under the generic criteria (an ablation)
    identity: dict[str, Any]  # everything that decides its scores

    def ids(self, response: PromptAndResponse, guidelines: Guidelines) -> list[int]:
        """What it reads of a response under guidelines."""
        return self.read(response, guidelines).ids

    def cuts(self, response: PromptAndResponse, guidelines: Guidelines) -> bool:
        """Whether it does not read all of a prompt and response under guidelines."""
        read = self.read(response, guidelines)
        return bool(read.cut_instruction or read.cut_response)

    def read(self, response: PromptAndResponse, guidelines: Guidelines) -> EncodedRewardInput:
        """The same, with what did not fit.

        Raises:
            SalmonError: the guidelines leave no room for a response.
        """
        prompt, text = response
        shown = guidelines if self.reads_principles else ()
        return reward_input(self.shared.chat, text, prompt, shown, self.limits, self.head.kind)

    def tokens(self, text: str) -> int:
        return len(self.shared.chat.encode(text))

    def first_that_fit(self, bank: Bank) -> Guidelines:
        """The bank's first K definitions that leave half of ``reward.max_length`` to response and prompt; K >= 1."""
        texts = [principle.definition for principle in bank.principles]
        room = self.limits.max_length // 2
        ends = {k: reward_parts(texts[:k], self.head.kind).after_instruction for k in range(1, len(texts) + 1)}
        fitting = [k for k, end in ends.items() if self.tokens(end) <= room]
        return tuple(texts[: max(fitting, default=1)])


@contextmanager
def loaded_reward_model(shared: SharedModel, artifact: Artifact) -> Iterator[RewardModel]:
    """The artifact's reward model; it is removed from the base afterwards.

    Raises:
        SalmonError: the artifact is not complete, or fits another base.
    """
    folder, settings = artifact.path / FOLDER, artifact.manifest.get("config", {}).get("reward", {})
    try:
        lengths = {name: settings[name] for name in ("max_length", "max_instruction_tokens", "max_response_tokens")}
    except KeyError as error:
        raise SalmonError(
            f"{artifact.path}: its manifest lacks config.reward.{error.args[0]}, the length that the "
            "model was trained with; make the artifact again"
        ) from error
    reads = bool(settings.get("principles", True))
    identity = reward_identity(shared, artifact)
    head = load_scalar_model(shared, ADAPTER, folder)
    try:
        with shared.using(ADAPTER):
            yield RewardModel(shared, head, RewardConfig(**lengths, principles=reads), reads, identity)
    finally:
        shared.remove_adapter(ADAPTER)


def check_reward_files(artifact: Artifact) -> None:
    """
    Raises:
        SalmonError: a file of the reward model is missing.
    """
    folder = artifact.path / FOLDER
    missing = [folder / name for name in (CONFIG, WEIGHTS, HEAD_FILE) if not (folder / name).is_file()]
    if missing:
        raise SalmonError(f"{artifact.path}: {missing[0]} is missing, so it holds no reward model")


def reward_identity(shared: SharedModel, artifact: Artifact) -> dict[str, Any]:
    """The weights behind an artifact's scores, and how the base reads text.

    Raises:
        SalmonError: a file is missing.
    """
    folder = artifact.path / FOLDER
    check_reward_files(artifact)
    return {
        "model": shared.identity,
        "weights": " ".join(digest[:16] for digest in adapter_identity(str(folder)).values()),
        "config": artifact.manifest.get("config", {}).get("reward", {}),
    }
