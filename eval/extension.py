"""What ``salmon`` takes of this package before anything heavy is imported: its group of the config."""

from hydra.core.config_store import ConfigStore

from eval.config import EvalApp, EvalConfig
from eval.rules import eval_rules
from salmon.config.extensions import Extension
from salmon.config.register import register

EXTENSION = Extension(schema=EvalConfig, rules=eval_rules)


def register_app() -> None:
    """Make the schema of ``python -m eval`` known to Hydra, with all that ``salmon`` registers."""
    register()
    ConfigStore.instance().store(name="eval_schema", node=EvalApp)
