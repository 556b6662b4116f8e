"""What a shard holds is the same once it was decoded, cut into parts, or written to a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.encoding import (
    WORD,
    Column,
    EncodedShard,
    ListsColumn,
    RowsColumn,
    all_members,
    column_on,
    decode_column,
    decoded_type,
    encode_column,
    positions,
)
from profiles.encoding.encode import DENSE_ABOVE
from profiles.index.shard_file import ShardFile, write_shard
from profiles.schema import Answers, Attribute, Kind, read_answers
from tests.profiles.encoding.test_columns import (
    TYPED,
    Typed,
    assert_holds,
    chunked,
    unreadable_rows,
)

DAYS = [date(2008, 2, 28), date(2026, 3, 1)]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def decoded(attribute: Attribute, column: Column, size: int) -> pa.Array:
    lists = isinstance(column, RowsColumn | ListsColumn)
    array = decode_column(attribute, column, size, lists=lists)
    assert array.type == decoded_type(attribute, lists=lists)
    assert len(array) == size
    return array


def stored(folder: Path, column: Column, size: int) -> Column:
    """The column, written to a shard file and mapped to memory."""
    path = folder / "shard.bin"
    path.unlink(missing_ok=True)
    ids = {"id": pa.array(range(size), pa.int64())}
    file = ShardFile(
        folder, write_shard(path, EncodedShard(size, ids, {"a": column}, all_members(size)))
    )
    assert file.ids()["id"].to_pylist() == list(range(size))
    return file.column("a")


def holdings(column: Column, size: int) -> list[tuple[Any, ...] | None]:
    """By member the values that they hold, in order; None: they have not answered."""
    found: list[list[Any]] = [[] for _ in range(size)]
    for place, value in enumerate(column.vocabulary):
        wanted = np.zeros(len(column.vocabulary), np.bool_)
        wanted[place] = True
        for member in positions(column.row_for(wanted)).tolist():
            found[member].append(value)
    answered = set(positions(column.answered).tolist())
    return [tuple(values) if member in answered else None for member, values in enumerate(found)]


def assert_lasting(
    attribute: Attribute,
    column: Column,
    of: Sequence[Sequence[Answers | None]],
    folder: Path,
    dense_above: int = DENSE_ABOVE,
) -> None:
    """Decoded and encoded anew, stored, and both, it is what was read on each of the days."""
    size = len(of[0])
    array = decoded(attribute, column, size)
    again = encode_column(attribute, pa.chunked_array([array]), dense_above)
    assert decoded(attribute, again, size).equals(array)
    assert holdings(again, size) == holdings(column, size)
    for each in (column, stored(folder, column, size), stored(folder, again, size)):
        for day, read in zip(DAYS, of, strict=True):
            assert_holds(column_on(attribute, each, day), read)


@pytest.mark.parametrize(("kind", "typed"), TYPED)
@settings(max_examples=settings().max_examples // 12)
@given(data=st.data(), dense=st.booleans())
def test_what_is_decoded_or_stored_holds_on_any_day(
    kind: Kind, typed: Typed, data: st.DataObject, dense: bool, folder: Path
) -> None:
    """`dense`: numbers are taken for mostly distinct, and stored as they are."""
    column = data.draw(chunked(typed))
    attribute = Attribute("a", kind, "a")
    if unreadable_rows(attribute, column):
        return
    raws = column.to_pylist()
    read = [[read_answers(attribute, raw, day) for raw in raws] for day in DAYS]
    dense_above = 1 if dense else DENSE_ABOVE
    encoded = encode_column(attribute, column, dense_above)
    assert_lasting(attribute, encoded, read, folder, dense_above)


def raw_values(kind: Kind, several: bool, values: int) -> tuple[pa.DataType, list[Any]]:
    """Members of so many distinct values in all, missing answers and empty lists among them."""
    draw = Random(values)
    pool: list[Any]
    match kind:
        case Kind.NUMBER:
            item, pool = pa.float64(), [number * 1.5 for number in range(values)]
        case Kind.CHILDREN:
            item, pool = pa.string(), [f"F:{number}" for number in range(values)]
        case _:
            item, pool = pa.string(), [f"v{number:05}" for number in range(values)]
    if not several:
        raws = [*pool, None, *pool, None]
        draw.shuffle(raws)
        return item, raws
    lists: list[list[Any] | None] = [
        draw.sample(pool, min(values, draw.randrange(5))) for _ in pool
    ]
    lists += [*([each] for each in pool), None, [], *([None] * 70)]
    draw.shuffle(lists)
    return pa.list_(item), lists


@pytest.mark.parametrize("values", [0, 1, 64, 65, 255, 256])
@pytest.mark.parametrize(
    ("kind", "several"),
    [
        (Kind.SINGLE, False),
        (Kind.NUMBER, False),
        (Kind.NUMBER, True),
        (Kind.MULTI, False),
        (Kind.MULTI, True),
        (Kind.CHILDREN, True),
    ],
)
def test_parts_hold_what_the_whole_holds_there(
    kind: Kind, several: bool, values: int, folder: Path
) -> None:
    attribute = Attribute("a", kind, "a")
    typed, raws = raw_values(kind, several, values)
    column = encode_column(attribute, pa.chunked_array([pa.array(raws, typed)]))
    size = len(raws)
    read = [[read_answers(attribute, raw, day) for raw in raws] for day in DAYS]
    assert_lasting(attribute, column, read, folder)
    whole = holdings(column, size)
    array = decoded(attribute, column, size)
    for each in (column, stored(folder, column, size)):
        for start in range(0, size, WORD):
            for stop in {min(start + WORD, size), size}:
                part = each.part(start, stop)
                assert holdings(part, stop - start) == whole[start:stop]
                found = decoded(attribute, part, stop - start)
                assert found.to_pylist() == array[start:stop].to_pylist()
