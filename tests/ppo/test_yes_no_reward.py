"""PPO with a reward model whose score is the log-odds of "Yes": its value model is scalar all the same."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from salmon.config.ppo import ValueInit
from salmon.config.reward import RewardHead
from salmon.data.rows import Prompt
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.forward import score_forward, token_batch
from salmon.models.heads import ScalarHead, YesNoHead, new_head, save_scalar_model
from salmon.ppo.models import REWARD, VALUE, load_ppo_models
from salmon.ppo.rewards.instructable_model import InstructableModelReward
from salmon.principles.bank import Principle
from salmon.sampling.responses import Response
from tests.models.passes import value_forward
from tests.tiny_run import metrics_of, run_tiny


@pytest.fixture
def folders(load_tiny, randomise, ppo_folders: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    shared = load_tiny()
    shared.add_adapter("reward", 1, layers=1)
    randomise(shared, "reward", 1)
    save_scalar_model(shared, "reward", new_head(shared, RewardHead.yes_no, 0, layers=1), tmp_path / "reward")
    return ppo_folders[0], tmp_path / "reward"


def test_the_value_model_has_the_adapter_and_a_head_of_zeros(tiny: SharedModel, folders: tuple[Path, Path]) -> None:
    models = load_ppo_models(tiny, *folders, ValueInit.reward_zero_head)
    assert isinstance(models.reward_head, YesNoHead) and isinstance(models.value_head, ScalarHead)
    assert models.value_head.layers == models.reward_head.layers == 1
    reward, value = tiny.parameters_of(REWARD), tiny.parameters_of(VALUE)
    assert reward and all(torch.equal(p, value[name.replace(REWARD, VALUE)]) for name, p in reward.items())
    with torch.no_grad(), tiny.using(VALUE):
        assert (value_forward(tiny, models.value_head, token_batch([[10, 20]], [[5, 6]], 0, tiny.device)) == 0).all()
    assert {"value_head.weight", "value_head.bias"} < set(models.trained)


def test_there_is_no_head_to_copy(tiny: SharedModel, folders: tuple[Path, Path]) -> None:
    with pytest.raises(SalmonError, match=r"^ppo.value_init=reward copies .*\(yes_no\).*=reward_zero_head"):
        load_ppo_models(tiny, *folders, ValueInit.reward)


def test_the_reward_reads_the_question(tiny: SharedModel, folders: tuple[Path, Path], ppo_config) -> None:
    models = load_ppo_models(tiny, *folders, ValueInit.reward_zero_head)
    reward = InstructableModelReward(models, ppo_config().reward_input, reads_principles=True, micro_batch_size=2)
    prompt, response, shown = (
        Prompt("1", "Why?"),
        Response([1], [2], [0.0], True, "Because."),
        (Principle("Short", "Be brief."),),
    )
    ids = reward.input_ids(prompt, response, shown)
    assert tiny.tokenizer.decode(ids).endswith("- Be brief.\n\nDoes the response follow every guideline?\nAnswer: ")
    with torch.no_grad(), tiny.using(REWARD):
        alone = score_forward(tiny, models.reward_head, [ids])
    torch.testing.assert_close(reward([prompt], [response], [shown]), alone)


@pytest.mark.slow
def test_a_run_trains_it_and_ppo_is_rewarded_by_it(tiny_run, tiny_cache: Path, tmp_path: Path) -> None:
    """No setting tells PPO and best of n which kind it is; the other kind's artifacts are not taken for it."""
    store = tiny_run["reward"].artifact.path.parents[1]
    shutil.copytree(store, tmp_path / "store", ignore=shutil.ignore_patterns("ppo", "best_of_n", "dpo"))
    run = run_tiny(tmp_path, tiny_cache, "stages=[sft,preferences,reward,ppo,best_of_n]", "reward.head=yes_no")
    assert run["preferences"].artifact.path.name == tiny_run["preferences"].artifact.path.name
    reward, value = run["reward"].artifact.path / "reward", run["ppo"].artifact.path / "last/value"
    assert reward.parent.name != tiny_run["reward"].artifact.path.name
    assert load_file(reward / "scalar_head.safetensors") == {}
    assert load_file(value / "scalar_head.safetensors")["weight"].abs().sum() > 0
    adapter = load_file(reward / "adapter_model.safetensors")
    assert all(tensor.abs().max() > 0 for name, tensor in adapter.items() if "lora_B" in name)
    assert any("policy/loss" in row for row in metrics_of(run["ppo"]))
