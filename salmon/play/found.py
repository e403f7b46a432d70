"""What ``salmon play`` shows: which policies, which reward model, on which base; read from manifests only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from salmon.config.model import ModelConfig
from salmon.errors import SalmonError
from salmon.reward.trained_model import check_reward_files
from salmon.runtime.artifact import MANIFEST, Artifact, artifact_around, open_artifact

REWARD = "reward"  # the stage that makes reward models
STORE = Path("runs/store")  # of paths.store
MOST_POLICIES = 2
BASE = "base"
# Of these settings nothing depends that is computed.
COSMETIC = ("name", "device", "gradient_checkpointing")


@dataclass(frozen=True)
class ShownPolicy:
    """A policy whose answers are shown."""

    name: str
    folder: Path | None  # of its adapter; None: the plain base


@dataclass(frozen=True)
class Shown:
    """Everything that is loaded."""

    policies: tuple[ShownPolicy, ...]
    reward: Artifact
    model: ModelConfig


def find_shown(words: Sequence[str], store: Path = STORE) -> Shown:
    """What the words of the command line mean.

    Args:
        words: folders of artifacts, or of policies in them; none at all means the newest PPO policy in ``store``.
        store: where that is looked for.

    Raises:
        SalmonError: a folder is no artifact or was damaged, there is no reward model or more than one, too many
            policies are named, or they have different bases.
    """
    folders = [Path(word).expanduser().absolute() for word in words] or [newest(store)]
    artifacts = [_artifact(folder) for folder in folders]
    reward = _reward_of(artifacts)
    policies = [p for folder, artifact in zip(folders, artifacts, strict=True) for p in _named(folder, artifact)]
    if len(policies) <= 1:
        policies = [*_start_of(policies, [*artifacts, reward]), *policies]
    if len(policies) > MOST_POLICIES:
        raise SalmonError(
            f"salmon play shows {MOST_POLICIES} policies, and these are {len(policies)}: "
            f"{', '.join(policy.name for policy in policies)}. Leave some out"
        )
    for artifact in dict.fromkeys([*artifacts, reward]):
        artifact.check()
    check_reward_files(reward)
    return Shown(tuple(_told_apart(policies)), reward, _base_of([*artifacts, reward]))


def newest(store: Path) -> Path:
    """The PPO artifact, else the reward model, that was made last.

    Raises:
        SalmonError: there is none.
    """
    for stage in ("ppo", REWARD):
        folders = [file.parent for file in store.glob(f"{stage}/*/{MANIFEST}") if "." not in file.parent.name]
        found = list(map(open_artifact, folders))
        if found:
            return max(found, key=lambda artifact: str(artifact.manifest.get("created", ""))).path.absolute()
    raise SalmonError(
        f"there is no PPO policy and no reward model in {store.absolute()}: run `salmon` first, or give the folder of "
        "one, as in salmon play STORE/ppo/FINGERPRINT"
    )


def upstream(artifact: Artifact, stage: str) -> Artifact | None:
    """The artifact of a stage that another one was made from, directly or not; None where its store lacks it."""
    store = artifact.path.parent.parent
    for name in artifact.manifest.get("upstream", {}).values():
        made_by, _, fingerprint = str(name).rpartition("-")
        folder = store / made_by / fingerprint
        if (folder / MANIFEST).is_file():
            source = open_artifact(folder)
            found = source if made_by == stage else upstream(source, stage)
            if found is not None:
                return found
    return None


def _artifact(folder: Path) -> Artifact:
    if not folder.is_dir():
        raise SalmonError(f"{folder}: there is no such folder; give an artifact of a store, STORE/STAGE/FINGERPRINT")
    artifact = artifact_around(folder)
    if artifact is None:
        raise SalmonError(
            f"{folder} is no artifact ({MANIFEST}), so nothing says which base and which reward model belong to it: "
            "give STORE/STAGE/FINGERPRINT"
        )
    return artifact


def _reward_of(artifacts: Sequence[Artifact]) -> Artifact:
    """The reward model that is named, else the one that a policy was trained with."""
    named = [artifact for artifact in artifacts if artifact.stage == REWARD]
    found = {one.path: one for one in named or filter(None, (upstream(artifact, REWARD) for artifact in artifacts))}
    if not found:
        raise SalmonError(
            f"no reward model belongs to {', '.join(artifact.name for artifact in artifacts)}: name one too, as in "
            "salmon play STORE/sft/FINGERPRINT STORE/reward/FINGERPRINT"
        )
    if len(found) > 1:
        raise SalmonError(
            f"salmon play shows one reward model, and these are {len(found)}: {', '.join(map(str, found))}. Name one"
        )
    return next(iter(found.values()))


def _named(folder: Path, artifact: Artifact) -> Iterator[ShownPolicy]:
    """The policies that a word means: the one in the folder, else the artifact's best, else its only or last one."""
    if artifact.stage == REWARD:
        return
    checkpoints = artifact.checkpoints
    inside = {name: path for name, path in checkpoints.items() if path.absolute().resolve() == folder.resolve()}
    if not checkpoints:
        raise SalmonError(f"{artifact.path}: a {artifact.stage} artifact holds no policy")
    name = next(iter(inside), f"{artifact.stage}_best")
    name = name if name in checkpoints else list(checkpoints)[-1]
    yield ShownPolicy(name, checkpoints[name])


def _start_of(policies: Sequence[ShownPolicy], artifacts: Sequence[Artifact]) -> Iterator[ShownPolicy]:
    """The SFT policy that these were made from, where it is in the store; the base if there is no policy at all."""
    source = next(filter(None, (upstream(artifact, "sft") for artifact in artifacts)), None)
    if source is not None:
        source.check()
        yield from (ShownPolicy(name, folder) for name, folder in list(source.checkpoints.items())[-1:])
    elif not policies:
        yield ShownPolicy(BASE, None)


def _told_apart(policies: Sequence[ShownPolicy]) -> Iterator[ShownPolicy]:
    """The policies, of which two with one name get a number."""
    names = [policy.name for policy in policies]
    for number, policy in enumerate(policies, 1):
        yield policy if names.count(policy.name) == 1 else ShownPolicy(f"{policy.name} {number}", policy.folder)


def _base_of(artifacts: Sequence[Artifact]) -> ModelConfig:
    settings = [artifact.manifest.get("config", {}).get("model", {}) for artifact in artifacts]
    for artifact, other in zip(artifacts, settings, strict=True):
        if _semantic(other) != _semantic(settings[0]):
            raise SalmonError(
                f"{artifact.path} was made on another base (or with other model settings) than {artifacts[0].path}: "
                "they cannot be shown together"
            )
    try:
        merged = OmegaConf.merge(OmegaConf.structured(ModelConfig), settings[0])
        model: Any = OmegaConf.to_object(merged)
    except (OmegaConfBaseException, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SalmonError(f"{artifacts[0].path}: its config.model is of another version: {reason}") from error
    return model


def _semantic(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in COSMETIC}
