"""Array shapes in the annotations of `copyavg` are checked while the tests run, except on purpose-made bad input."""

from jaxtyping import config, install_import_hook

install_import_hook("copyavg", "beartype.beartype")

import matplotlib as mpl  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from recorder import (  # noqa: E402, F401
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_pyfunc_call,
    pytest_runtest_makereport,
    pytest_sessionfinish,
    residual,
)

mpl.use("agg")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20231103)


@pytest.fixture(autouse=True)
def _let_bad_input_through(request: pytest.FixtureRequest):
    """Tests marked `bad_input` are about copyavg's own messages, which the shape checker would pre-empt."""
    marked = request.node.get_closest_marker("bad_input") is not None
    config.update("jaxtyping_disable", marked)
    yield
    config.update("jaxtyping_disable", False)
