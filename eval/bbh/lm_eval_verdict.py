"""lm-eval's own verdict on a text generated for BIG-Bench Hard, with its filter and its pattern.

It loses right answers for reasons that have nothing to do with the model: it compares without trimming, so that every
answer of a tokenizer that decodes the leading space (" No") is wrong, and its chain-of-thought pattern cuts the last
character of an answer that does not end in a full stop.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from eval.config import BBHMode
from salmon.errors import SalmonError
from salmon.runtime.foreign import read_yaml

TEMPLATE = "tasks/bbh/cot_fewshot/_cot_fewshot_template_yaml"  # in the package lm_eval


def lm_eval_answer(text: str, mode: BBHMode) -> str:
    """What lm-eval compares with the target: the text as it is, or what its pattern finds in it.

    Raises:
        SalmonError: the installed lm-eval has another filter than a pattern.
    """
    if mode is BBHMode.direct:
        return text
    from lm_eval.filters.extraction import RegexFilter

    return next(iter(RegexFilter(regex_pattern=_pattern()).apply([[text]], [{}])))[0]


@cache
def _pattern() -> str:
    spec = find_spec("lm_eval")
    if spec is None or spec.origin is None:
        raise SalmonError("lm-eval is not installed: pip install 'lm-eval[hf]'")
    template = Path(spec.origin).parent / TEMPLATE
    try:
        steps = read_yaml(template)["filter_list"][0]["filter"]
        return next(step["regex_pattern"] for step in steps if step["function"] == "regex")
    except (SalmonError, KeyError, IndexError, StopIteration) as error:
        raise SalmonError(
            f"{template} is not as in lm-eval 0.4.13 ({error!r}): install the version that pyproject.toml names"
        ) from error
