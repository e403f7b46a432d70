"""The judge as the reward: log-odds of yes against no, their mean over principles, and what is cut."""

import pytest
import torch

from salmon.config.schema import Config
from salmon.data.rows import Prompt
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.ppo.models import REFERENCE, PPOModels
from salmon.ppo.rewards.judge import fit_response, follow_scores, make_reward
from salmon.preferences.judges.prompts import judge_prompt_ids, option_token_ids
from salmon.principles.bank import Bank, Principle
from salmon.principles.templates import follow_request
from salmon.sampling.responses import Response

CONCISE = Principle("Concise", "It says what is needed and no more.")
HONEST = Principle("Honest", "It does not claim to know what it does not know, and says how sure it is.")
PROMPTS = ["Why is the sky blue?", "Name a fish."]
RESPONSES = ["Because of Rayleigh scattering.", "A salmon, which I am sure of."]


def alone(shared: SharedModel, prompt: str, response: str, principle: Principle) -> float:
    """Log-odds of the two letters after one request, without a shared prefix."""
    a, b = shared.chat.encode("a")[0], shared.chat.encode("b")[0]
    ids = judge_prompt_ids(shared.chat, follow_request(prompt, response, principle.definition))
    with torch.no_grad():
        logits = shared.model(torch.tensor([ids])).logits[0, -1]
    return (logits[a] - logits[b]).item()


def test_a_score_is_the_mean_of_the_log_odds_of_yes(tiny: SharedModel) -> None:
    scores = follow_scores(tiny, None, PROMPTS, RESPONSES, [(CONCISE, HONEST), (HONEST,)], 4000)
    both = [alone(tiny, PROMPTS[0], RESPONSES[0], p) for p in (CONCISE, HONEST)]
    assert scores.tolist() == pytest.approx([sum(both) / 2, alone(tiny, PROMPTS[1], RESPONSES[1], HONEST)], abs=1e-3)
    assert scores[0].item() != pytest.approx(sum(both), abs=1e-3)  # mutant: the sum
    assert scores[0].item() != pytest.approx(-sum(both) / 2, abs=1e-3)  # mutant: no against yes


def test_the_named_adapter_judges(tiny: SharedModel, randomise) -> None:
    for seed, name in enumerate(("reference", "policy")):
        tiny.add_adapter(name, seed)
        randomise(tiny, name, seed)
    shown = [(CONCISE,), (HONEST,)]
    scores = follow_scores(tiny, "reference", PROMPTS, RESPONSES, shown, 4000)
    with tiny.using("reference"):
        expected = [alone(tiny, *row) for row in zip(PROMPTS, RESPONSES, (CONCISE, HONEST), strict=True)]
    assert scores.tolist() == pytest.approx(expected, abs=1e-3)
    other = follow_scores(tiny, "policy", PROMPTS, RESPONSES, shown, 4000)
    assert (scores - other).abs().min() > 1e-3


def test_ppo_asks_the_reference_where_the_judge_is_the_reward(ppo_models: PPOModels, ppo_config, rollout_setup) -> None:
    """Penalty and bonus are added as to the reward model's scores: -1.5, and 2 x 4/8."""
    cfg = Config(ppo=ppo_config(reward_source="judge"))
    bank = Bank("test", (CONCISE, HONEST))
    setup = rollout_setup(ppo_models, cfg.ppo, bank, reward=make_reward(cfg, ppo_models))
    responses = [
        Response([5], [60] * 4, [0.0] * 4, done, text) for done, text in zip((True, False), RESPONSES, strict=True)
    ]
    prompts, shown = [Prompt("a", PROMPTS[0]), Prompt("b", PROMPTS[1])], [(CONCISE,), (HONEST,)]
    scored = setup.score(prompts, responses, shown)
    expected = follow_scores(ppo_models.shared, REFERENCE, PROMPTS, RESPONSES, shown, cfg.ppo.reward_input.max_length)
    assert torch.equal(scored.scores, expected)
    torch.testing.assert_close(scored.total, expected + torch.tensor([1.0, -0.5]))
    by_model = rollout_setup(ppo_models, cfg.ppo, bank).score(prompts, responses, shown)
    assert (by_model.scores - expected).abs().min() > 1e-3


def test_without_principles_there_is_nothing_to_ask(tiny: SharedModel) -> None:
    with pytest.raises(SalmonError, match="reward_source=judge.*principles.rl.*per_prompt"):
        follow_scores(tiny, None, PROMPTS, RESPONSES, [(CONCISE,), ()], 4000)


def frame(shared: SharedModel) -> int:
    return len(judge_prompt_ids(shared.chat, follow_request("", "", HONEST.definition)))


def test_what_fits_is_left_alone(tiny: SharedModel) -> None:
    """The tiny tokenizer's tokens are bytes."""
    texts = ("q" * 10, "x" * 20)
    assert fit_response(tiny.chat, *texts, (CONCISE, HONEST), frame(tiny) + 30) == texts
    assert fit_response(tiny.chat, *texts, (CONCISE, HONEST), frame(tiny) + 29) == ("q" * 9, "x" * 20)


def test_the_prompt_loses_its_start_and_the_response_its_end(tiny: SharedModel) -> None:
    # Room 100: the prompt keeps its last quarter, the response its first 75.
    fitted = fit_response(tiny.chat, "0123456789" * 10, "x" * 75 + "X" * 50, (HONEST,), frame(tiny) + 100)
    assert fitted == (("0123456789" * 10)[-25:], "x" * 75)
    # A response of 40 leaves 60 to the prompt.
    assert fit_response(tiny.chat, "a" * 50 + "b" * 60, "x" * 40, (HONEST,), frame(tiny) + 100) == ("b" * 60, "x" * 40)


def test_a_limit_below_the_question_names_the_setting(tiny: SharedModel) -> None:
    with pytest.raises(
        SalmonError, match=rf"^ppo.reward_input.max_length={frame(tiny) + 15}.* takes {frame(tiny)} tokens"
    ):
        follow_scores(tiny, None, PROMPTS[:1], RESPONSES[:1], [(HONEST,)], frame(tiny) + 15)


def test_the_candidates_are_the_letters_after_the_bracket(tiny: SharedModel) -> None:
    assert option_token_ids(tiny.chat, follow_request("", "", "")) == (
        tiny.chat.encode("a")[0],
        tiny.chat.encode("b")[0],
    )


def test_requests_of_a_response_share_everything_before_the_guideline() -> None:
    one, two = (follow_request("Ask", "Answer.", text) for text in ("Be kind.", "Be short."))
    shared = one.user[: one.user.index("Be kind.")]
    assert two.user.startswith(shared) and shared.index("Ask") < shared.index("Answer.")
    assert one.user.index("(a) yes") < one.user.index("(b) no") and one.reply_prefix.endswith("(")
