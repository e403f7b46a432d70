"""The table of salmon/models/README.md: ``python -m tests.models.architecture_table`` prints it, from random models."""

import logging
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bitsandbytes.nn import Linear4bit
from transformers import AutoTokenizer

from salmon.config.model import Dtype, LoraSettings, ModelConfig, Quantization
from salmon.errors import SalmonError
from salmon.models import weights
from salmon.models.base import SharedModel
from salmon.models.decoder import blocks_of, decoder_of
from salmon.models.loading import load_base
from tests.models.architectures import ARCHITECTURES, WINDOW, random_base, random_model

HEAD = "| architecture | sampling | packing | `reward.layers` | NF4 | vLLM |\n| --- | --- | --- | --- | --- | --- |"
NOT_LISTED = ("gpt_neo", "codegen", "recurrent_gemma", "smollm3")  # in vLLM's registry of models
WHOLE = 0.9  # share of the blocks' weights from which on a base counts as quantised as a whole


def rows(model: ModelConfig, cache: Path, folder: Path) -> list[str]:
    """A row for each architecture, by name."""
    tokenizer = AutoTokenizer.from_pretrained(weights.resolve(weights.TINY, cache))

    def make(name: str, context: int = 4 * WINDOW) -> SharedModel:
        return random_model(name, model, tokenizer, context=context)

    def quantised(name: str) -> str:
        random_base(name).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
        settings = replace(model, path=str(folder / name), context=4 * WINDOW, quantization=Quantization.nf4)
        try:
            return nf4(load_base(settings, cache))
        except SalmonError:
            return "refused"

    return [f"| `{name}` | {' | '.join(cells(name, make, quantised))} |" for name in sorted(ARCHITECTURES)]


def cells(name: str, make: Callable[..., SharedModel], quantised: Callable[[str], str]) -> list[str]:
    """What a base of an architecture can do."""
    listed = "no" if name in NOT_LISTED else "listed"
    try:
        shared = make(name)
    except SalmonError:
        return ["refused"] * 4 + [listed]
    packing = "yes" if shared.can.pack else "to the window" if make(name, context=WINDOW).can.pack else "no"
    return [_said(shared.can.cache), packing, _said(shared.can.cut), quantised(name), listed]


def nf4(shared: SharedModel) -> str:
    """How much of the blocks' weights are in NF4."""
    _, blocks = blocks_of(decoder_of(shared.model))
    packed = sum(m.in_features * m.out_features for m in blocks.modules() if isinstance(m, Linear4bit))
    plain = sum(p.numel() for p in blocks.parameters() if p.is_floating_point())
    return "yes" if packed / (packed + plain) > WHOLE else "in part"


def _said(can: bool) -> str:
    return "yes" if can else "no"


def main() -> None:
    """Print the table."""
    logging.getLogger("salmon").setLevel(logging.ERROR)
    lora = LoraSettings(r=4, alpha=8, dropout=0.0)
    model = ModelConfig("tiny", weights.TINY, None, Quantization.none, Dtype.float32, 64, "", lora, "cpu", False)
    with tempfile.TemporaryDirectory() as folder:
        print("\n".join([HEAD, *rows(model, Path(folder) / "cache", Path(folder))]))


if __name__ == "__main__":
    main()
