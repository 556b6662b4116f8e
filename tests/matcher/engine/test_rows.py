"""Numbers for the distinct ones, whichever way is less work."""

from __future__ import annotations

import numpy as np
import pytest

from matcher.engine import numbered


@pytest.mark.parametrize("few", [0, 50, 1 << 12])
@pytest.mark.parametrize("limit", [21, 100, 5000, 1 << 40])
def test_the_distinct_numbers_ascend_and_every_number_finds_its_place(few: int, limit: int) -> None:
    numbers = np.array([20, 3, 3, 7, 20, 0], np.int64)
    distinct, places = numbered(numbers, limit, few)
    assert distinct.tolist() == [0, 3, 7, 20]
    assert places.tolist() == [3, 1, 1, 2, 3, 0]


def test_there_may_be_none() -> None:
    distinct, places = numbered(np.array([], np.int64), 9)
    assert (distinct.tolist(), places.tolist()) == ([], [])
