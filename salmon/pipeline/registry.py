"""The stages by name: what each reads, what its fingerprint covers, where its code is.

Importing this is cheap; a stage's own module (torch, transformers) is imported when it runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from salmon.config.schema import Config, RolloutBackend, SFTSource
from salmon.data.sources import source_identity
from salmon.principles.bank import load_bank
from salmon.principles.chosen import monitor_bank, reward_bank, rl_bank
from salmon.principles.exemplars import load_exemplars
from salmon.runtime.adapter_files import adapter_identity
from salmon.runtime.files import sha256_of
from salmon.runtime.fingerprint import semantic


@dataclass(frozen=True)
class StageSpec:
    """A stage as the pipeline sees it."""

    name: str
    version: int  # raised when the same settings would give another result
    module: str  # has ``run(cfg, ctx) -> metrics``
    upstream: tuple[str, ...]  # stages whose artifacts it reads, unless it is ``taken``
    settings: Callable[[Config], Mapping[str, Any]]  # everything that decides its result
    checkpoints: Mapping[str, str] = field(default_factory=dict)  # policies in its artifact: name -> folder
    taken: Callable[[Config], bool] = lambda cfg: False  # its result is not made but given: it reads no other stage's

    def reads(self, cfg: Config) -> tuple[str, ...]:
        """Stages whose artifacts it reads under this config."""
        return () if self.taken(cfg) else self.upstream


def _sft(cfg: Config) -> dict[str, Any]:
    settings: dict[str, Any] = _start(cfg.sft.start)
    if _sft_taken(cfg):
        return settings
    settings["sft"] = semantic(cfg.sft) | {"start": None}  # by its content, above
    if cfg.sft.source is not SFTSource.demonstrations:
        settings |= _prompts(cfg, cfg.prompts.sft)
    if cfg.sft.source is SFTSource.styled:
        settings |= _rollout(cfg)
    if cfg.sft.source is SFTSource.self_align:
        settings |= {"rules": load_bank(cfg.principles.self_align).content()}
    if cfg.sft.source is SFTSource.self_align or cfg.sft.demonstrations == "exemplars":
        settings["exemplars"] = [semantic(e) for e in load_exemplars(cfg.principles.exemplars)]
    elif cfg.sft.demonstrations:
        settings["demonstrations"] = source_identity(cfg.sft.demonstrations)
    return settings


def _preferences(cfg: Config) -> dict[str, Any]:
    bank = reward_bank(cfg.principles)
    return (
        _prompts(cfg, cfg.prompts.preferences)
        | _rollout(cfg)
        | {"preferences": semantic(cfg.preferences), "bank": bank.content()}
    )


def _reward(cfg: Config) -> dict[str, Any]:
    settings = {"reward": semantic(cfg.reward) | {"start": None}, **_start(cfg.reward.start)}
    if _reward_taken(cfg):
        return settings
    data = cfg.reward.pretrain.data
    made = data in (None, "mismatched")  # of the preferences
    return settings | {"pretrain_data": None if made else source_identity(data or "")}


def _sft_taken(cfg: Config) -> bool:
    return cfg.sft.train.epochs == 0


def _reward_taken(cfg: Config) -> bool:
    return cfg.reward.train.epochs == 0


def _start(folder: str | None) -> dict[str, Any]:
    return {"start": adapter_identity(folder)} if folder is not None else {}


def _ppo(cfg: Config) -> dict[str, Any]:
    monitor, keep_every = monitor_bank(cfg.principles), cfg.ppo.keep_every
    settings = _prompts(cfg, cfg.prompts.ppo) | {"ppo": semantic(cfg.ppo)} | _shown(cfg) | _rollout(cfg)
    # An artifact that kept nothing cannot stand for one that does.
    settings |= {"keep_every": keep_every} if keep_every else {}
    return settings | ({"monitor": monitor.content()} if monitor else {})


def _dpo(cfg: Config) -> dict[str, Any]:
    return _held_out(cfg) | {"dpo": semantic(cfg.dpo), "names": list(rl_bank(cfg.principles).names)}


def _best_of_n(cfg: Config) -> dict[str, Any]:
    ppo = semantic(cfg.ppo)
    scoring = {key: ppo[key] for key in ("reward_source", "reward_input", "principles", "shaping")}
    return _held_out(cfg) | _shown(cfg) | {"best_of_n": semantic(cfg.best_of_n), "scoring": scoring}


def _shown(cfg: Config) -> dict[str, Any]:
    """Principles that are shown at RL time."""
    interventions = cfg.principles.interventions
    return {
        "bank": rl_bank(cfg.principles).content(),
        "interventions": load_bank(interventions).content() if interventions else [],
    }


def _held_out(cfg: Config) -> dict[str, Any]:
    """Which prompts a policy is measured on, how it answers them, and what is checked."""
    ppo, monitor = semantic(cfg.ppo), monitor_bank(cfg.principles)
    return (
        _prompts(cfg, cfg.prompts.ppo)
        | _rollout(cfg)
        | {
            "held_out": {key: ppo[key] for key in ("seed", "num_prompts", "held_out_prompts", "sampling")},
            "monitor": monitor.content() if monitor else [],
        }
    )


def _eval(cfg: Config) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if cfg.eval.data_dir and (folder := Path(cfg.eval.data_dir)).is_dir():
        data = dict(_hashes(folder))
    following = cfg.eval.principle_following
    if "principle_following" in cfg.eval.tasks:
        real = following.real_banks if following.real_pairs else []
        banks = [following.trained, following.paraphrased, following.unseen, *real]
        files = [*([following.pairs] if following.pairs else []), *following.real_pairs.values()]
        data |= {
            "banks": [load_bank(bank).content() for bank in banks if bank],
            "pairs": [source_identity(file) for file in files],
        }
    if "mt_bench" in cfg.eval.tasks:
        settings = cfg.eval.mt_bench
        beside = [Path(file).expanduser() for file in (settings.baseline, settings.references) if file]
        data |= {str(file): sha256_of(file) for file in beside if file.is_file()}
    if "bbh" in cfg.eval.tasks:
        data["bbh_answers"] = 2  # VERSION of eval/bbh/answers.py, which cannot be imported here
    if "pairs" in cfg.eval.tasks:
        data["preferences"] = _contents(cfg.eval.pairs.files)
        data["preference_banks"] = [load_bank(bank).content() for bank in cfg.eval.pairs.banks]
    if "probes" in cfg.eval.tasks:
        data["probes"] = _contents(cfg.eval.probes.files)
        data["refusals"] = 1  # VERSION of eval/probes/refusals.py
    return {"eval": semantic(cfg.eval), "data": data}


def _contents(files: dict[str, str]) -> dict[str, Any]:
    """By name, what tells a file from all others; of a folder, each file in it."""
    found: dict[str, Any] = {}
    for name, spec in files.items():
        path = Path(spec).expanduser()
        found[name] = _hashes(path) if path.is_dir() else source_identity(spec)
    return found


def _hashes(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): sha256_of(file) for file in sorted(folder.rglob("*")) if file.is_file()}


def _rollout(cfg: Config) -> dict[str, Any]:
    """What draws the responses, where it is not what draws them by default (older artifacts do not say it)."""
    return {} if cfg.rollout.backend is RolloutBackend.hf else {"rollout": semantic(cfg.rollout)}


def _prompts(cfg: Config, source: str) -> dict[str, Any]:
    limits = semantic(cfg.prompts)
    return {"prompts": source_identity(source), "limits": [limits["min_tokens"], limits["max_tokens"]]}


STAGES = {
    spec.name: spec
    for spec in (
        StageSpec("sft", 1, "salmon.sft.stage", (), _sft, {"sft": "policy"}, _sft_taken),
        StageSpec("preferences", 3, "salmon.preferences.stage", ("sft",), _preferences),
        StageSpec("reward", 2, "salmon.reward.stage", ("preferences",), _reward, taken=_reward_taken),
        StageSpec(
            "ppo",
            2,
            "salmon.ppo.stage",
            ("sft", "reward"),
            _ppo,
            {"ppo_best": "best/policy", "ppo_last": "last/policy"},
        ),
        StageSpec("dpo", 1, "salmon.baselines.dpo.stage", ("sft", "preferences"), _dpo, {"dpo": "policy"}),
        StageSpec("best_of_n", 1, "salmon.baselines.best_of_n.stage", ("sft", "reward"), _best_of_n),
        # ``eval`` imports ``salmon``, never the reverse: its code is found by its entry point.
        StageSpec("eval", 1, "entry-point:eval", ("checkpoint",), _eval),
    )
}
