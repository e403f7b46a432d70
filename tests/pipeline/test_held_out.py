"""No stage trains on a prompt that a result is measured on, in any source, in any form, under any recipe."""

import json
import re
import unicodedata
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from salmon.config.data import OnBadLine
from salmon.config.register import CONF, register
from salmon.config.reward import MISMATCHED, PARAMETRIC
from salmon.config.schema import Config
from salmon.config.sft import SFTSource
from salmon.config.typed import to_typed
from salmon.data.sources import load_prompts
from salmon.data.split import is_held_out
from salmon.errors import SalmonError
from salmon.models.chat import ChatFormat
from salmon.pipeline.registry import STAGES
from salmon.ppo.prompts import select_ppo_prompts
from salmon.preferences.prompts import select_preference_prompts
from salmon.principles.parametric.universe import load_universe
from salmon.reward.pretraining import pretraining_pairs
from salmon.sampling.prompts import Wanted, select_prompts
from salmon.sft.demonstrations import given_demonstrations
from tests.tiny_run import rows_of

register()

EXPERIMENTS = sorted(path.stem for path in (Path(CONF) / "experiment").glob("*.yaml"))
ABLATIONS = sorted(path.stem for path in (Path(CONF) / "ablation").glob("*.yaml"))
RECIPES = {
    "default": [],
    "tiny": ["+experiment=self_judged", "model=tiny"],
    **{name: [f"+experiment={name}"] for name in EXPERIMENTS},
    **{f"ablation {name}": [f"ablation={name}", "+experiment=ablations"] for name in ABLATIONS},
}
BUNDLED = [prompt.prompt for prompt in load_prompts("bundled", OnBadLine.stop)]
FORMS = [
    str,
    str.upper,
    lambda text: f"  {text}\n",
    lambda text: unicodedata.normalize("NFD", text.replace(" ", "\u00a0")),
]


def words(text: str) -> str:
    """What makes two prompts the same, told in another way than the product tells it."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFC", text).casefold())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files whose prompts are those of the others, written otherwise, under other ids and more than once."""
    folder = tmp_path_factory.mktemp("sources")
    more = [f"Tell me about subject number {n}, please." for n in range(600)]
    prompts = [form(text) for text in [*BUNDLED, *more] for form in FORMS]
    rows = {
        "prompts": [{"prompt": text} for text in prompts],
        "other_prompts": [{"id": str(n), "prompt": text} for n, text in enumerate(reversed(prompts))],
        "demonstrations": [{"prompt": text, "response": "Yes."} for text in prompts],
        "pairs": [{"prompt": text, "chosen": "Yes.", "rejected": "No."} for text in prompts],
    }
    for name, made in rows.items():
        lines = [json.dumps(row) + "\n" for row in made]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def chat(load_tiny) -> ChatFormat:
    return load_tiny().chat


def config(*overrides: str) -> Config:
    with initialize_config_dir(CONF, version_base="1.3"):
        return to_typed(compose("config", overrides=list(overrides)), Config)


def trained_and_measured(cfg: Config, chat: ChatFormat) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The prompts that each stage trains on, and those that results are measured on."""
    preferences, ppo = select_preference_prompts(cfg, chat), select_ppo_prompts(cfg, chat)
    if cfg.sft.source is SFTSource.demonstrations:
        sft = given_demonstrations(cfg)
    else:
        sft = select_prompts(cfg.prompts.sft, cfg.prompts, Wanted("sft", cfg.sft.num_prompts), chat, cfg.seed).training
    trained = {"sft": sft, "preferences, reward and dpo": preferences.training, "ppo": ppo.training}
    measured = {"reward model": preferences.held_out, "ppo, dpo and best_of_n": ppo.held_out}
    if cfg.reward.pretrain.data == PARAMETRIC:
        universe = load_universe(cfg.reward.parametric, cfg.prompts.held_out)
        trained["reward.pretrain"], measured["parametric principles"] = universe.training, universe.held_out
    elif cfg.reward.pretrain.data not in (None, MISMATCHED):
        trained["reward.pretrain"] = pretraining_pairs(cfg, Path())
    found = [{name: {words(row.prompt) for row in rows} for name, rows in each.items()} for each in (trained, measured)]
    return found[0], found[1]


def check(cfg: Config, chat: ChatFormat) -> None:
    trained, measured = trained_and_measured(cfg, chat)
    for stage, seen in trained.items():
        for name, held_out in measured.items():
            assert held_out and seen and not seen & held_out, (stage, name)


def needs_other_prompts(name: str) -> bool:
    return config(*RECIPES[name]).prompts.ppo.startswith("hub:")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", [name for name in RECIPES if not needs_other_prompts(name)])
def test_the_bundled_prompts_are_split(name: str, seed: int, chat: ChatFormat) -> None:
    check(config(*RECIPES[name], f"seed={seed}"), chat)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_other_files_that_repeat_the_prompts_are_split_alike(name: str, folder: Path, chat: ChatFormat) -> None:
    files = {
        "prompts.sft": "other_prompts",
        "prompts.preferences": "prompts",
        "prompts.ppo": "other_prompts",
        "reward.pretrain.data": "pairs",
    }
    given = [f"{key}={folder}/{value}.jsonl" for key, value in files.items()]
    check(config(*RECIPES[name], *given, "reward.train.epochs=1"), chat)


@pytest.mark.slow
def test_given_demonstrations_are_split_too(folder: Path, chat: ChatFormat) -> None:
    demonstrations = ["sft=demonstrations", f"sft.demonstrations={folder}/demonstrations.jsonl"]
    cfg = config(*demonstrations)
    check(cfg, chat)
    assert len(given_demonstrations(cfg)) > 500 * len(FORMS)


@pytest.mark.slow
def test_every_stage_of_a_run_keeps_to_the_split(tiny_run) -> None:
    """What the stages wrote of the prompts that they trained on and measured."""
    texts = {prompt.id: prompt.prompt for prompt in load_prompts("bundled", OnBadLine.stop)}
    rows = rows_of(tiny_run["preferences"], "rows")
    trained = {row["prompt"] for row in rows if row["split"] == "train"}
    measured = {row["prompt"] for row in rows if row["split"] == "held_out"}
    measured |= {row["prompt"] for row in rows_of(tiny_run["preferences"], "held_out_pairs")}
    measured |= {row["prompt"] for row in rows_of(tiny_run["preferences"], "probes")}
    measured |= {texts[row["prompt_id"]] for row in rows_of(tiny_run["best_of_n"], "candidates")}
    trained |= {row["prompt"] for row in rows_of(tiny_run["sft"], "demonstrations")}
    assert len(trained) > 10 and len(measured) > 8
    assert not {words(text) for text in trained} & {words(text) for text in measured}
    assert all(is_held_out(text, 0.2) for text in measured) and not any(is_held_out(text, 0.2) for text in trained)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["ppo.held_out_prompts=60", "ppo.num_prompts=100"],
            r"ppo: ppo.held_out_prompts asks for 60 held-out prompts, but bundled has 240 usable prompts, of which "
            r"prompts.held_out=0.2 holds 47 out. Lower it, raise prompts.held_out, or give more prompts",
        ),
        (
            ["ppo.num_prompts=241"],
            r"ppo: ppo.num_prompts=241 less 47 held-out ones asks for more than the 193 that may be trained on: "
            r"bundled has 240 usable prompts, of which prompts.held_out=0.2 holds 47 out",
        ),
    ],
)
def test_too_few_of_a_side_is_one_clear_error(given: list[str], message: str, chat: ChatFormat) -> None:
    with pytest.raises(SalmonError, match=message):
        select_ppo_prompts(config(*given), chat)


def test_the_reward_models_held_out_prompts_are_counted_too(chat: ChatFormat) -> None:
    with pytest.raises(SalmonError, match=r"preferences.held_out_fraction asks for 100 held-out prompts, .* 47 out"):
        select_preference_prompts(config("preferences.num_prompts=200", "preferences.held_out_fraction=0.5"), chat)
    split = select_preference_prompts(config("preferences.num_prompts=24"), chat)
    assert (len(split.training), len(split.held_out)) == (18, 6)
    whole = select_preference_prompts(config("preferences.num_prompts=null", "preferences.held_out_fraction=0.5"), chat)
    assert (len(whole.training), len(whole.held_out)) == (193, 47)  # as many as there are
    few = select_preference_prompts(config("preferences.num_prompts=null", "preferences.held_out_fraction=0.05"), chat)
    assert (len(few.training), len(few.held_out)) == (193, 12)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "prompts.held_out=0 holds no prompts out, and ppo is measured on ppo.held_out_prompts=47 of them"),
        (["stages=[sft,preferences]"], "prompts.held_out=0 holds no prompts out: set preferences.held_out_fraction=0"),
        (["stages=[sft,preferences,dpo]"], "and dpo is measured on ppo.held_out_prompts=47"),
    ],
)
def test_nothing_held_out_is_refused_where_it_is_measured(given: list[str], message: str) -> None:
    with pytest.raises(SalmonError, match=re.escape(message)):
        config("prompts.held_out=0", *given)
    config("prompts.held_out=0", "stages=[sft]")


@pytest.mark.parametrize(
    ("stage", "given", "message"),
    [
        (
            "ppo",
            ["ppo.held_out_prompts=60", "ppo.num_prompts=100"],
            "ppo.held_out_prompts asks for 60 held-out prompts",
        ),
        (
            "dpo",
            ["ppo.held_out_prompts=60", "ppo.num_prompts=100"],
            "ppo.held_out_prompts asks for 60 held-out prompts",
        ),
        ("sft", ["sft.num_prompts=200"], "sft.num_prompts=200 asks for more than the 193 that may be trained on"),
        ("preferences", ["preferences.held_out_fraction=0.9", "preferences.num_prompts=100"], "asks for 90 held-out"),
    ],
)
def test_too_few_prompts_are_told_before_the_first_stage(stage: str, given: list[str], message: str) -> None:
    with pytest.raises(SalmonError, match=message):
        STAGES[stage].check(config(*given, f"stages=[{stage}]"))
    STAGES[stage].check(config())
