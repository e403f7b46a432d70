"""Every setting is in the identity of the stages that it decides, and of no others; or it is listed, with a reason."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir

from eval.config import EVAL_TASKS, JudgeKind, PairsSettings, SafetyProbeSettings
from salmon.config.register import CONF, register
from salmon.config.reward import PARAMETRIC
from salmon.config.sampling import RolloutBackend
from salmon.config.schema import Config
from salmon.config.sft import SFTSource
from salmon.config.typed import to_typed
from salmon.config.walk import settings
from salmon.models.identity import model_identity
from salmon.pipeline.registry import STAGES
from salmon.principles import bank
from salmon.runtime import adapter_files

pytestmark = pytest.mark.slow

ALL = set(STAGES)
MEASURED = {"ppo", "dpo", "best_of_n"}  # on held-out prompts of ``prompts.ppo``
SCORED = {"ppo", "best_of_n"}
DECIDED = {  # setting, or the beginning of several -> stages whose results it decides; the longest beginning counts
    "seed": ALL,
    "model.": ALL,
    "prompts.": {"sft", "preferences", *MEASURED},
    "prompts.held_out": {"sft", "preferences", "reward", *MEASURED},
    "principles.reward_": {"preferences"},
    "principles.include": MEASURED,
    "principles.exclude": MEASURED,
    "rollout.backend": {"sft", "preferences", *MEASURED},
    "sft.": {"sft"},
    "preferences.": {"preferences"},
    "reward.": {"reward"},
    "ppo.": {"ppo"},
    "ppo.seed": MEASURED,
    "ppo.held_out_prompts": MEASURED,
    "ppo.sampling.": MEASURED,
    "ppo.reward_source": SCORED,
    "ppo.reward_input.": SCORED,
    "ppo.principles.": SCORED,
    "ppo.shaping.": SCORED,
    "dpo.": {"dpo"},
    "best_of_n.": {"best_of_n"},
    "eval.": {"eval"},
}
NO_RESULT = {  # not cosmetic, and yet no result hangs on them
    "name": "W&B's group and the job's folder",
    "stages": "which results are made, not what they are",
    "principles.name": "a tag",
    "prompts.on_bad_line": "a file with bad lines gives one result or none",
    "tracking.": "what is reported, and where",
    "paths.": "where results lie",
}
READERS = (  # of banks
    "salmon.principles.selection",
    "salmon.sft.spec",
    "salmon.ppo.spec",
    "salmon.ppo.principle_choice",
    "eval.identity",
)
COSMETIC_BUT = {  # changes no policy, but which are kept; or where a run may end, in one of its values
    "ppo.keep_every": {"ppo"},
    "ppo.sentinel": {"ppo"},
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A config in which every stage reads as much as it can."""
    register()
    folder = tmp_path_factory.mktemp("settings")
    (folder / "pairs.jsonl").write_text('{"prompt": "Why?", "chosen": "So.", "rejected": "No."}\n')
    with initialize_config_dir(CONF, version_base="1.3"):
        composed = compose(
            "config",
            overrides=[
                "+experiment=self_judged",
                "model=tiny",
                "principles=verifiable",
                "tracking=disabled",
                f"paths.cache={folder}",
            ],
        )
    cfg: Config = to_typed(composed, Config)
    cfg.sft.source = SFTSource.self_align
    cfg.reward.pretrain.data = str(folder / "pairs.jsonl")
    cfg.eval.tasks = list(EVAL_TASKS)
    cfg.eval.draw.bbh = 27  # so that the seed of draws has something to decide
    cfg.eval.mt_bench.judge.kind = cfg.eval.truthfulqa_gen.judge.kind = JudgeKind.openai
    cfg.eval.pairs = PairsSettings({}, ["harmless_11"])
    cfg.eval.probes = SafetyProbeSettings({}, cfg.eval.probes.max_new_tokens)
    return cfg


@pytest.fixture(scope="module")
def variants(base: Config) -> list[Config]:
    """The config, and one in which what it leaves idle is at work."""
    styled = deepcopy(base)
    styled.sft.source, styled.rollout.backend = SFTSource.styled, RolloutBackend.vllm
    return [base, styled]


@pytest.fixture
def _files_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file changes, and hundreds of configs name the same ones."""
    for name in (
        *(f"{module}.load_bank" for module in READERS),
        "salmon.sft.spec.load_exemplars",
        "salmon.data.sources.file_digest",
        "eval.identity.content_hash",
    ):
        monkeypatch.setattr(name, remembered(resolve_name(name)))


def remembered(read: Callable[..., Any]) -> Callable[..., Any]:
    """The same, once for each way in which it is called."""
    known: dict[str, Any] = {}

    def reading(*arguments: Any, **named: Any) -> Any:
        key = repr((arguments, named))
        if key not in known:
            known[key] = read(*arguments, **named)
        return known[key]

    return reading


def identities(cfg: Config) -> dict[str, str]:
    """By stage, as the pipeline has them, but for what the stages before it decide."""
    common = {"seed": cfg.seed, "model": model_identity(cfg.model, Path(cfg.paths.cache))}
    return {name: json.dumps({**common, **spec.settings(cfg)}, sort_keys=True) for name, spec in STAGES.items()}


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any, Field]]:
    """(key, the dataclass that has it, its field) of every setting."""
    for field in fields(node):
        value = getattr(node, field.name)
        inner = value if isinstance(value, list) and value and is_dataclass(value[0]) else None
        if is_dataclass(value):
            yield from leaves(value, f"{path}{field.name}.")
        elif inner is not None:
            for number, item in enumerate(inner):
                yield from leaves(item, f"{path}{field.name}[{number}].")
        else:
            yield f"{path}{field.name}", node, field


def other(key: str, value: Any, cfg: Config) -> Any:
    """Another value of a setting."""
    names = {"principles.include": cfg.principles.rl, "principles.exclude": cfg.principles.rl}
    if key in names:
        return [bank.load_bank(names[key] or "").names[0]]
    if key == "principles.reward_exclude":
        return [bank.load_bank(cfg.principles.reward).names[-1]]
    if key == "eval.tasks":
        return value[:-1]
    if key == "ppo.reward_source":
        return "judge"
    if isinstance(value, bool):
        return not value
    if isinstance(value, Enum):
        return [member for member in type(value) if member is not value][-1]
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, dict):
        return {**value, "brief": 0.5, "reasoning": 0.5}
    if isinstance(value, list):
        return [*value, "another"]
    return 1 if value is None else f"{value}x"


def decided(key: str, field: Field) -> set[str]:
    """Stages whose results a setting is said to decide."""
    if field.metadata.get("cosmetic"):
        return COSMETIC_BUT.get(key, set())
    known = [
        begin for begin in {**DECIDED, **NO_RESULT} if key == begin or (key.startswith(begin) and begin[-1] in "._")
    ]
    assert known, f"{key} is new: say in this file which stages it decides, or why it decides none"
    longest = max(known, key=len)
    return set() if longest in NO_RESULT else DECIDED[longest]


@pytest.mark.usefixtures("_files_are_read_once")
def test_every_setting_decides_what_it_is_said_to_decide(variants: list[Config]) -> None:
    wrong: dict[str, tuple[list[str], list[str]]] = {}
    before = [identities(cfg) for cfg in variants]
    for key, _, field in list(leaves(variants[0])):
        if field.metadata.get("by_content"):
            continue
        changed: set[str] = set()
        groups = ("sft.", "prompts.", "rollout.")  # that the second one is about
        for cfg, old in list(zip(variants, before, strict=True))[: 2 if key.startswith(groups) else 1]:
            mine = deepcopy(cfg)
            owner = next(owner for found, owner, _ in leaves(mine) if found == key)
            setattr(owner, field.name, other(key, getattr(owner, field.name), cfg))
            new = identities(mine)
            changed |= {name for name in STAGES if new[name] != old[name]}
        if changed != decided(key, field):
            wrong[key] = (sorted(changed), sorted(decided(key, field)))
    assert wrong == {}, "key -> (stages whose identity has it, stages that it is said to decide)"


def test_the_walk_finds_what_the_config_has(base: Config) -> None:
    assert [key for key, _, _ in leaves(base)] == [setting.key for setting in settings(base)]


# --- files ---------------------------------------------------------------------------------------

KIND = {"name": "Kind", "definition": "It is kind.", "negative_definition": "It is unkind.", "check": "formal"}
BANK = {"principles": [KIND]}
EXAMPLE = {"user": "Why?", "thought": "Rules 1 (kind) apply, because it asks.", "answer": "So."}
TEXTS = {
    "bank.yaml": yaml.safe_dump(BANK),
    "exemplars.yaml": yaml.safe_dump({"exemplars": [{"turns": [EXAMPLE]}]}),
    "prompts.jsonl": '{"prompt": "Why is it kind?"}\n',
    "answers.jsonl": '{"prompt": "Why?", "response": "So kind."}\n',
    "pairs.jsonl": '{"prompt": "Why?", "chosen": "So kind.", "rejected": "No."}\n',
    "parametric.jsonl": "".join(
        json.dumps({"prompt": f"Why number {n}?", "response": answer}) + "\n"
        for n in range(9)
        for answer in ("It is kind.", "So it was.")
    ),
    "families.py": """from dataclasses import replace
from salmon.principles.parametric.families.exclamation import EXCLAMATION
FAMILIES = (replace(EXCLAMATION, name="another"),)  # of this kind
""",
    f"adapter/{adapter_files.CONFIG}": '{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "task": "kind"}',
    f"adapter/{adapter_files.WEIGHTS}": "weights",
}


def demonstrated(cfg: Config) -> None:
    cfg.sft.source = SFTSource.demonstrations


def whole_bank(cfg: Config) -> None:
    cfg.principles.reward_exclude = []


def parametric(cfg: Config) -> None:
    cfg.reward.pretrain.data = PARAMETRIC


Prepare = Callable[[Config], None]
BY_CONTENT: dict[str, tuple[str, set[str], Prepare | None]] = {  # setting -> file, stages that read it, what is set too
    "prompts.sft": ("prompts.jsonl", {"sft"}, None),
    "prompts.preferences": ("prompts.jsonl", {"preferences"}, None),
    "prompts.ppo": ("prompts.jsonl", MEASURED, None),
    "principles.self_align": ("bank.yaml", {"sft"}, None),
    "principles.exemplars": ("exemplars.yaml", {"sft"}, None),
    "principles.reward": ("bank.yaml", {"preferences"}, whole_bank),
    "principles.rl": ("bank.yaml", SCORED, None),
    "principles.interventions": ("bank.yaml", SCORED, None),
    "principles.monitor": ("bank.yaml", MEASURED, None),
    "sft.start": ("adapter", {"sft"}, None),
    "sft.demonstrations": ("answers.jsonl", {"sft"}, demonstrated),
    "reward.start": ("adapter", {"reward"}, None),
    "reward.pretrain.data": ("pairs.jsonl", {"reward"}, None),
    "reward.parametric.answers": ("parametric.jsonl", {"reward"}, parametric),
    "reward.parametric.families": ("families.py", {"reward"}, parametric),
}


def test_every_setting_that_names_a_file_is_tried(base: Config) -> None:
    """Those of the model and of the evaluation are tried where their identity is tested."""
    named = {key for key, _, field in leaves(base) if field.metadata.get("by_content")}
    assert {key for key in named if key.split(".")[0] not in ("model", "eval")} == set(BY_CONTENT)


@pytest.mark.parametrize("key", BY_CONTENT)
def test_a_file_counts_by_its_content_and_not_by_its_spelling(
    base: Config, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, stages, prepare = BY_CONTENT[key]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in (tmp_path, tmp_path / "copy"):
        for file, text in TEXTS.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text)

    def of(path: str) -> dict[str, str]:
        cfg = deepcopy(base)
        if prepare is not None:
            prepare(cfg)
        owner, field = next((owner, field) for found, owner, field in leaves(cfg) if found == key)
        setattr(owner, field.name, [path] if isinstance(getattr(owner, field.name), list) else path)
        return identities(cfg)

    one, *others = [of(path) for path in (f"./{name}", str(tmp_path / name), f"~/{name}", f"copy/{name}")]
    assert others == [one] * 3
    read = [tmp_path / file for file in TEXTS if file.split("/")[0] == name]
    for file in read:
        before = file.read_text()
        file.write_text(before.replace("kind", "curt").replace("weights", "Weights"))
        edited = of(f"./{name}")
        assert {stage for stage in STAGES if edited[stage] != one[stage]} == stages, file
        file.write_text(before)


def test_the_name_of_the_base_in_an_adapter_decides_nothing(tmp_path: Path) -> None:
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8}
    for folder, path in (("one", "./base"), ("two", "/home/me/base")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / adapter_files.CONFIG).write_text(json.dumps({**config, "base_model_name_or_path": path}))
        (tmp_path / folder / adapter_files.WEIGHTS).write_bytes(b"weights")
    one, two = (adapter_files.adapter_identity(str(tmp_path / folder)) for folder in ("one", "two"))
    assert one == two
