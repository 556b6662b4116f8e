"""Encoded columns back as Arrow arrays, which `encode` reads as the same answers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from profiles.encoding.bits import flags_of
from profiles.encoding.columns import (
    Column,
    ListsColumn,
    NumberColumn,
    RowsColumn,
    SingleColumn,
    Vocabulary,
)
from profiles.encoding.encode import EPOCH
from profiles.schema import Attribute, Kind

_TEXTS = pa.dictionary(pa.int32(), pa.string())


def decoded_type(attribute: Attribute, *, lists: bool = False) -> pa.DataType:
    """The Arrow type that answers of an attribute come back in; `lists`: of several numbers."""
    match attribute.kind:
        case Kind.BIRTH_DATE:
            return pa.date32()
        case Kind.NUMBER:
            return pa.list_(pa.float64()) if lists else pa.float64()
        case Kind.MULTI | Kind.CHILDREN:
            return pa.list_(_TEXTS)
        case _:
            return _TEXTS


def decode_column(
    attribute: Attribute, column: Column, size: int, *, lists: bool = False
) -> pa.Array:
    """What `size` members have answered on any day: dates, numbers, texts or lists of them."""
    kind = decoded_type(attribute, lists=lists)
    match column:
        case NumberColumn(vocabulary=values):
            flat = pa.array(values, pa.float64(), mask=np.isnan(values))
        case SingleColumn(codes=codes, vocabulary=vocabulary):
            flat = _values(attribute, codes.astype(np.int32), vocabulary)
        case ListsColumn(offsets=offsets, codes=codes, vocabulary=vocabulary):
            items = _values(attribute, codes.astype(np.int32), vocabulary)
            return _lists(offsets, items, flags_of(column.answered, size))
        case RowsColumn(rows=rows, vocabulary=vocabulary, answered=answered):
            held = np.unpackbits(rows.view(np.uint8), axis=1, count=size, bitorder="little")
            members, places = np.nonzero(held.T)
            offsets = np.searchsorted(members, np.arange(size + 1))
            items = _values(attribute, places.astype(np.int32) + 1, vocabulary)
            return _lists(offsets, items, flags_of(answered, size))
        case _:
            raise AssertionError("constants are not decoded")
    if pa.types.is_list(kind):
        present = flat.is_valid().to_numpy(zero_copy_only=False)
        return _lists(np.concatenate(([0], np.cumsum(present))), flat.drop_null(), present)
    if attribute.kind is Kind.BIRTH_DATE:
        days = flat.to_numpy(zero_copy_only=False) - EPOCH
        return pa.array(days, from_pandas=True).cast(pa.int32()).cast(kind)
    return flat


def _values(attribute: Attribute, codes: NDArray[np.int32], vocabulary: Vocabulary) -> pa.Array:
    """What codes stand for; null for the code 0."""
    none = codes == 0
    if attribute.numeric:
        table = np.concatenate(([np.nan], np.asarray(vocabulary, np.float64)))
        return pa.array(table[codes], pa.float64(), mask=none)
    numbers = pa.array(codes - 1, pa.int32(), mask=none)
    return pa.DictionaryArray.from_arrays(numbers, pa.array(vocabulary, pa.string()))


def _lists(offsets: NDArray[np.int64], items: pa.Array, answered: NDArray[np.bool_]) -> pa.Array:
    starts = pa.array(offsets, pa.int32())
    return pa.ListArray.from_arrays(starts, items, mask=pa.array(~answered))
