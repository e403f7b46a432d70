"""The base's weights beside what bitsandbytes and transformers hold."""

from itertools import chain

import pytest
from bitsandbytes.nn import Linear4bit

from salmon.config.model import Quantization
from salmon.plan.memory import base_weights
from salmon.plan.shapes import shape_of


def test_a_plain_base(tiny) -> None:
    assert base_weights(shape_of("random:tiny", None), 4, nf4=False) == sum(
        p.nbytes for p in {id(p): p for p in tiny.model.parameters()}.values()
    )


def test_nf4_with_double_quantisation(load_tiny) -> None:
    model = load_tiny(quantization=Quantization.nf4).model
    packed = [module for module in model.modules() if isinstance(module, Linear4bit)]
    assert len(packed) == 7 * 2
    states = [module.weight.quant_state for module in packed]
    scales = chain.from_iterable((state.absmax, state.state2.absmax) for state in states)
    held = sum(module.weight.nbytes for module in packed) + sum(scale.nbytes for scale in scales)
    others = {id(p): p for name, p in model.named_parameters() if not any(p is m.weight for m in packed)}
    held += sum(p.nbytes for p in others.values())
    assert base_weights(shape_of("random:tiny", None), 4, nf4=True) == pytest.approx(held, rel=1e-3)
