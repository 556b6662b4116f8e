"""Codes in Arrow columns: each distinct value becomes a code once, rows carry its number.

Agrees with `profiles.schema.values.as_code`: text after trimming, integers as they are written,
none where a value is null, NaN or blank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from profiles.encoding.encode import is_list
from profiles.schema import as_code, is_missing

Numbers: TypeAlias = NDArray[np.int64]


def is_text(kind: pa.DataType) -> bool:
    """Whether a column is of text, be it in dictionaries."""
    kind = _value_type(kind)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_id(kind: pa.DataType) -> bool:
    """Whether a column can hold ids: text, integers or decimals; or nothing but nulls."""
    plain = _value_type(kind)
    numeric = pa.types.is_integer(plain) or pa.types.is_decimal(plain)
    return bool(is_text(kind) or numeric or pa.types.is_null(kind))


def is_code(kind: pa.DataType) -> bool:
    """Whether a column can hold codes: ids, other numbers, truth values."""
    kind = _value_type(kind)
    return is_id(kind) or bool(pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def is_code_list(kind: pa.DataType) -> bool:
    """Whether a column is of lists of codes."""
    return is_list(kind) and is_code(kind.value_type)


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def trimmed(texts: pa.Array) -> pa.Array:
    """Texts or numbers as text, without the white space around them."""
    if pa.types.is_decimal(texts.type):
        texts = pa.array([None if raw is None else as_code(raw) for raw in texts.to_pylist()])
    return pc.utf8_trim_whitespace(texts.cast(pa.string()))


@dataclass(frozen=True, slots=True)
class Coded:
    """A column by its distinct codes: `numbers` says of each row which it has, -1: none.

    A code that is null is none either.
    """

    numbers: NDArray[np.signedinteger[Any]]
    codes: pa.Array

    def __repr__(self) -> str:
        return f"Coded({len(self.numbers):,} rows, {len(self.codes):,} codes)"

    def places(self, known: pa.Array, rows: Numbers | None = None) -> Numbers:
        """The place of the code of each row (of some rows) among those known; -1: none."""
        found = pc.index_in(self.codes, value_set=known).fill_null(-1)
        table = np.append(found.to_numpy(zero_copy_only=False), -1).astype(np.int64)
        places: Numbers = table[self.numbers if rows is None else self.numbers[rows]]
        return places

    def texts(self, rows: Numbers) -> pa.Array:
        """The code of some rows, or null."""
        numbers = self.numbers[rows]
        return self.codes.take(pa.array(numbers, mask=numbers < 0))


def coded(column: pa.Array) -> Coded:
    """Read the codes of a column."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    numbers = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Coded(numbers, _codes(column.dictionary))


def _codes(values: pa.Array) -> pa.Array:
    if is_text(values.type):
        texts = trimmed(values)
        return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    if is_id(values.type) and not pa.types.is_decimal(values.type):
        return values.cast(pa.string())
    raws = values.to_pylist()
    return pa.array([None if is_missing(raw) else as_code(raw) for raw in raws], pa.string())


def items_of(lists: pa.Array, separator: str) -> tuple[Numbers, pa.Array]:
    """The items of lists, or of texts split at the separator, and the row that each is in.

    A column of single codes has one item a row.
    """
    if is_text(lists.type):
        lists = pc.split_pattern(lists.cast(pa.string()), separator)
    elif not is_code_list(lists.type):
        return np.arange(len(lists)), lists
    parents = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    return parents.astype(np.int64), pc.list_flatten(lists)
