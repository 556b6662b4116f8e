"""Turns a shard's Arrow columns into encoded ones.

Every distinct raw value is read once, by the scalar definition in `profiles.schema.values`; members
only carry its number. So encoders cannot drift from what one member's answer means. What is encoded
holds on any day; `column_on` makes ages of birth dates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from profiles.encoding.bits import pack
from profiles.encoding.columns import (
    Codes,
    Column,
    ListsColumn,
    NumberColumn,
    RowsColumn,
    SingleColumn,
    Vocabulary,
    multi_column,
    narrow,
)
from profiles.encoding.compiled import load_kernels
from profiles.schema import (
    Answers,
    Attribute,
    Kind,
    UnreadableError,
    as_code,
    number_in,
    on_day,
    read_lasting,
)

DENSE_ABOVE = 1 << 12
"""A sample with more distinct numbers than this is stored without a vocabulary."""

EPOCH = date(1970, 1, 1).toordinal()
"""The proleptic ordinal of day 0 in Arrow."""

_SAMPLE = 1 << 16
_EXACT = 1 << 53
_FIRST_DAY = date.min.toordinal() - EPOCH
_LAST_DAY = date.max.toordinal() - EPOCH
_PER_DAY = {"s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}
Distinct: TypeAlias = tuple[NDArray[np.int64], list[object]]


@dataclass
class BadValueError(Exception):
    """A value that does not fit its attribute: its row in the shard, and why."""

    row: int
    why: str


def encode_column(
    attribute: Attribute, column: pa.ChunkedArray, dense_above: int = DENSE_ABOVE
) -> Column:
    """Encode one column of a shard; raises BadValueError where an answer does not fit.

    `dense_above`: see `DENSE_ABOVE`.
    """
    kind = column.type
    if _is_bytes(kind):
        raise BadValueError(0, "bytes, not text")
    if pa.types.is_nested(kind):
        if not is_list(kind) or pa.types.is_nested(kind.value_type):
            raise BadValueError(0, f"a column of type `{short_name(kind)}` cannot hold answers")
        if not attribute.listed:
            raise BadValueError(
                0, f"lists of answers, but the attribute's type is {attribute.kind}"
            )
        return _encode_lists(attribute, column)
    column = as_days(column)
    if attribute.kind is Kind.NUMBER and _is_numeric(column.type):
        column = _without(column, attribute.null_values)
        small = _small_integers(column)
        if small is not None:
            return small
        if _mostly_distinct(column, dense_above):
            return _dense_numbers(column)
    return _encode_scalars(attribute, column)


def is_list(kind: pa.DataType) -> bool:
    """Whether a column of this type holds lists of answers."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    if is_list(kind):
        kind = kind.value_type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def short_name(kind: pa.DataType) -> str:
    """An Arrow type in short: of what is in it, only what a list or dictionary is of."""
    if pa.types.is_dictionary(kind):
        return short_name(kind.value_type)
    name = re.split(r"[<\[]", str(kind))[0]
    return f"{name} of {short_name(kind.value_type)}" if name == "list" else name


def as_days(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of times or days as days, any other as it is.

    Raises BadValueError for a day outside the years 1 to 9999.
    """
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        return column
    _check_years(column)
    return column.cast(pa.date32(), safe=False)


def _check_years(column: pa.ChunkedArray) -> None:
    """Refuse days outside the years 1 to 9999, which look the same later on."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        unit = _PER_DAY[kind.unit]
    else:
        unit = 1 if pa.types.is_date32(kind) else _PER_DAY["ms"]
    if unit == _PER_DAY["ns"]:  # 64 bits of them are 584 years
        return
    counts = column.cast(pa.int32() if unit == 1 else pa.int64()).fill_null(0).to_numpy()
    outside = (counts < _FIRST_DAY * unit) | (counts >= (_LAST_DAY + 1) * unit)
    if outside.any():
        raise BadValueError(int(outside.argmax()), "a date outside the years 1 to 9999")


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _without(column: pa.ChunkedArray, null_values: frozenset[str]) -> pa.ChunkedArray:
    """Numbers without those that are no answer."""
    wanted = {number_in(code) for code in null_values if as_code(number_in(code) or 0.0) == code}
    found = pa.array([number for number in wanted if number is not None], pa.float64())
    if not len(found):
        return column
    missing = pc.is_in(column.cast(pa.float64(), safe=False), value_set=found)
    return pc.if_else(missing, pa.scalar(None, column.type), column)


def _small_integers(column: pa.ChunkedArray) -> SingleColumn | None:
    """Integers of fewer than 255 consecutive values need no dictionary: code = value - least.

    Beyond 2**53 neighbours are one and the same float, and are left to the scalar definition.
    """
    if not pa.types.is_integer(column.type):
        return None
    bounds = pc.min_max(column)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    if low is None or high - low >= 254 or max(-low, high) >= _EXACT:
        return None
    codes = column.cast(pa.int64()).fill_null(low - 1).to_numpy() - (low - 1)
    return SingleColumn(codes.astype(np.uint8), np.arange(low, high + 1, dtype=np.float64))


def _valid(array: pa.Array) -> NDArray[np.bool_]:
    """Which entries of an array are not null, as truth values."""
    return array.is_valid().to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _mostly_distinct(column: pa.ChunkedArray, dense_above: int) -> bool:
    return bool(pc.count_distinct(column.slice(0, _SAMPLE)).as_py() > dense_above)


def _dense_numbers(column: pa.ChunkedArray) -> NumberColumn:
    values = column.cast(pa.float64(), safe=False).to_numpy()
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise BadValueError(int(infinite[0]), f"`{values[infinite[0]]}` is not a finite number")
    return NumberColumn(np.ascontiguousarray(values, np.float64))


def distinct_values(column: pa.ChunkedArray | pa.Array) -> Distinct:
    """The distinct raw values, and for every entry the number of its value (-1: null)."""
    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    else:
        column = column.dictionary_encode()
    if not column.num_chunks:
        return np.empty(0, np.int64), []
    numbers = [
        chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in column.chunks
    ]
    return np.concatenate(numbers), column.chunk(0).dictionary.to_pylist()


def _read_all(
    attribute: Attribute, distinct: Distinct, entry_is_item: bool
) -> list[Answers | None]:
    numbers, raws = distinct
    read: list[Answers | None] = []
    for number, raw in enumerate(raws):
        try:
            read.append(read_lasting(attribute, [raw] if entry_is_item else raw))
        except UnreadableError as error:
            at = np.flatnonzero(numbers == number)
            if len(at):
                raise BadValueError(int(at[0]), str(error)) from None
            read.append(None)
    return read


def _vocabulary(read: list[Answers | None]) -> tuple[dict[object, int], Vocabulary]:
    values = sorted({value for answers in read for value in answers or ()})
    code_of: dict[object, int] = {value: code for code, value in enumerate(values, start=1)}
    if values and isinstance(values[0], float):
        return code_of, np.array(values, np.float64)
    return code_of, tuple(str(value) for value in values)


def _code_table(read: list[Answers | None], code_of: dict[object, int]) -> Codes:
    """For every distinct raw value its codes, padded with 0; the last line, all 0, is for null."""
    width = max((len(answers) for answers in read if answers), default=1)
    if width == 1:
        codes = (code_of[answers[0]] if answers else 0 for answers in (*read, None))
        return np.fromiter(codes, narrow(len(code_of)), len(read) + 1)[:, None]
    table = np.zeros((len(read) + 1, width), narrow(len(code_of)))
    for line, answers in zip(table, read, strict=False):
        for place, value in enumerate(answers or ()):
            line[place] = code_of[value]
    return table


def _look_up(table: Codes, numbers: NDArray[np.integer[Any]]) -> Codes:
    compiled = load_kernels("profiles.encoding.kernels", len(numbers))
    if compiled is None:
        found: Codes = np.take(table, numbers, mode="wrap")
        return found
    codes = np.empty(len(numbers), table.dtype)
    compiled.look_up(np.ascontiguousarray(table), numbers, codes)
    return codes


def _encode_scalars(attribute: Attribute, column: pa.ChunkedArray) -> Column:
    numbers, raws = distinct_values(column)
    read = _read_all(attribute, (numbers, raws), entry_is_item=False)
    code_of, vocabulary = _vocabulary(read)
    table = _code_table(read, code_of)
    if attribute.kind is not Kind.CHILDREN and table.shape[1] == 1 and () not in read:
        return SingleColumn(_look_up(table[:, 0], numbers), vocabulary)
    answered = np.array([answers is not None for answers in read] + [False])[numbers]
    offsets = np.arange(len(numbers) + 1, dtype=np.int64) * table.shape[1]
    return multi_column(offsets, table[numbers].ravel(), vocabulary, pack(answered))


def _encode_lists(attribute: Attribute, column: pa.ChunkedArray) -> Column:
    sizes: list[NDArray[np.int64]] = []
    items: list[pa.Array] = []
    answered: list[NDArray[np.bool_]] = []
    for chunk in column.chunks:
        items.append(chunk.flatten())
        sizes.append(chunk.value_lengths().fill_null(0).to_numpy(zero_copy_only=False))
        answered.append(_valid(chunk))
    values = pa.chunked_array(items, column.type.value_type)
    offsets = np.zeros(len(column) + 1, np.int64)
    if sizes:
        np.cumsum(np.concatenate(sizes), out=offsets[1:])
    try:
        distinct = distinct_values(values)
        read = _read_all(attribute, distinct, entry_is_item=True)
    except BadValueError as error:
        row = int(np.searchsorted(offsets, error.row, side="right")) - 1
        raise BadValueError(row, error.why) from None
    code_of, vocabulary = _vocabulary(read)
    table = _code_table(read, code_of)
    single = table.shape[1] == 1
    codes = _look_up(table[:, 0], distinct[0]) if single else table[distinct[0]].ravel()
    flags = np.concatenate(answered) if answered else np.empty(0, np.bool_)
    return multi_column(offsets * table.shape[1], codes, vocabulary, pack(flags))


def ages_on(births: NDArray[np.float64], as_of: date) -> NDArray[np.int64]:
    """`age_on` of many birth dates, given as proleptic ordinals; negative before the birth."""
    days = (births.astype(np.int64) - EPOCH).astype("M8[D]")
    months = days.astype("M8[M]")
    month_and_day = (months.astype(np.int64) % 12 + 1) * 32 + (days - months).astype(np.int64) + 1
    years = days.astype("M8[Y]").astype(np.int64) + 1970
    ages: NDArray[np.int64] = as_of.year - years - (as_of.month * 32 + as_of.day < month_and_day)
    return ages


def column_on(attribute: Attribute, column: Column, as_of: date) -> Column:
    """An encoded column as it is on the as-of day: with ages instead of birth dates."""
    if isinstance(column, SingleColumn) and attribute.kind is Kind.BIRTH_DATE:
        ages = ages_on(np.asarray(column.vocabulary, np.float64), as_of)
        lived = np.unique(ages[ages >= 0])
        codes = np.where(ages < 0, 0, np.searchsorted(lived, ages) + 1)
        table = np.concatenate(([0], codes)).astype(narrow(len(lived)))
        return SingleColumn(_look_up(table, column.codes), lived.astype(np.float64))
    if attribute.kind is not Kind.CHILDREN:
        return column
    assert isinstance(column, RowsColumn | ListsColumn), "children are lists"
    read = [on_day(attribute, (str(child),), as_of) for child in column.vocabulary]
    code_of, vocabulary = _vocabulary(read)
    table = np.roll(_code_table(read, code_of), 1, axis=0)
    if isinstance(column, ListsColumn):
        offsets = column.offsets * table.shape[1]
        return multi_column(offsets, table[column.codes].ravel(), vocabulary, column.answered)
    rows = np.zeros((len(vocabulary), len(column.answered)), np.uint64)
    for row, codes in zip(column.rows, table[1:], strict=True):
        for code in codes[codes > 0].tolist():
            np.bitwise_or(rows[code - 1], row, out=rows[code - 1])
    return RowsColumn(rows, vocabulary, column.answered)
