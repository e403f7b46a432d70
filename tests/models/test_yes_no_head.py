"""A score from the base's own " Yes" and " No": what it is, and that a model with such a head is known as one."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from salmon.config.reward import RewardConfig, RewardHead
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.forward import score_forward
from salmon.models.heads import HEAD_FILE, ScalarHead, YesNoHead, load_scalar_model, new_head, save_scalar_model
from salmon.models.initial_adapters import load_initial_scalar_model
from salmon.models.trial import try_scoring
from salmon.reward.inputs import reward_input

YES_NO = RewardHead.yes_no
TEXTS = [("A salmon.", "Name a fish."), ("It is a dog, I think.", "Name a fish.")]


def saved(shared: SharedModel, randomise, folder: Path, layers: int | None = None) -> Path:
    """The folder of a reward model with random weights."""
    shared.add_adapter("reward", 0, layers)
    randomise(shared, "reward", seed=1)
    save_scalar_model(shared, "reward", new_head(shared, YES_NO, 0, layers), folder)
    return folder


def inputs(shared: SharedModel, config: RewardConfig) -> list[list[int]]:
    return [reward_input(shared.chat, *texts, ["Be brief."], config, YES_NO).ids for texts in TEXTS]


def log_odds(shared: SharedModel, ids: list[int]) -> float:
    """Directly: the probabilities of the next letter, which in this tokenizer is a token, by the whole model."""
    text = shared.tokenizer.decode(ids)
    assert text.endswith("\n- Be brief.\n\nDoes the response follow every guideline?\nAnswer: ")  # the answers' space
    yes, no = (shared.tokenizer.convert_tokens_to_ids(letter) for letter in "YN")
    probabilities = shared.model(torch.tensor([ids])).logits[0, -1].softmax(-1)
    return (probabilities[yes] / probabilities[no]).log().item()


@pytest.mark.parametrize("layers", [None, 1])
def test_a_score_is_the_log_odds_of_the_next_token(
    load_tiny, randomise, reward_config: RewardConfig, tmp_path: Path, layers: int | None
) -> None:
    """Of the base cut to its first layers, where only these run: its final norm and output layer are as they were."""
    folder = saved(load_tiny(), randomise, tmp_path / "reward", layers)
    shared, whole = load_tiny(), load_tiny()
    head = load_scalar_model(shared, "reward", folder)
    if layers is not None:
        whole.model.get_decoder().layers = whole.model.get_decoder().layers[:layers]
        whole.model.config.num_hidden_layers = layers
    whole.load_adapter("reward", folder)
    with torch.no_grad(), shared.using("reward"), whole.using("reward"):
        read = inputs(shared, reward_config)
        scores = score_forward(shared, head, read).tolist()
        assert scores == pytest.approx([log_odds(whole, ids) for ids in read], abs=1e-5)
    assert abs(scores[0] - scores[1]) > 1e-4 and min(map(abs, scores)) > 1e-4


def test_its_gradient_reaches_the_adapter_and_it_has_no_weights(tiny: SharedModel) -> None:
    try_scoring(tiny, YES_NO, None, 0)
    try_scoring(tiny, YES_NO, 1, 0)
    assert list(new_head(tiny, YES_NO, 0, None).parameters()) == []


def test_a_folder_says_which_kind_it_is(load_tiny, randomise, tmp_path: Path) -> None:
    folder = saved(load_tiny(), randomise, tmp_path / "yes_no", layers=1)
    shared = load_tiny()
    head = load_scalar_model(shared, "reward", folder)
    assert isinstance(head, YesNoHead) and head.layers == 1
    with safe_open(folder / HEAD_FILE, "pt") as file:
        assert list(file.keys()) == []
    save_scalar_model(shared, "reward", ScalarHead(shared.hidden_size, 0), tmp_path / "scalar")
    assert isinstance(load_scalar_model(shared, "other", tmp_path / "scalar"), ScalarHead)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"head": "yes_no", "tokens": "3 4"}, 'it compares the tokens 3 4, and "Yes" and "No" are'),
        ({"head": "yes_no"}, "it compares the tokens None"),
        ({"head": "maybe"}, "'maybe' is not a valid RewardHead"),
        ({"layers": "1"}, "Missing key"),  # a scalar head without its numbers
    ],
)
def test_a_head_of_another_tokenizer_or_kind_is_refused(
    tiny: SharedModel, randomise, tmp_path: Path, metadata: dict[str, str], said: str
) -> None:
    folder = saved(tiny, randomise, tmp_path)
    save_file({}, folder / HEAD_FILE, metadata)
    with pytest.raises(SalmonError, match=f"{HEAD_FILE} does not fit the base random:tiny: .*{said}"):
        load_scalar_model(tiny, "again", folder)


def test_training_goes_on_from_a_model_of_the_same_kind_only(tiny: SharedModel, randomise, tmp_path: Path) -> None:
    yes_no, scalar = saved(tiny, randomise, tmp_path / "yes_no"), tmp_path / "scalar"
    save_scalar_model(tiny, "reward", ScalarHead(tiny.hidden_size, 0), scalar)
    assert load_initial_scalar_model(tiny, "one", str(yes_no), YES_NO, None).kind is YES_NO
    with pytest.raises(SalmonError, match=rf"^reward.head=scalar, but .*{yes_no} has yes_no: set reward.head=yes_no"):
        load_initial_scalar_model(tiny, "two", str(yes_no), RewardHead.scalar, None)
    with pytest.raises(SalmonError, match=rf"^reward.head=yes_no, but .*{scalar} has scalar: set reward.head=scalar"):
        load_initial_scalar_model(tiny, "three", str(scalar), YES_NO, None)
