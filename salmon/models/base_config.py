"""Is it a base at all: the configuration in the folder (or on the hub) that ``model.path`` names."""

from functools import partial
from pathlib import Path

from transformers import AutoConfig, PretrainedConfig
from transformers.utils import find_adapter_config_file

from salmon.config.model import ModelConfig
from salmon.errors import SalmonError
from salmon.models.capabilities import longest_context
from salmon.models.hub_access import access_problem, ask_for_weights
from salmon.models.library_errors import refusing
from salmon.runtime.adapter_files import adapter_refused, adapters_in

# Heads that are no language-model head; a file of such a model may hold everything else.
OTHER_HEADS = ("Classification", "QuestionAnswering", "RewardModel")


def base_config(folder: str, model: ModelConfig) -> PretrainedConfig:
    """The base's configuration.

    Raises:
        SalmonError: there is none that can be read, the hub does not give it, or it is that of an adapter or of
            another kind of model.
    """
    known = partial(access_problem, repository=folder, revision=model.revision)
    with refusing("its files cannot be found", known=known):
        adapter = find_adapter_config_file(folder, revision=model.revision)
    adapters = adapters_in(Path(folder)) if Path(folder).is_dir() else {}
    if adapter is not None or (adapters and not (Path(folder) / "config.json").is_file()):
        raise SalmonError(adapter_refused(Path(adapter).parent if adapter else next(iter(adapters.values())), folder))
    with refusing("config.json cannot be read", known=known):
        config = AutoConfig.from_pretrained(folder, revision=model.revision)
    with refusing("its weights cannot be found", known=known):
        ask_for_weights(folder, model.revision)
    heads = [name for name in config.architectures or () if any(part in name for part in OTHER_HEADS)]
    if heads:
        raise SalmonError(f"config.json says {heads[0]}: it has no language-model head, so it cannot write answers")
    return config


def check_context(config: PretrainedConfig, model: ModelConfig) -> None:
    """Refuse a longer context than the model's.

    Raises:
        SalmonError: ``model.context`` is longer.
    """
    limit = longest_context(config)
    if limit is not None and model.context > limit:
        raise SalmonError(f"model.context={model.context} is longer than {model.path} allows ({limit})")
