"""That every engine gives the same quotas: nothing is timed before this holds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.cases.matching import AS_OF
from benchmarks.ours.matching import Codes, Counts
from matcher.rules.evaluate import read_member
from matcher.surveys import Survey, judge
from profiles.schema import PanelMapping

STRIDE = 5


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """What every engine must find: members by survey and quota, and each member's quota."""

    counts: Counts
    codes: Codes


def check(expected: Expected, counts: Counts, columns: Iterable[Codes]) -> None:
    """Assert that an engine has found what is expected, for every member and survey."""
    np.testing.assert_array_equal(counts, expected.counts)
    for number, (column, codes) in enumerate(zip(columns, expected.codes, strict=True)):
        assert np.array_equal(column, codes), f"other quotas in survey {number}"


def columns_of(places: pl.DataFrame | list[pa.Table]) -> Iterator[Codes]:
    """Return the columns of what a peer has found, survey by survey."""
    if isinstance(places, pl.DataFrame):
        yield from (column.to_numpy() for column in places.iter_columns())
    else:
        yield from (column.to_numpy() for table in places for column in table.columns)


def check_by_definition(
    surveys: Sequence[Survey],
    codes: Codes,
    rows: Iterable[Mapping[str, Any]],
    mapping: PanelMapping,
) -> None:
    """Assert that members have the quotas that the reference evaluator gives them.

    ``codes`` is ``[surveys, rows]``. The evaluator is slow, so each member is judged for one
    survey in five: the first for surveys 0, 5, 10, the next for 1, 6, 11, and so on.
    """
    for place, row in enumerate(rows):
        member = read_member(mapping, row, AS_OF)
        for number in range(place % STRIDE, len(surveys), STRIDE):
            [group] = surveys[number].groups
            code = int(codes[number, place])
            given = (group.quotas[code - 1].id,) if code else ()
            wanted = judge(surveys[number], member).quota_ids
            name = surveys[number].name
            assert given == wanted, f"{name}, {member.id}: {given}, should be {wanted}"
