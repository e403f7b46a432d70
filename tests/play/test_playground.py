"""The models behind the page, on the tiny base: answers of two policies, and scores that an edit costs little."""

from pathlib import Path

import pytest
import torch

from salmon.config.sampling import SamplingSettings
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.play.app import AGAINST, FOR, PlayPage, Sampled, written
from salmon.play.found import Shown, ShownPolicy
from salmon.play.playground import Wish, opened_playground
from salmon.play.principles import AskedPrinciple, Written
from salmon.play.training_texts import TrainingTexts
from salmon.play.view import Known
from salmon.reward.trained_model import ADAPTER
from salmon.runtime.artifact import Artifact
from salmon.runtime.store import Store
from salmon.sampling.sampler import transformers_sampler

SAMPLING = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=6, batch_size=4)
LIMITS = {"max_length": 300, "max_instruction_tokens": 60, "max_response_tokens": 60}
BRIEF, LONG = AskedPrinciple("Be brief.", None), AskedPrinciple("Write at great length.", None)


@pytest.fixture
def shown(ppo_folders: tuple[Path, Path], tiny_config, tmp_path: Path) -> Shown:
    store, sft = Store(tmp_path), ppo_folders[0]
    work = store.work_dir("reward", "0" * 16)
    (work / "reward").symlink_to(ppo_folders[1])
    artifact: Artifact = store.commit("reward", "0" * 16, {"config": {"reward": LIMITS}})
    return Shown((ShownPolicy("sft", sft), ShownPolicy("base", None)), artifact, tiny_config)


def wish(**changes) -> Wish:
    return Wish(**({"prompt": "Name a fish.", "number": 3, "sampling": SAMPLING, "seed": 0} | changes))


def test_answers_of_both_policies_are_ranked_by_what_is_asked(tiny: SharedModel, shown: Shown) -> None:
    with opened_playground(tiny, shown, transformers_sampler) as playground:
        answers = playground.answer(wish())
        assert [answer.policy for answer in answers] == ["sft"] * 3 + ["base"] * 3
        assert playground.answer(wish()) == answers, "equal wishes, equal answers"
        assert playground.answer(wish(seed=1)) != answers
        ranking = playground.rank("Name a fish.", answers, [BRIEF, LONG])
        scores = [one.score for one in ranking.scored]
        assert scores == sorted(scores, reverse=True)
        with tiny.using(ADAPTER), torch.no_grad():
            cells = [("Name a fish.", one.answer.text) for one in ranking.scored]
            expected = playground.scorer.score(cells, [(BRIEF.text, LONG.text), (BRIEF.text,), (LONG.text,)])
        found = torch.tensor([[one.score, *one.alone] for one in ranking.scored])
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert tiny.adapters == [], "the base is as it was"


def test_an_edit_costs_the_tokens_of_the_guidelines(tiny: SharedModel, shown: Shown) -> None:
    with opened_playground(tiny, shown, transformers_sampler) as playground:
        answers = playground.answer(wish())
        playground.rank("Name a fish.", answers, [BRIEF])
        before = playground.scorer.num_tokens
        playground.rank("Name a fish.", answers, [LONG])
        read = playground.reward.read(("Name a fish.", answers[0].text), (LONG.text,))
        texts = len({answer.text for answer in answers})
        assert playground.scorer.num_tokens - before <= 6 * (len(read.ids) - read.before_guidelines)
        assert before > texts * read.before_guidelines, "the answers were read once"


def test_what_cannot_be_answered_or_scored_is_said(tiny: SharedModel, shown: Shown) -> None:
    with opened_playground(tiny, shown, transformers_sampler) as playground:
        with pytest.raises(SalmonError, match="write a prompt first"):
            playground.answer(wish(prompt=" \n"))
        with pytest.raises(SalmonError, match="more than the 8192 of the model's context"):
            playground.answer(wish(prompt="x" * 9000))
        with pytest.raises(SalmonError, match="leaves no room for a response"):
            playground.rank("Hi.", playground.answer(wish()), [AskedPrinciple("x" * 400, None)])


def test_the_pages_events(tiny: SharedModel, shown: Shown) -> None:
    known = Known("reward-0", True, TrainingTexts({}, None, None), None)
    boxes = ("Be brief.", "", FOR, AGAINST)
    with opened_playground(tiny, shown, transformers_sampler) as playground:
        page = PlayPage(playground, known, 6)
        kept = page.sample("Name a fish.", 2, 1.0, None)
        html = page.ranking(kept, *boxes)
        assert len(kept.answers) == 4 and html.count("play-row") == 4 and "Be brief." in html
        assert "It is wrong to follow this: Be odd." in page.ranking(kept, "Be odd.", "", AGAINST, FOR)
        assert "write a prompt first" in page.ranking(page.sample("", 2, 1.0, 0), *boxes)
        assert "leaves no room" in page.ranking(kept, "x" * 400, "", FOR, FOR)
        assert "No answers yet" in page.ranking(Sampled(), *boxes)
        assert "sft and base" in page.about and "never measured" in page.about


def test_a_policy_of_another_base_is_refused_and_leaves_nothing(
    tiny: SharedModel, shown: Shown, tmp_path: Path
) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 4, "lora_alpha": 8}')
    odd = Shown((shown.policies[0], ShownPolicy("odd", tmp_path / "odd")), shown.reward, shown.model)
    with pytest.raises(SalmonError, match="no adapter in .*odd"), opened_playground(tiny, odd, transformers_sampler):
        pass
    assert tiny.adapters == []


def test_boxes_are_texts_then_sides() -> None:
    assert written(("a", "b", FOR, AGAINST)) == [Written("a", False), Written("b", True)]
