"""Words of the command line that Hydra answers with a traceback are refused before it sees them."""

import pytest

from salmon.config.overrides import check_words, with_choices
from salmon.errors import SalmonError

REFUSED = [
    ("ppo=null", "ppo=null names no choice of ppo: salmon --help lists them"),
    ("+eval=Null", "+eval=Null names no choice of eval: salmon --help lists them"),
    ("model=1.5", "model=1.5 names no choice of model: salmon --help lists them"),
    ("tracking=true", "tracking=true names no choice of tracking: salmon --help lists them"),
    ("engine=", "engine= names no choice of engine: salmon --help lists them"),
    ("sweeps=null", "sweeps=null names no choice of sweeps: salmon --help lists them"),
    ("hydra/launcher=3", "hydra/launcher=3 names no choice of hydra/launcher: salmon --help lists them"),
    ("scale=tyni", "scale=tyni names no choice of scale (did you mean tiny?); there are tiny"),
    ("scale=tiny,huge", "scale=tiny,huge names no choice of scale; there are tiny"),
    ("seed=" + "9" * 5000, f"seed={'9' * 35}...{'9' * 20} has a number of more than 300 digits"),
    ("stages=" + "[" * 21 + "]" * 21, "has brackets in each other, deeper than 20"),
    ("name=" + "a" * 20_000, "has 20005 characters, and 20000 are the most"),
    ("name=\udcff", r"name=\xdcff has half of a character (a lone surrogate)"),  # a byte that is no UTF-8
]


@pytest.mark.parametrize(("word", "said"), REFUSED, ids=range(len(REFUSED)))
def test_refused(word: str, said: str) -> None:
    with pytest.raises(SalmonError) as caught:
        check_words(["seed=1", word])
    assert str(caught.value).endswith(said) and len(str(caught.value)) < 300


def test_all_are_named() -> None:
    with pytest.raises(SalmonError) as caught:
        check_words(["ppo=null", "eval=3"])
    assert len(str(caught.value).splitlines()) == 2


def test_taken() -> None:
    check_words(
        [
            "ppo=paper",
            "+experiment=dromedary2_7b",
            "principles=[paper,honest]",
            "scale=tiny",
            "ppo.target_kl=null",
            "-m",
            "stages=" + "[" * 20 + "]" * 20,
            f"seed={'9' * 300}",
            "ppo=paper,laptop",
            "--multirun",
            "--cfg",
            "hydra",
            "name=" + "a" * 10_000,
        ]
    )
    check_words(["hydra.searchpath=[file:///mine]", "scale=mine"])
    check_words(["--config-dir", "mine", "scale=mine"])


def test_a_group_inside_another_may_be_named_like_a_setting() -> None:
    """A choice brings its settings; a value alone would not. What is no choice of a group stays as it is."""
    assert with_choices(["ppo.advantage=rloo", "ppo.advantage=gae,grpo", "hydra.launcher=slurm"]) == [
        "ppo/advantage=rloo",
        "ppo/advantage=gae,grpo",
        "hydra/launcher=slurm",
    ]
    same = ["ppo=paper", "ppo.gamma=1", "++ppo.advantage=rloo", "hydra.launcher.n_jobs=4", "hydra.launcher={a:1}", "-m"]
    assert with_choices(same) == same
    with pytest.raises(SalmonError, match="ppo/advantage=null names no choice of ppo/advantage"):
        check_words(with_choices(["ppo.advantage=null"]))
