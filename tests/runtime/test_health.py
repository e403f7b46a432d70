import pytest
import torch

from salmon.errors import SalmonError
from salmon.runtime.health import PPOHealth, require_finite

DIFFERENT = [f"answer {index}" for index in range(8)]
WELL = {
    "objective/kl": 0.2,
    "policy/clip_fraction": 0.1,
    "value/explained_variance": 0.4,
    "sampler/logprob_difference": 0.001,
}


def test_finite_values_pass() -> None:
    require_finite(1, loss=0.5, scores=torch.tensor([1.0, -3e38]), count=torch.tensor([1, 2]), empty=torch.empty(0))


@pytest.mark.parametrize(
    ("named", "says", "cause"),
    [
        ({"policy_loss": float("nan")}, "policy_loss is nan.", "learning rate"),
        (
            {"scores": torch.tensor([1.0, float("-inf"), float("inf")])},
            "scores is -inf in 2 of 3 places",
            "reward model",
        ),
        ({"gradient_norm": torch.tensor(float("inf"))}, "gradient_norm is inf.", "max_grad_norm"),
        ({"shaped_reward": float("inf")}, "shaped_reward is inf", "objective/score"),
        ({"logprobs": torch.tensor([[float("nan")]], requires_grad=True)}, "logprobs is nan.", "float32"),
        ({"values": float("nan")}, "values is nan", "critic_warmup_updates"),
        ({"entropy": float("nan")}, "entropy is nan", "overflow"),
    ],
)
def test_a_value_that_is_not_finite_stops_with_step_name_and_cause(named: dict, says: str, cause: str) -> None:
    with pytest.raises(SalmonError) as caught:
        require_finite(17, fine=1.0, **named)
    message = str(caught.value)
    assert message.startswith("step 17: ")
    assert says in message
    assert cause in message
    assert "fine" not in message


def test_every_broken_value_is_named_and_the_first_gives_the_cause() -> None:
    with pytest.raises(SalmonError, match="scores is nan, policy_loss is nan.*reward model"):
        require_finite(3, scores=float("nan"), policy_loss=float("nan"))


def run(health: PPOHealth, steps: int, responses: list[str] = DIFFERENT, **changes: float | None) -> list[list[str]]:
    """Names of the diagnoses that begin, step by step, when some metrics of a healthy run are replaced."""
    replaced = {name.replace("__", "/"): value for name, value in changes.items()}
    metrics = {name: value for name, value in (WELL | replaced).items() if value is not None}
    return [[found.name for found in health.check(step, metrics, responses)] for step in range(steps)]


def test_a_healthy_run_has_no_diagnosis() -> None:
    health = PPOHealth(window=3)
    assert run(health, 5) == [[]] * 5
    assert health.metrics == {
        "health/kl_negative": 0.0,
        "health/clip_fraction_high": 0.0,
        "health/answers_collapsed": 0.0,
        "health/explained_variance_negative": 0.0,
        "health/sampler_mismatch": 0.0,
    }


@pytest.mark.parametrize(
    ("metric", "bad", "borderline", "name"),
    [
        ("objective__kl", -0.1, 0.0, "kl_negative"),
        ("policy__clip_fraction", 0.31, 0.3, "clip_fraction_high"),
        ("value__explained_variance", -0.01, 0.0, "explained_variance_negative"),
    ],
)
def test_what_must_last_a_window_is_reported_once_when_it_begins(
    metric: str, bad: float, borderline: float, name: str
) -> None:
    assert run(PPOHealth(window=3), 6, **{metric: borderline}) == [[]] * 6
    health = PPOHealth(window=3)
    assert run(health, 5, **{metric: bad}) == [[], [], [name], [], []]
    assert health.metrics[f"health/{name}"] == 1.0  # still there, though reported only once
    run(health, 3)  # well again ...
    assert health.metrics[f"health/{name}"] == 0.0
    assert [name] in run(health, 5, **{metric: bad})  # ... so it is reported anew


def test_one_bad_step_in_a_window_is_no_diagnosis() -> None:
    health = PPOHealth(window=3)
    for _ in range(4):
        assert run(health, 2, policy__clip_fraction=0.9, value__explained_variance=-70.0) == [[], []]
        assert run(health, 1) == [[]]


def test_noise_around_a_kl_of_zero_is_not_negative_kl_but_a_shift_is() -> None:
    def diagnoses(values: list[float]) -> list[str]:
        health = PPOHealth(window=4)
        return [found.name for kl in values for found in health.check(0, WELL | {"objective/kl": kl}, DIFFERENT)]

    # mean -0.01; variance (0.03^2 + 0.01^2 + 0.03^2 + 0.01^2) / 3 = 0.000667;
    # standard error sqrt(0.000667 / 4) = 0.0129; so the upper limit is -0.01 + 0.0258 > 0
    assert diagnoses([-0.04, 0.0, 0.02, -0.02]) == []
    # mean -0.06 with the same standard error: -0.06 + 0.026 < 0
    assert diagnoses([-0.09, -0.05, -0.03, -0.07]) == ["kl_negative"]
    # a mutant that compares the plain mean with 0 would report the first as well
    assert sum([-0.04, 0.0, 0.02, -0.02]) / 4 < 0


def test_collapsed_answers() -> None:
    half = ["same", " same\n", "a", "b"]
    assert run(PPOHealth(), 2, half) == [[], []]  # a half is not more than a half
    assert run(PPOHealth(), 2, ["same", " same\n", "same", "b"]) == [["answers_collapsed"], []]
    assert run(PPOHealth(), 2, ["same"] * 3) == [[], []]  # three answers say nothing
    assert run(PPOHealth(), 1, []) == [[]]


def test_sampler_mismatch() -> None:
    assert run(PPOHealth(), 2, sampler__logprob_difference=0.01) == [[], []]
    assert run(PPOHealth(), 2, sampler__logprob_difference=0.011) == [["sampler_mismatch"], []]


def test_several_at_once_each_with_step_and_remedy() -> None:
    metrics = WELL | {"objective/kl": -1.0, "policy/clip_fraction": 0.9, "value/explained_variance": -1.0}
    found = PPOHealth(window=1).check(4, metrics | {"sampler/logprob_difference": 0.1}, ["x"] * 4)
    remedies = {
        "kl_negative": "ppo.kl.estimator",
        "clip_fraction_high": "ppo.optim.lr",
        "explained_variance_negative": "ppo.critic_warmup_updates",
        "answers_collapsed": "ppo.kl.coefficient",
        "sampler_mismatch": "model.dtype",
    }
    assert [diagnosis.name for diagnosis in found] == list(remedies)
    for diagnosis in found:
        assert diagnosis.message.startswith(f"step 4: {diagnosis.name}: ")
        assert remedies[diagnosis.name] in diagnosis.message


def test_metrics_that_a_step_lacks_neither_begin_nor_end_a_diagnosis() -> None:
    health = PPOHealth(window=2)
    assert run(health, 2, policy__clip_fraction=0.9) == [[], ["clip_fraction_high"]]
    assert run(health, 3, policy__clip_fraction=None) == [[], [], []]
    assert health.metrics["health/clip_fraction_high"] == 1.0


def test_a_resumed_run_goes_on_as_if_never_interrupted() -> None:
    clip = [0.1, 0.4, 0.4, 0.4, 0.4, 0.1, 0.4, 0.4, 0.4]
    steps = [WELL | {"policy/clip_fraction": value} for value in clip]

    def follow(health: PPOHealth, numbers: range) -> list[tuple[list[str], dict[str, float]]]:
        return [([d.name for d in health.check(n, steps[n], DIFFERENT)], health.metrics) for n in numbers]

    whole = follow(PPOHealth(window=3), range(9))
    assert [names for names, _ in whole].count(["clip_fraction_high"]) == 2
    for stop in range(10):
        resumed = PPOHealth(window=3)
        logged = [steps[n] | whole[n][1] for n in range(stop)]
        resumed.restore([row for line in logged for row in (line, {"step": 0, "held_out/score": 1.0})])
        assert follow(resumed, range(stop, 9)) == whole[stop:]
