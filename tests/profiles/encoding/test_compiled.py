"""When compiled kernels are loaded: by how much work there is, or as it is demanded."""

from __future__ import annotations

import json

import pytest

from profiles.encoding import Thresholds, load_kernels, use_thresholds
from profiles.errors import InputError


def test_work_decides_where_nothing_is_demanded() -> None:
    with use_thresholds(Thresholds(loading=100, calling=100)):
        assert load_kernels("json", 100) is json
        assert load_kernels("json", 99) is None
        assert load_kernels("json", 99, "numba") is json
        assert load_kernels("json", 100, "numpy") is None


def test_thresholds_are_as_before_when_the_context_ends() -> None:
    with use_thresholds(Thresholds(loading=10, calling=10)):
        with use_thresholds(Thresholds(loading=5, calling=5)):
            assert load_kernels("json", 5) is json
        assert load_kernels("json", 9) is None
        with pytest.raises(InputError), use_thresholds(Thresholds(loading=5, calling=5)):
            load_kernels("no_such_module", 5, "numba")
        assert load_kernels("json", 9) is None
        assert load_kernels("json", 10) is json


def test_kernels_that_are_not_installed() -> None:
    with use_thresholds(Thresholds(0, 0)):
        assert load_kernels("no_such_module", 1) is None
    with pytest.raises(InputError, match="the engine `numba` needs the extra `fast`"):
        load_kernels("no_such_module", 1, "numba")
