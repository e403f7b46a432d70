"""What holds everywhere in the source: the direction of imports, light imports, and rules that a walk can keep."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from eval.config import EVAL_TASKS

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("salmon", "eval", "sweeps")

# From the ground up; the order of the slices (sft ... baselines) is that of the method.
LAYERS = (
    ("errors",),
    ("core",),
    ("config",),
    ("distributed",),
    ("runtime",),
    ("tracking",),
    ("data",),
    ("principles",),
    ("models",),
    ("sampling",),
    ("training",),
    ("stage",),
    ("plan",),
    ("sft",),
    ("preferences",),
    ("reward",),
    ("ppo",),
    ("baselines",),
    ("measure",),
    ("view",),
    ("play",),
    ("pipeline",),
    ("cli", "convert", "__main__", ""),
)
LAYER = {name: depth for depth, names in enumerate(LAYERS) for name in names}
HEAVY = {
    "torch",
    "transformers",
    "peft",
    "wandb",
    "datasets",
    "lm_eval",
    "openai",
    "fastchat",
    "bitsandbytes",
    "accelerate",
    "deepspeed",
    "matplotlib",
    "gradio",
    "vllm",
    "jinja2",
    "plotly",
}
FILES = sorted(p for top in PACKAGES for p in (ROOT / top).rglob("*.py"))
OURS = [path.relative_to(ROOT).as_posix() for path in FILES]
TESTS = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "tests").rglob("*.py"))]


@cache
def text(file: str) -> str:
    return (ROOT / file).read_text()


@cache
def tree(file: str) -> ast.Module:
    return ast.parse(text(file))


def module_of(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


FILE_OF = {module_of(file): file for file in OURS}


def part_of(module: str) -> str:
    """``salmon.data.rows`` -> ``data``."""
    return (module.split(".") + [""])[1]


def imports(node: ast.AST, lazy: bool) -> Iterator[str]:
    """Modules named by import statements; without ``lazy`` only those that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            for alias in child.names:
                inner = f"{child.module}.{alias.name}"
                yield inner if inner in FILE_OF else str(child.module)
        elif not lazy and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        elif not lazy and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        else:
            yield from imports(child, lazy)


def at_import(module: str) -> Iterator[str]:
    """What importing a module of ours imports directly, the packages that it lies in included."""
    yield from imports(tree(FILE_OF[module]), lazy=False)
    if "." in module:
        yield module.rpartition(".")[0]


@cache
def heavy_below(module: str) -> frozenset[str]:
    """Heavy packages that importing a module of ours pulls in, through our own modules."""
    seen, found, waiting = {module}, set(), [module]
    while waiting:
        for name in at_import(waiting.pop()):
            found |= {name.split(".")[0]} & HEAVY
            if name in FILE_OF and name not in seen:
                seen.add(name)
                waiting.append(name)
    return frozenset(found)


SALMON = [name for name in FILE_OF if name.split(".")[0] == "salmon"]


# --- direction ---------------------------------------------------------------------------------


def test_every_module_has_a_layer() -> None:
    assert {part_of(module) for module in SALMON} == set(LAYER)


def all_imports(module: str, top: str = "salmon") -> set[str]:
    """Lazy imports and those for type checkers included: they are dependencies all the same."""
    return {name for name in imports(tree(FILE_OF[module]), lazy=True) if name.split(".")[0] == top}


def test_imports_go_one_way() -> None:
    assert [
        f"{module} imports {name}"
        for module in SALMON
        for name in all_imports(module)
        if LAYER[part_of(name)] > LAYER[part_of(module)]
    ] == []


def test_salmon_knows_nothing_of_eval_and_sweeps() -> None:
    assert [(m, top) for m in SALMON for top in ("eval", "sweeps") if all_imports(m, top)] == []
    assert all_imports("eval.stage", "eval"), "the walk finds such imports where they are allowed"


def test_salmon_names_no_task_of_eval() -> None:
    """The benchmarks are eval's own affair; ``pairs`` and ``probes`` are everyday words and mean other things too."""
    tasks = set(EVAL_TASKS) - {"pairs", "probes"}
    assert {
        (file, task) for file in OURS if file.startswith("salmon/") for task in tasks if task in text(file)
    } == set()
    assert any(task in text("eval/config.py") for task in tasks)


def test_core_is_pure() -> None:
    for module in SALMON:
        if part_of(module) == "core":
            used = set(imports(tree(FILE_OF[module]), lazy=True))
            assert {n.split(".")[0] for n in used} <= {
                "salmon",
                "torch",
                "numpy",
                "jaxtyping",
                "scipy",
                "math",
                "dataclasses",
                "typing",
                "collections",
            }, module
            assert {part_of(name) for name in all_imports(module)} <= {"core"}, module


def test_no_import_cycles() -> None:
    graph = {m: [n for n in imports(tree(FILE_OF[m]), lazy=True) if n in FILE_OF and n != m] for m in FILE_OF}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"import cycle: {' <- '.join(error.args[1])}")


def test_packages_of_one_layer_form_no_cycle() -> None:
    """``data`` may use ``models``, but then ``models`` not ``data``."""
    for names in LAYERS:
        graph: dict[str, set[str]] = {name: set() for name in names}
        for module in SALMON:
            if part_of(module) in graph:
                used = {part_of(name) for name in all_imports(module)}
                graph[part_of(module)] |= (used & set(names)) - {part_of(module)}
        list(TopologicalSorter(graph).static_order())


def test_stages_talk_through_artifacts_only() -> None:
    """Nobody imports another slice's ``stage.py``, and a slice's other modules not their own."""
    assert [
        f"{module} imports {name}"
        for module in SALMON
        for name in all_imports(module)
        if name.endswith(".stage") and name in FILE_OF and FILE_OF[name].endswith("/stage.py")
    ] == []


# What a stage reads must be in its fingerprint (its own or an upstream's), or it would be reused wrongly.
COVERED = {
    "salmon/sft/stage.py": {"sft", "seed"},
    "salmon/sft/self_align.py": {"sft", "prompts", "principles", "model", "seed"},
    "salmon/sft/demonstrations.py": {"sft", "prompts", "principles", "seed"},
    "salmon/preferences/stage.py": {"preferences", "prompts", "principles", "model", "seed", "paths"},  # paths: cache
    # of prompts: on_bad_line; of preferences: what the upstream fingerprint covers
    # of prompts: held_out, by what it leaves to train on
    "salmon/reward/stage.py": {"reward", "seed", "prompts"},
    "salmon/reward/pretraining.py": {"reward", "seed", "prompts", "preferences"},
    "salmon/ppo/stage.py": {"ppo"},
    "salmon/ppo/setup.py": {"ppo", "principles"},
    "salmon/ppo/prompts.py": {"ppo", "prompts", "seed"},
    "salmon/ppo/principle_choice.py": {"ppo", "principles"},
    "salmon/ppo/rewards/registry.py": {"ppo"},
    "salmon/ppo/rewards/instructable_model.py": {"ppo", "reward"},
    "salmon/ppo/rewards/judge.py": {"ppo"},
    "salmon/baselines/dpo/stage.py": {"dpo", "ppo", "preferences", "principles", "seed"},
    "salmon/baselines/best_of_n/stage.py": {"best_of_n", "ppo"},
    "eval/stage.py": {"eval", "model", "seed", "paths"},  # of paths: the cache
    "eval/record.py": {"eval", "model", "seed"},
}


@pytest.mark.parametrize("file", COVERED)
def test_a_stage_reads_what_its_fingerprint_covers(file: str) -> None:
    read = {
        node.attr
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "cfg"
    }
    assert read, "a stage's config is called cfg"
    assert read <= COVERED[file]


# --- light imports -----------------------------------------------------------------------------

LIGHT = [m for m in SALMON if part_of(m) in ("config", "principles", "data", "errors")] + [
    "salmon.cli",
    "salmon.pipeline.help",
    "salmon.plan.command",
    "salmon.pipeline.pipeline",
    "salmon.pipeline.report",
    "salmon.pipeline.registry",
]


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_import_nothing_heavy(module: str) -> None:
    assert heavy_below(module) == set()


def test_the_closure_of_imports_finds_torch() -> None:
    """The test above can fail: these are heavy, directly and through another module."""
    assert "torch" in heavy_below("salmon.core.gae")
    assert {"torch", "transformers", "peft"} <= heavy_below("salmon.ppo.stage")


def test_the_command_line_is_light_in_fact() -> None:
    """Beyond our own modules: what hydra, filelock and the rest pull in."""
    code = (
        "import salmon.cli, salmon.pipeline.pipeline, salmon.pipeline.report, sys, json;"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(json.loads(done.stdout))
    assert "hydra" in loaded
    assert loaded & (HEAVY | {"numpy", "sweeps"}) <= {"numpy"}


# --- house rules -------------------------------------------------------------------------------


def nodes(files: Iterable[str]) -> Iterator[tuple[str, ast.AST]]:
    """(place, node) of every node in files."""
    for file in files:
        for node in ast.walk(tree(file)):
            yield f"{file}:{getattr(node, 'lineno', 1)}", node


def test_modules_are_short() -> None:
    lengths = {file: len((ROOT / file).read_text().splitlines()) for file in OURS}
    assert {file: n for file, n in lengths.items() if n > 300} == {}


def test_functions_fit_a_screen() -> None:
    assert [
        place
        for place, node in nodes(OURS)
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 80
    ] == []


# Public functions that several modules have, since each is found through its module.
SHARED_NAMES = {
    "main": "of a command, python -m MODULE",
    "run": "of a stage, which its specification names by its module",
    "settings": "of a stage's specification: what decides its artifact",
    "check": "of a stage's specification: reads its files before anything runs",
    "taken": "of a stage's specification: whether it takes what it is given as it is",
    "make_reward": "of every kind of reward, which the registry finds by its module",
}


def public_names(kind: type[ast.AST] | tuple[type[ast.AST], ...]) -> dict[str, list[str]]:
    """Files by the name of what they define at their top level without an underscore."""
    found: dict[str, list[str]] = {}
    for file in OURS:
        for node in tree(file).body:
            if isinstance(node, kind) and not node.name.startswith("_"):  # type: ignore[attr-defined]
                found.setdefault(node.name, []).append(file)  # type: ignore[attr-defined]
    return found


def test_a_public_name_means_one_thing() -> None:
    classes, functions = public_names(ast.ClassDef), public_names((ast.FunctionDef, ast.AsyncFunctionDef))
    assert {name: files for name, files in classes.items() if len(files) > 1} == {}
    assert {n: files for n, files in functions.items() if len(files) > 1 and n not in SHARED_NAMES} == {}
    assert all(len(functions[name]) > 1 for name in SHARED_NAMES), "an exception that is none"


def test_no_module_is_called_utils() -> None:
    assert [f for f in [*OURS, *TESTS] if re.search(r"(^|[/_])(utils?|helpers?|misc|common)([/_.]|$)", f)] == []


def test_every_module_says_what_it_is() -> None:
    silent = [file for file in OURS if tree(file).body and not ast.get_docstring(tree(file))]
    assert silent == ["salmon/__main__.py"]


def test_library_code_logs() -> None:
    """``print`` belongs to what a person asked for: ``--help``, the tables of a job, of evals and sweeps."""
    printing = {place.split(":")[0] for place, n in nodes(OURS) if isinstance(n, ast.Name) and n.id == "print"}
    assert "salmon/pipeline/job.py" in printing
    assert printing <= {
        "salmon/pipeline/job.py",
        "salmon/cli.py",
        "eval/__main__.py",
        "eval/tables/__main__.py",
        "eval/curves/__main__.py",
        "sweeps/alarms.py",
        "sweeps/compare.py",
        "sweeps/status.py",
    }


def shadows_eval(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any((alias.asname or alias.name.split(".")[0]) == "eval" for alias in node.names)
    return isinstance(node, ast.ImportFrom) and any((a.asname or a.name) == "eval" for a in node.names)


def test_the_builtin_eval_keeps_its_name() -> None:
    """``import eval`` would shadow it; ``from eval.x import y`` does not."""
    assert [place for place, node in nodes([*OURS, *TESTS]) if shadows_eval(node)] == []
    bare = ("import eval", "import eval.stage", "from x import y as eval", "from eval.x import y", "import x as y")
    assert [shadows_eval(ast.parse(code).body[0]) for code in bare] == [True, True, True, False, False]


def unsafe(node: ast.AST) -> str | None:
    """Ways of running code that comes with data."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        if {name.split(".")[0] for name in names} & {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}:
            return "pickle"
    if isinstance(node, ast.Call):
        function, given = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
        if given.get("trust_remote_code", "False") != "False":
            return "trust_remote_code"
        if function.endswith("torch.load") and given.get("weights_only") != "True":
            return "torch.load"
        if function.endswith(("np.load", "numpy.load")) and given.get("allow_pickle", "False") != "False":
            return "allow_pickle"
        if function in ("eval", "exec", "yaml.load", "yaml.unsafe_load") or given.get("shell") == "True":
            return function
    return None


def test_data_cannot_run_code() -> None:
    assert [(place, found) for place, node in nodes(OURS) if (found := unsafe(node))] == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import pickle", "pickle"),
        ("from cloudpickle import loads", "pickle"),
        ("torch.load(p)", "torch.load"),
        ("torch.load(p, weights_only=False)", "torch.load"),
        ("f(trust_remote_code=True)", "trust_remote_code"),
        ("f(trust_remote_code=cfg.trust)", "trust_remote_code"),
        ("np.load(p, allow_pickle=True)", "allow_pickle"),
        ("yaml.load(t)", "yaml.load"),
        ("run(c, shell=True)", "run"),
        ("torch.load(p, weights_only=True)", None),
        ("model.eval()", None),
        ("yaml.safe_load(t)", None),
    ],
)
def test_unsafe_code_is_found(code: str, found: str | None) -> None:
    assert next((hit for node in ast.walk(ast.parse(code)) if (hit := unsafe(node))), None) == found


# Who else turns a text into values than the door for foreign ones, salmon/runtime/parsing.py.
OWN_TEXTS = {
    "salmon/runtime/parsing.py": "the door",
    "salmon/pipeline/isolation.py": "what the parent process wrote a moment before",
    "eval/lm_eval/harness.py": "what json.dumps has just made",
    "sweeps/sync.py": "the output of W&B's own reader",
    "sweeps/job_files.py": "OmegaConf's dialect of YAML",
}


def parses(node: ast.AST) -> bool:
    """Whether the node is a call of a reader that takes NaN, keys that stand twice, or any depth."""
    if not isinstance(node, ast.Call):
        return False
    return (
        re.search(r"\b(json\.loads?|yaml\.\w*load\w*|OmegaConf\.load|JSONDecoder)$", ast.unparse(node.func)) is not None
    )


def test_foreign_texts_come_through_the_door() -> None:
    assert {place.split(":")[0] for place, node in nodes(OURS) if parses(node)} == set(OWN_TEXTS)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("json.loads(t)", True),
        ("json.load(f)", True),
        ("yaml.safe_load(t)", True),
        ("OmegaConf.load(p)", True),
        ("read_json(p)", False),
        ("torch.load(p)", False),
    ],
)
def test_readers_are_found(code: str, found: bool) -> None:
    assert any(parses(node) for node in ast.walk(ast.parse(code))) == found


def loose(module: ast.Module) -> list[float]:
    """Relative tolerances above 1 %: with one, a test passes whatever the code computes."""
    return [
        keyword.value.value
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in ("rtol", "rel", "rel_tol")
        and isinstance(keyword.value, ast.Constant)
        and isinstance(keyword.value.value, float | int)
        and keyword.value.value > 1e-2
    ]


def test_tests_are_not_loose() -> None:
    assert {file: found for file in TESTS if (found := loose(tree(file)))} == {}


def test_loose_tolerances_are_found() -> None:
    assert loose(ast.parse("assert_close(a, b, rtol=0.05, atol=0); approx(1, rel=1e-3); isclose(a, b, rel_tol=1)")) == [
        0.05,
        1,
    ]
