import json
from pathlib import Path

import pytest

from eval.checkpoints import Checkpoints, Moment, adapter_hash, check_tasks, checkpoints_of, find_checkpoints
from eval.principle_following.pairs import find_pairs
from salmon.errors import SalmonError
from salmon.runtime.store import open_artifact


def adapter_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "adapter_config.json").write_text("{}")
    (path / "adapter_model.safetensors").write_bytes(b"")
    return path


def artifact_folder(
    path: Path, fingerprint: str, checkpoints: dict[str, str], stage: str = "ppo", steps: dict[str, int] | None = None
) -> Path:
    for relative in checkpoints.values():
        adapter_folder(path / relative)
    path.mkdir(parents=True, exist_ok=True)
    manifest = {
        "stage": stage,
        "fingerprint": fingerprint,
        "files": {},
        "metrics": {},
        "checkpoints": checkpoints,
        **({} if steps is None else {"steps": steps}),
    }
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path


def test_an_artifact_gives_all_its_policies(tmp_path):
    artifact = artifact_folder(tmp_path / "a", "0123456789abcdef", {"ppo_best": "best", "ppo_last": "last"})
    found = find_checkpoints(f"base, {artifact}")
    assert found.policies == {"base": None, "ppo_best": artifact / "best", "ppo_last": artifact / "last"}
    assert found.reward_models == {}
    assert list(found.artifacts) == ["ppo-0123456789abcdef"]


def test_a_comma_in_a_path_does_not_part_it(tmp_path):
    inside, other = adapter_folder(tmp_path / "lr=1e-4,seed=1" / "one, two"), adapter_folder(tmp_path / "other")
    (tmp_path / "lr=1e-4").mkdir()
    found = find_checkpoints(f"base, {inside} ,{other}")
    assert found.policies == {"base": None, "one, two": inside, "other": other}
    with pytest.raises(SalmonError, match=r"checkpoint=nowhere: .*nowhere is neither"):
        find_checkpoints(f"{inside},nowhere")


def test_policies_know_their_moment_where_their_artifact_does(tmp_path):
    folders, steps = {"ppo_last": "last", "ppo_step_2": "checkpoints/step_2"}, {"ppo_last": 5, "ppo_step_2": 2}
    one = artifact_folder(tmp_path / "1", "aaaaaaaabbbbbbbb", folders, steps=steps)
    first = {"ppo_last": Moment("ppo-aaaaaaaabbbbbbbb", 5), "ppo_step_2": Moment("ppo-aaaaaaaabbbbbbbb", 2)}
    assert find_checkpoints(f"base,{one}").moments == checkpoints_of(open_artifact(one)).moments == first
    two = artifact_folder(tmp_path / "2", "ccccccccdddddddd", {"ppo_last": "last"}, steps={"ppo_last": 7})
    both = find_checkpoints(f"{one},{two}").moments
    assert both["ppo_last-aaaaaaaa"] == first["ppo_last"] and both["ppo_step_2"] == first["ppo_step_2"]
    assert both["ppo_last-cccccccc"] == Moment("ppo-ccccccccdddddddd", 7)
    old = artifact_folder(tmp_path / "3", "f", {"ppo_last": "last"})
    assert find_checkpoints(str(old)).moments == {}


def test_a_folder_inside_an_artifact_is_that_artifacts_checkpoint(tmp_path):
    artifact = artifact_folder(
        tmp_path / "1", "aaaaaaaabbbbbbbb", {"ppo_step_2": "checkpoints/step_2"}, steps={"ppo_step_2": 2}
    )
    found = find_checkpoints(str(artifact / "checkpoints" / "step_2"))
    assert found.policies == {"ppo_step_2": artifact / "checkpoints/step_2"}
    assert found.moments == {"ppo_step_2": Moment("ppo-aaaaaaaabbbbbbbb", 2)} and list(found.artifacts)
    other = adapter_folder(artifact / "elsewhere")
    assert find_checkpoints(str(other)).policies == {"elsewhere": other}
    (tmp_path / "manifest.json").write_text("{}")  # another program's
    mine = adapter_folder(tmp_path / "mine")
    assert find_checkpoints(str(mine)).policies == {"mine": mine}


def test_a_reward_artifact_is_one_reward_model(tmp_path):
    one = artifact_folder(tmp_path / "1", "aaaaaaaabbbbbbbb", {}, stage="reward")
    two = artifact_folder(tmp_path / "2", "ccccccccdddddddd", {}, stage="reward")
    assert find_checkpoints(str(one)).reward_models["reward"].path == one
    both = find_checkpoints(f"{one},base,{two}")
    assert list(both.reward_models) == ["reward-aaaaaaaa", "reward-cccccccc"]
    assert both.policies == {"base": None}


def test_tasks_that_checkpoints_have_nothing_for(tmp_path, caplog):
    reward = find_checkpoints(str(artifact_folder(tmp_path / "1", "a", {}, stage="reward")))
    policy = find_checkpoints("base")
    check_tasks(reward, ["principle_following"])
    check_tasks(policy, ["bbh"])
    check_tasks(Checkpoints(policy.policies, reward.reward_models, {}), ["bbh", "principle_following"])
    check_tasks(reward, ["pairs"])
    check_tasks(policy, ["pairs"])
    check_tasks(Checkpoints(policy.policies, reward.reward_models, {}), ["pairs", "probes"])
    assert caplog.text == ""
    with pytest.raises(SalmonError, match="reward is a reward model, and bbh, mt_bench measure policies"):
        check_tasks(reward, ["bbh", "mt_bench"])
    with pytest.raises(SalmonError, match="probes measure policies; give task=principle_following or task=pairs"):
        check_tasks(reward, ["probes"])
    with pytest.raises(SalmonError, match="base is no reward artifact"):
        check_tasks(policy, ["principle_following"])
    check_tasks(policy, ["bbh", "principle_following"])
    assert "principle_following is left out" in caplog.text


def test_an_adapter_folder_has_its_own_name(tmp_path):
    folder = adapter_folder(tmp_path / "my-adapter")
    assert find_checkpoints(str(folder)).policies == {"my-adapter": folder}


def test_a_folder_of_named_adapters_is_its_policy(tmp_path):
    for name in ("lora_policy", "lora_value"):
        adapter_folder(tmp_path / "checkpoint-10" / "adapter_model" / name)
    policy = tmp_path / "checkpoint-10" / "adapter_model" / "lora_policy"
    assert find_checkpoints(str(tmp_path / "checkpoint-10")).policies == {"checkpoint-10": policy}
    adapter_folder(tmp_path / "checkpoint-10" / "default")
    with pytest.raises(SalmonError, match=r"several adapters \(default, lora_policy, lora_value\): give the folder of"):
        find_checkpoints(str(tmp_path / "checkpoint-10"))


def test_a_pickled_adapter_is_refused(tmp_path):
    folder = adapter_folder(tmp_path / "delta")
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(SalmonError, match=f"is a pickle.*python -m salmon.convert {folder} OUTPUT"):
        find_checkpoints(str(folder))


def test_a_scalar_model_is_no_policy(tmp_path):
    folder = adapter_folder(tmp_path / "rm")
    (folder / "scalar_head.safetensors").write_bytes(b"")
    with pytest.raises(SalmonError, match=f"salmon stages=.reward. reward.start={folder} reward.train.epochs=0"):
        find_checkpoints(str(folder))


def test_equal_names_are_told_apart(tmp_path):
    one = artifact_folder(tmp_path / "1", "aaaaaaaabbbbbbbb", {"ppo_last": "last"})
    two = artifact_folder(tmp_path / "2", "ccccccccdddddddd", {"ppo_last": "last"})
    assert set(find_checkpoints(f"{one},{two}").policies) == {"ppo_last-aaaaaaaa", "ppo_last-cccccccc"}
    three, four = adapter_folder(tmp_path / "x" / "policy"), adapter_folder(tmp_path / "y" / "policy")
    names = find_checkpoints(f"{three},{four}").policies
    assert [name.rsplit("-", 2)[1:] for name in names] == [["x", "policy"], ["y", "policy"]]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("/nowhere", "neither an artifact folder"),
        ("", "is empty"),
        ("base,base", "more than once"),
    ],
)
def test_wrong_checkpoints(spec, message):
    with pytest.raises(SalmonError, match=message):
        find_checkpoints(spec)


def test_an_artifact_without_a_policy(tmp_path):
    with pytest.raises(SalmonError, match="holds no policy"):
        find_checkpoints(str(artifact_folder(tmp_path / "a", "f", {})))


def test_adapter_hash(adapter, tmp_path):
    assert adapter_hash(None) == "base"
    for file in adapter.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert adapter_hash(tmp_path) == adapter_hash(adapter)
    with (tmp_path / "adapter_model.safetensors").open("ab") as file:
        file.write(b"x")
    assert adapter_hash(tmp_path) != adapter_hash(adapter)


# --- the hub -------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Hugging Face's cache with one adapter and one whole model, and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("adapter", "model", "pickled"):
        repository = tmp_path / "hub" / f"models--me--{name}"
        snapshot = repository / "snapshots" / ("a" * 40)
        if name == "adapter":
            adapter_folder(snapshot)
        elif name == "pickled":
            (adapter_folder(snapshot) / "adapter_model.safetensors").unlink()
        else:
            snapshot.mkdir(parents=True)
            (snapshot / "config.json").write_text("{}")
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text("a" * 40)
    return tmp_path / "hub"


def test_an_adapter_of_the_hub(hub):
    snapshot = hub / "models--me--adapter" / "snapshots" / ("a" * 40)
    assert find_checkpoints("me/adapter").policies == {"adapter": snapshot}
    assert find_checkpoints(f"me/adapter@{'a' * 40},base").policies == {"adapter": snapshot, "base": None}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("me/other", "no adapter of that name can be had from the hub"),
        ("me/adapter@v9", "no adapter of that name can be had from the hub"),
        ("me/pickled", "adapter_model.safetensors not in that.*salmon.convert FOLDER OUTPUT"),
        ("me/model", "adapter_model.safetensors not in that.*model=hub model.path=me/model checkpoint=base"),
    ],
)
def test_what_the_hub_does_not_have(hub, spec, message):
    with pytest.raises(SalmonError, match=f"checkpoint={spec}: .*{message}"):
        find_checkpoints(spec)


def test_a_folder_goes_before_the_hub(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    adapter_folder(tmp_path / "me" / "adapter")
    assert find_checkpoints("me/adapter").policies == {"adapter": tmp_path / "me" / "adapter"}


def test_a_whole_model_is_the_base(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(SalmonError, match=f"model=hub model.path={tmp_path} checkpoint=base"):
        find_checkpoints(str(tmp_path))


def test_a_reward_model_that_was_taken_as_it_is_has_no_pairs_of_its_own(tmp_path):
    artifact = open_artifact(artifact_folder(tmp_path / "1", "a", {}, stage="reward"))
    with pytest.raises(SalmonError, match="taken as it is .*no held-out pairs.*eval.principle_following.pairs=FILE"):
        find_pairs(artifact, None)
