import pytest

from tests.typechecked import unchecked


@pytest.fixture
def as_at_run_time():
    """Annotations are not checked: a test of what the functions themselves refuse."""
    with unchecked():
        yield
