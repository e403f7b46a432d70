"""What ``salmon play`` is given by folders of a store, and what it says of folders that will not do."""

from pathlib import Path
from typing import Any

import pytest

from salmon.errors import SalmonError
from salmon.play.found import Shown, find_shown, upstream
from salmon.runtime.artifact import Artifact
from salmon.runtime.store import Store

MODEL: dict[str, Any] = {
    "name": "tiny",
    "path": "random:tiny",
    "revision": None,
    "quantization": "none",
    "dtype": "float32",
    "context": 512,
    "system_prompt": "",
    "lora": {"r": 4, "alpha": 8, "dropout": 0.0},
    "device": "cpu",
    "gradient_checkpointing": False,
}
REWARD_FILES = ("adapter_config.json", "adapter_model.safetensors", "scalar_head.safetensors")


class Made:
    """A store with artifacts of empty files."""

    def __init__(self, root: Path) -> None:
        self.store, self.number = Store(root), 0

    def artifact(self, stage: str, *upstream: Artifact, model: dict[str, Any] | None = None, **more: Any) -> Artifact:
        """An artifact, later than those before."""
        self.number += 1
        key = f"{self.number:016x}"
        work = self.store.work_dir(stage, key)
        policies = {"ppo": ["ppo_last", "ppo_best"], "sft": ["sft"], "dpo": ["dpo"]}.get(stage, [])
        for folder in policies:
            (work / folder).mkdir()
            (work / folder / "adapter_config.json").write_text("{}")
        if stage == "reward":
            (work / "reward").mkdir()
            for name in REWARD_FILES:
                (work / "reward" / name).write_text("{}")
        manifest = {
            "config": {"model": model or MODEL},
            "upstream": {one.stage: one.name for one in upstream},
            "checkpoints": {name: name for name in policies},
            **more,
        }
        return self.store.commit(stage, key, manifest)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path / "store")


def names(shown: Shown) -> list[str]:
    return [policy.name for policy in shown.policies]


def test_a_ppo_policy_brings_its_reward_model_and_the_policy_it_started_from(made: Made) -> None:
    sft = made.artifact("sft")
    preferences = made.artifact("preferences", sft)
    reward = made.artifact("reward", preferences)
    ppo = made.artifact("ppo", sft, reward)
    shown = find_shown([str(ppo.path)])
    assert names(shown) == ["sft", "ppo_best"]
    assert (shown.reward.name, shown.model.path, shown.model.lora.r) == (reward.name, "random:tiny", 4)
    assert names(find_shown([str(ppo.path / "ppo_last")])) == ["sft", "ppo_last"]
    assert names(find_shown([str(reward.path)])) == ["sft"]
    assert names(find_shown([str(sft.path), str(ppo.path), str(reward.path)])) == ["sft", "ppo_best"]
    assert names(find_shown([], made.store.root)) == ["sft", "ppo_best"], "the newest"
    found = upstream(ppo, "preferences")
    assert found is not None and found.name == preferences.name, "through the reward model"


def test_two_policies_of_one_name_are_told_apart(made: Made) -> None:
    reward = made.artifact("reward")
    one, two = made.artifact("ppo", reward), made.artifact("ppo", reward)
    assert names(find_shown([str(one.path), str(two.path)])) == ["ppo_best 1", "ppo_best 2"]


def test_a_reward_model_alone_scores_the_bases_answers(made: Made) -> None:
    shown = find_shown([str(made.artifact("reward").path)])
    assert names(shown) == ["base"] and shown.policies[0].folder is None


def test_what_cannot_be_shown_is_one_clear_line(made: Made, tmp_path: Path) -> None:
    sft, preferences = made.artifact("sft"), made.artifact("preferences")
    first, second = made.artifact("reward"), made.artifact("reward")
    ppo = [made.artifact("ppo", first) for _ in range(3)]
    other = made.artifact("ppo", first, model={**MODEL, "path": "hub/other"})
    same = made.artifact("ppo", first, model={**MODEL, "device": "cuda", "name": "as it is called here"})
    assert find_shown([str(same.path), str(ppo[0].path)]).model.device in ("cpu", "cuda")
    for words, message in (
        ([sft], r"no reward model belongs to sft-.*name one too, as in salmon play STORE/sft/FINGERPRINT STORE/reward"),
        ([preferences, first], "a preferences artifact holds no policy"),
        ([ppo[0], first, second], "shows one reward model, and these are 2"),
        ([*ppo], "shows 2 policies, and these are 3"),
        ([other, ppo[0]], "was made on another base"),
    ):
        with pytest.raises(SalmonError, match=message):
            find_shown([str(artifact.path) for artifact in words])
    (tmp_path / "plain").mkdir()
    for word, message in ((tmp_path / "gone", "there is no such folder"), (tmp_path / "plain", "is no artifact")):
        with pytest.raises(SalmonError, match=message):
            find_shown([str(word)])
    with pytest.raises(SalmonError, match=r"no PPO policy and no reward model in .*empty: run `salmon` first"):
        find_shown([], tmp_path / "empty")


def test_a_damaged_reward_model_is_refused(made: Made) -> None:
    reward = made.artifact("reward")
    (reward.path / "reward" / REWARD_FILES[1]).write_text("changed")
    with pytest.raises(SalmonError, match="is not as it was made"):
        find_shown([str(reward.path)])


def test_a_manifest_of_another_version_is_named(made: Made) -> None:
    artifact = made.artifact("reward", model={**MODEL, "flavour": "new"})
    with pytest.raises(SalmonError, match="config.model is of another version: .*flavour"):
        find_shown([str(artifact.path)])
