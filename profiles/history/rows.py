"""Rows of participation history: opened, checked, their columns as codes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from profiles.encoding import (
    Coded,
    Numbers,
    coded,
    is_code,
    is_code_list,
    short_name,
)
from profiles.errors import InputError
from profiles.schema import OUTCOMES, Location, UnreadableError, read_outcome
from profiles.sources import Batch, Source, id_texts, open_location

NEEDED = ("member_id", "marketplace", "survey_id", "outcome")


def open_history(location: Location, base: Path) -> Source:
    """Open the rows; raises InputError where that cannot be, or a column that is needed is missing.

    `base` is where paths start.
    """
    source = open_location(location, base)
    has = source.schema().names
    missing = [f"`{column}`" for column in NEEDED if column not in has]
    if missing:
        raise InputError(
            f"{source.name}: no column {', '.join(missing)}, which participation history needs"
        )
    return source


class HistoryRows:
    """The rows of one batch, each column of which is read once."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.names = frozenset(batch.data.schema.names)
        self._columns: dict[str, Coded] = {}

    def __repr__(self) -> str:
        return f"HistoryRows({self.batch})"

    def column(self, name: str) -> Coded:
        """The codes of a column."""
        if name not in self._columns:
            self._columns[name] = coded(self.batch.data.column(name))
        return self._columns[name]

    def refuse(self, column: str, bad: NDArray[np.bool_], why: str) -> None:
        """Raise InputError for the first of the rows that are marked, if one is."""
        if bad.any():
            raise self.batch.fault(int(bad.argmax()), column, why)


def check_types(batch: Batch) -> None:
    """Raise InputError where a column other than of ids cannot hold what history has in it."""
    for field in batch.data.schema:
        lists = field.name == "category_ids" and is_code_list(field.type)
        if field.name != "member_id" and not lists and not is_code(field.type):
            why = f"a column of type `{short_name(field.type)}` cannot hold codes"
            raise batch.fault(0, field.name, why)


def outcomes_of(rows: HistoryRows) -> Numbers:
    """The place of every row's outcome among the outcomes; raises InputError where it has none."""
    column = rows.column("outcome")
    places: list[int] = []
    for number, code in [*enumerate(column.codes.to_pylist()), (-1, None)]:
        try:
            places.append(OUTCOMES.index(read_outcome(code)))
        except UnreadableError as error:
            rows.refuse("outcome", column.numbers == number, str(error))
            places.append(-1)
    outcomes: Numbers = np.array(places, np.int64)[column.numbers]
    return outcomes


def marketplaces_of(rows: HistoryRows) -> Coded:
    """The marketplaces, in lower case; raises InputError where one is missing."""
    column = rows.column("marketplace")
    missing = np.append(column.codes.is_null().to_numpy(zero_copy_only=False), True)
    rows.refuse("marketplace", missing[column.numbers], "no marketplace")
    return replace(column, codes=pc.utf8_lower(column.codes))


def member_ids_of(rows: HistoryRows) -> pa.Array:
    """The member ids, trimmed; raises InputError where one is missing or cannot be one."""
    texts = id_texts(rows.batch, "member_id")
    missing = pc.equal(texts, "").fill_null(True).to_numpy(zero_copy_only=False)
    rows.refuse("member_id", missing, "no member id")
    return texts
