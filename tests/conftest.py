"""Array shapes in the annotations of `copyavg` are checked while the fast tests run, but not on bad input."""

import os

from jaxtyping import config, install_import_hook

install_import_hook("copyavg", "beartype.beartype")

import chromium  # noqa: E402
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


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium. Without one the tests that need it are left out, or fail where REQUIRE_BROWSER says so."""
    if chromium.PATH is None:
        message = f"not tried in a browser: {chromium.MISSING}"
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    with chromium.opened() as browser:
        yield browser


@pytest.fixture(autouse=True)
def _check_shapes_where_it_helps(request: pytest.FixtureRequest):
    """Not in tests marked `bad_input`, which are about copyavg's own messages that the shape checker would pre-empt.

    Nor in those marked `slow` or `unchecked`, which call thousands of times what others check; it would take most of
    their time.
    """
    before = config.jaxtyping_disable  # the environment variable JAXTYPING_DISABLE
    marked = any(request.node.get_closest_marker(name) for name in ("bad_input", "slow", "unchecked"))
    config.update("jaxtyping_disable", before or marked)
    yield
    config.update("jaxtyping_disable", before)
