"""The schema declares every setting once, and every setting is read somewhere."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from omegaconf import MISSING

from eval.config import EvalApp, EvalConfig
from salmon.config.register import ROOT
from salmon.config.schema import Config
from salmon.config.setting import Constraints
from salmon.config.texts import text_problem


def reached(cls: type) -> Iterator[type]:
    """The dataclass, its bases, and those that its fields are or hold."""
    yield from (base for base in cls.__mro__ if is_dataclass(base))
    for hint in get_type_hints(cls).values():
        for inner in (hint, *get_args(hint)):
            if isinstance(inner, type) and is_dataclass(inner):
                yield from reached(inner)


SETTINGS = {cls.__name__: cls for root in (Config, EvalApp) for cls in reached(root)}
CHECKS = {ROOT / "salmon" / "config", ROOT / "eval" / "rules.py"}  # to refuse a value is not to use it


def sources() -> list[ast.Module]:
    paths = [path for top in ("salmon", "eval") for path in (Path(ROOT) / top).rglob("*.py")]
    return [ast.parse(path.read_text()) for path in paths if not CHECKS & {path, *path.parents}]


class SettingReads(ast.NodeVisitor):
    """Which settings of which schema class code reads, following annotations, attributes and plain assignments.

    By name alone ``path``, ``name`` or ``batch_size`` would count as read everywhere; so the types of parameters,
    of dataclass fields and of ``x = cfg.ppo`` are followed, which is enough for this code base.
    """

    def __init__(self, modules: Iterable[ast.Module]) -> None:
        modules = list(modules)
        self.types: dict[tuple[str, str], set[str]] = {}  # (class, attribute) -> classes it may have
        for name, cls in SETTINGS.items():
            self.types |= {(name, f.name): _names(ast.parse(_text(f.type), mode="eval")) for f in fields(cls)}
        self.types |= {
            (cls.name, s.target.id): _names(s.annotation)
            for module in modules
            for cls in ast.walk(module)
            if isinstance(cls, ast.ClassDef)
            for s in cls.body
            if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
        }
        self.classes = {c.name for m in modules for c in ast.walk(m) if isinstance(c, ast.ClassDef)} | set(SETTINGS)
        self.read: set[tuple[str, str]] = set()
        for _ in range(2):  # the second time with the types of ``self.x = x``
            self.scopes: list[dict[str, set[str]]] = [{}]
            self.owner = ""
            for module in modules:
                self.visit(module)

    def of(self, node: ast.expr) -> set[str]:
        """Classes that an expression may be an instance of."""
        if isinstance(node, ast.Name):
            return next((scope[node.id] for scope in reversed(self.scopes) if node.id in scope), set())
        if isinstance(node, ast.Attribute):
            return {t for owner in self.of(node.value) for t in self.types.get((owner, node.attr), ())} & self.classes
        return set()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer, self.owner = self.owner, node.name
        self.generic_visit(node)
        self.owner = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        scope = {p.arg: _names(p.annotation) & self.classes for p in parameters}
        if self.owner and "self" in scope:
            scope["self"] = {self.owner}
        self.scopes.append(scope)
        self.generic_visit(node)
        self.scopes.pop()

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            for name, value in pairs:
                if isinstance(name, ast.Name):
                    self.scopes[-1][name.id] = self.of(value)
                elif isinstance(name, ast.Attribute):
                    for owner in self.of(name.value):
                        self.types.setdefault((owner, name.attr), set()).update(self.of(value))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Load):
            self.read |= {(owner, node.attr) for owner in self.of(node.value)}
        self.generic_visit(node)


def _text(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _names(annotation: ast.AST | None) -> set[str]:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval")
    return {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)} if annotation else set()


def dead(modules: Iterable[ast.Module]) -> list[str]:
    read = SettingReads(modules).read
    return [
        f"{name}.{f.name}"
        for name, cls in SETTINGS.items()
        for f in fields(cls)
        if not any((base.__name__, f.name) in read for base in cls.__mro__)
    ]  # code for a base reads it of all


# eval/__main__.py reads it before the config has a type, so that the task it names is checked like the others.
UNTYPED = ["EvalApp.task"]


@pytest.mark.slow
def test_every_setting_is_read() -> None:
    assert dead(sources()) == UNTYPED


@pytest.mark.slow
def test_a_dead_setting_is_found() -> None:
    """The same code without one reader, whose setting's name is read elsewhere for other settings."""

    readers = ("reward.max_length", "limits.max_length", "pretrain.max_length")

    class Without(ast.NodeTransformer):
        def visit_Attribute(self, node: ast.Attribute) -> Any:
            self.generic_visit(node)
            return ast.Constant(0) if ast.unparse(node).endswith(readers) else node

    assert dead([Without().visit(module) for module in sources()]) == [
        "RewardConfig.max_length",
        "PretrainSettings.max_length",
        *UNTYPED,
    ]


@pytest.mark.parametrize("name", SETTINGS)
def test_the_schema_gives_no_values(name: str) -> None:
    """Each value stands once, in ``conf/``."""
    for f in fields(SETTINGS[name]):
        if f.default_factory is not NO_DEFAULT:
            assert f.default_factory in SETTINGS.values(), f.name
        else:
            assert f.default == MISSING, f.name


def own_limits() -> Iterator[tuple[str, str, Any, Constraints]]:
    """(class, field, type, limits) of every setting, where it is declared."""
    for name, cls in SETTINGS.items():
        for f in fields(cls):
            if f.name in cls.__annotations__:
                yield name, f.name, f.type, f.metadata.get("constraints", Constraints())


def test_numbers_have_these_limits() -> None:
    """A literal list: a limit that is lost here lets a senseless value through."""
    found: dict[str, dict[str, list[str]]] = {}
    for cls, name, _, limits in own_limits():
        if (limits.at_least, limits.above, limits.at_most, limits.below) != (None, None, None, None):
            found.setdefault(limits.limits(0.5), {}).setdefault(cls, []).append(name)
    assert found == {
        "be at least 1": {
            "ModelConfig": ["context"],
            "LoraSettings": ["r"],
            "PrinciplesConfig": ["reward_wordings"],
            "PromptsConfig": ["max_tokens"],
            "SFTConfig": ["samples_per_prompt", "num_prompts", "max_prompt_tokens", "max_response_tokens"],
            "SamplingSettings": ["max_new_tokens", "batch_size"],
            "SupervisedSettings": ["batch_size", "micro_batch_size", "save_every"],
            "PreferencesConfig": ["num_prompts", "pairs_per_prompt", "min_response_chars"],
            "PairJudgeSettings": ["max_tokens"],
            "AggregationSettings": ["passes", "max_principles"],
            "RewardConfig": ["layers", "rows_together", "max_length", "max_instruction_tokens", "max_response_tokens"],
            "PretrainSettings": ["limit", "max_length", "max_instruction_tokens", "max_response_tokens"],
            "EditSettings": ["clearest_of"],
            "LessonSettings": ["frames", "wordings", "answer_tokens", "pairs"],
            "ParametricSettings": ["principles", "times"],
            "ProbeSettings": ["every", "pairs"],
            "PPOConfig": [
                "answers_per_prompt",
                "num_prompts",
                "held_out_prompts",
                "epochs",
                "max_updates",
                "rollout_batch",
                "minibatch",
                "inner_epochs",
                "micro_batch_size",
                "eval_every",
                "save_every",
                "keep_every",
            ],
            "RewardInputSettings": ["max_length", "max_instruction_tokens", "max_response_tokens"],
            "BestOfNConfig": ["n"],
            "EvalConfig": ["limit", "batch_size"],
            "DrawSettings": ["truthfulqa_mc", "bbh", "mt_bench"],
            "BBHSettings": ["max_new_tokens"],
            "TruthfulQAGenSettings": ["max_new_tokens"],
            "EndpointSettings": ["concurrent_calls", "calls_per_minute"],
            "HumanEvalSettings": ["max_new_tokens"],
            "IFBenchSettings": ["max_new_tokens"],
            "TyDiQASettings": ["max_new_tokens"],
            "MTBenchSettings": ["max_new_tokens"],
            "EvalJudgeSettings": ["repeats"],
            "SafetyProbeSettings": ["max_new_tokens"],
            "PrincipleFollowingSettings": ["parametric_items", "limit", "real_limit", "batch_size"],
        },
        "be 0": {"LoraSettings": ["dropout"]},
        "be at least 0 and below 1": {
            "PromptsConfig": ["held_out"],
            "PreferencesConfig": ["held_out_fraction"],
            "ParametricSettings": ["held_out"],
        },
        "be between 0 and 1": {
            "SFTConfig": ["styles"],
            "PreferencesConfig": ["styles", "contrast"],
            "AggregationSettings": [
                "negation_probability",
                "label_noise",
                "veto_label_noise",
                "ai_disclaimer_veto",
                "planted_bias_probability",
            ],
            "LessonSettings": [
                "words",
                "sentences",
                "said_twice",
                "quoted",
                "together",
                "indifferent",
                "unedited",
                "stop_at_accuracy",
            ],
            "EditSettings": ["crossed", "two_answers", "shortened"],
            "ParametricSettings": ["review"],
            "PPOConfig": ["gamma", "lam"],
        },
        "be between 1 and 86400": {"HumanEvalSettings": ["timeout_s"]},
        "be between 1 and 16777216": {"HumanEvalSettings": ["memory_mib"]},
        "be between 0 and 1000000": {"PrincipleSamplingSettings": ["boost"]},
        "be above 0 and at most 86400": {"EndpointSettings": ["timeout_s"]},
        "be at most 0": {"ShapingSettings": ["unfinished_penalty", "empty_penalty"]},
        "not be negative": {
            "Config": ["seed"],
            "EvalApp": ["seed"],
            "DrawSettings": ["seed"],
            "PromptsConfig": ["min_tokens"],
            "FilterSettings": ["min_answer_chars", "max_prompt_overlap_chars"],
            "SupervisedSettings": ["epochs"],
            "RewardConfig": ["first_layer", "consistency"],
            "ParametricSettings": ["split_seed"],
            "PrincipleSamplingSettings": ["per_prompt"],
            "TrackingConfig": ["sample_rows"],
            "LaunchConfig": ["gpus_per_job"],
            "PrincipleFollowingSettings": ["bootstrap"],
            "SamplingSettings": ["temperature"],
            "OptimSettings": ["warmup", "weight_decay"],
            "PPOConfig": ["seed", "value_coefficient", "critic_warmup_updates"],
            "ShapingSettings": ["length_bonus_cap"],
            "KLSettings": ["coefficient", "target", "horizon"],
            "EndpointSettings": ["max_retries", "price_prompt", "price_completion"],
            "EvalJudgeSettings": ["temperature"],
        },
        "be above 0 and at most 1": {"SamplingSettings": ["top_p"], "AggregationSettings": ["geometric_p"]},
        "be above 0": {
            "OptimSettings": ["lr", "max_grad_norm"],
            "LoraSettings": ["alpha"],
            "ShapingSettings": ["scale"],
            "PPOConfig": ["clip_range", "clip_range_value", "target_kl"],
            "DPOConfig": ["beta"],
        },
        "be at least 2": {"PreferencesConfig": ["samples_per_prompt"]},
        "be above 0 and below 1": {"RolloutConfig": ["gpu_memory_utilization"]},
    }


# Numbers that may be anything finite, and why.
UNLIMITED = {
    "ShapingSettings.length_bonus": "a negative one rewards short responses",
    "ShapingSettings.length_bonus_multiplier": "a negative one rewards short responses to that type of question",
}


def test_every_number_has_limits_or_a_reason() -> None:
    """Also where the limit is that of every count, 0: a new setting is thought about."""
    assert {
        f"{cls}.{name}"
        for cls, name, kind, limits in own_limits()
        if re.search(r"\b(int|float)\b", str(kind))
        and (limits.at_least, limits.above, limits.at_most, limits.below) == (None, None, None, None)
    } == set(UNLIMITED)


def test_a_limit_names_null_as_the_way_out_where_null_is_allowed() -> None:
    assert [
        f"{cls}.{name}"
        for cls, name, kind, limits in own_limits()
        if replace(limits, text=text_problem) != Constraints()
        and not limits.choices
        and ("None" in str(kind)) != bool(limits.null)
    ] == []


def nested(cls: type, path: str = "") -> Iterator[tuple[str, Any]]:
    for f in fields(cls):
        inner = f.default_factory
        if inner is not NO_DEFAULT:
            yield from nested(inner, f"{path}{f.name}.")  # type: ignore[arg-type]
        else:
            yield f"{path}{f.name}", f


def test_only_speed_memory_and_reporting_are_cosmetic() -> None:
    """A literal list: a setting that becomes cosmetic here lets the store hand out another setting's result."""
    every = [*nested(Config), *nested(EvalConfig, "eval.")]
    assert {path for path, f in every if f.metadata.get("cosmetic")} == {
        "model.name",
        "eval.name",  # labels
        "model.device",
        "model.gradient_checkpointing",
        "sft.sampling.batch_size",
        "sft.train.micro_batch_size",
        "sft.train.save_every",
        "preferences.sampling.batch_size",
        "dpo.train.micro_batch_size",
        "dpo.train.save_every",
        "eval.principle_following.batch_size",
        "reward.train.micro_batch_size",
        "reward.train.save_every",
        "reward.pretrain.train.micro_batch_size",
        "reward.pretrain.train.save_every",
        "reward.probe.every",
        "reward.probe.pairs",
        "reward.probe.reworded",
        "launch.gpus_per_job",
        "engine.kind",
        "engine.uneven",
        "rollout.merged_copy",
        "rollout.dequantize",
        "rollout.gpu_memory_utilization",
        "rollout.sleep",
        "rollout.enforce_eager",
        "ppo.sampling.batch_size",
        "ppo.micro_batch_size",
        "ppo.one_pass",
        "ppo.keep_sampled_logprobs",
        "ppo.save_every",
        "ppo.keep_every",  # changes no policy; with it the registry makes the artifact another one
        "ppo.sentinel",  # likewise, with "stop"
        "eval.batch_size",
        *(
            f"{judge}.{name}"
            for judge in ("preferences.judge.server", "eval.mt_bench.judge", "eval.truthfulqa_gen.judge")
            for name in (
                "api_key_env",
                "max_retries",
                "timeout_s",
                "concurrent_calls",
                "calls_per_minute",
                "price_prompt",
                "price_completion",
            )
        ),
    }
