"""How many members a shard has: within the limits, and enough for all workers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.engine import Limits, shard_members
from profiles.errors import InputError
from profiles.panel import Panel, open_panel
from tests.support.corpus import ROOT

MEMBERS = 20_000


@pytest.fixture(scope="module")
def panel() -> Panel:
    return open_panel(ROOT / "fixtures" / "demo" / "panel.toml")


@pytest.mark.parametrize(
    ("rows", "workers", "limits", "members"),
    [
        (1, 1, Limits(), 512 * 2047),
        (0, 1, Limits(), 512 * 2047),
        (10_000, 1, Limits(), 512 * 839),
        (1 << 30, 1, Limits(), 512 * 33),
        (1, 2, Limits(), 512 * 33),
        (1, 2, Limits(least_members=64), 512 * 21),
        (1, 2, Limits(least_members=64, line_members=64), 64 * 157),
        (1, 3, Limits(least_members=64, line_members=64), 64 * 105),
        (1, 1, Limits(most_members=128), 128),
        (64, 1, Limits(shard_bytes=8000, least_members=64, line_members=64), 64 * 17),
        (64, 1, Limits(shard_bytes=8000, line_members=64), 64 * 257),
    ],
)
def test_the_members_of_a_shard(
    panel: Panel, rows: int, workers: int, limits: Limits, members: int
) -> None:
    assert shard_members(rows, panel, workers, limits) == members


@given(
    rows=st.integers(0, 1 << 22),
    workers=st.integers(1, 64),
    most=st.integers(1, 1 << 14),
    least=st.integers(1, 1 << 20),
    line=st.integers(1, 16),
    budget=st.integers(0, 1 << 32),
)
def test_shards_are_of_whole_words_and_have_no_more_members_than_they_may(
    panel: Panel, rows: int, workers: int, most: int, least: int, line: int, budget: int
) -> None:
    limits = Limits(64 * most, least, 64 * line, budget)
    members = shard_members(rows, panel, workers, limits)
    assert members % 64 == 0
    assert 64 <= members <= limits.most_members


@pytest.mark.parametrize(
    ("sizes", "why"),
    [
        ({"most_members": 100}, "`most_members` must be a multiple of 64, not `100`"),
        ({"most_members": 0}, "`most_members` must be a multiple of 64, not `0`"),
        ({"line_members": 8}, "`line_members` must be a multiple of 64, not `8`"),
        ({"tile_members": 65}, "`tile_members` must be a multiple of 64, not `65`"),
        ({"tile_members": -64}, "`tile_members` must be a multiple of 64, not `-64`"),
        ({"tile_members": 1 << 17}, "`tile_members` must be at most 65536, not `131072`"),
    ],
)
def test_limits_that_no_shard_can_have_are_refused(sizes: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError) as refused:
        Limits(**sizes)
    assert str(refused.value) == why
