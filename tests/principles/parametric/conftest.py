import pytest

from salmon.principles.parametric.universe import Universe, load_universe
from tests.principles.parametric.settings import parametric


@pytest.fixture(scope="session")
def universe() -> Universe:
    """The bundled one; 0.2 of its prompts are held out."""
    return load_universe(parametric(), held_out_prompts=0.2)
