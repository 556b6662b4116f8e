"""Member ids as Arrow columns: read as they are, hashed many at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from profiles.encoding.encode import BadValueError, short_name
from profiles.hashing import GOLDEN, MULTIPLY

_LARGEST = (1 << 63) - 1


def id_type(written: pa.DataType) -> pa.DataType:
    """The type in which ids written in one type are held: 64-bit integers, or the text itself."""
    if pa.types.is_dictionary(written):
        written = written.value_type
    return pa.int64() if _is_number(written) else written


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def id_array(column: pa.ChunkedArray, *, optional: bool = False) -> pa.Array:
    """Ids as text or 64-bit integers, as they are; raises BadValueError where one is missing."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_decimal(column.type):
        column = _whole_numbers(column)
    elif pa.types.is_integer(column.type):
        try:
            column = column.cast(pa.int64())
        except pa.ArrowInvalid:
            large = pc.greater(column, pa.scalar(_LARGEST, column.type)).fill_null(False)
            row = int(np.flatnonzero(large.to_numpy())[0])
            raise BadValueError(row, "an id that does not fit in 64 bits") from None
    elif not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise BadValueError(0, f"ids must be text or integers, not `{short_name(column.type)}`")
    if not optional:
        blank = _first_blank(column)
        if blank is not None:
            raise BadValueError(blank, "no member id")
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole


def _whole_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Decimals as integers; raises BadValueError where one is no integer of 64 bits."""
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        for row, raw in enumerate(column.to_pylist()):
            if raw is not None and raw != raw.to_integral_value():
                raise BadValueError(row, f"`{raw}` is not a whole number") from None
            if raw is not None and not -_LARGEST - 1 <= raw <= _LARGEST:
                raise BadValueError(row, "an id that does not fit in 64 bits") from None
        raise


def _first_blank(column: pa.ChunkedArray) -> int | None:
    """The first row without an id: null, or an empty text."""
    if column.null_count:
        return int(np.flatnonzero(column.is_null().to_numpy())[0])
    empty = -1 if pa.types.is_integer(column.type) else pc.index(column, "").as_py()
    return empty if empty >= 0 else None


def mix_all(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """`profiles.hashing.mix` of every number."""
    numbers = numbers + np.uint64(GOLDEN)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(MULTIPLY[0])
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(MULTIPLY[1])
    return numbers ^ (numbers >> np.uint64(31))


def hash_ids(ids: pa.Array) -> NDArray[np.uint64]:
    """`profiles.hashing.hash_id` of every id; an integer hashes as the text it is written in."""
    texts = ids.cast(pa.large_string())
    _, offset_buffer, data = texts.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    size = np.diff(offsets)
    padded = np.zeros((int(offsets[-1]) if len(offsets) else 0) + 8, np.uint8)
    if data is not None:
        padded[: offsets[-1]] = np.frombuffer(data, np.uint8)[: offsets[-1]]
    value = mix_all(size.astype(np.uint64))
    for at in range(0, int(size.max(initial=0)), 8):
        some = np.flatnonzero(size > at)
        starts = offsets[:-1][some] + at
        word = np.zeros(len(some), np.uint64)
        for byte in range(8):
            inside = size[some] > at + byte
            word |= np.where(inside, padded[starts + byte], 0).astype(np.uint64) << np.uint64(
                8 * byte
            )
        value[some] = mix_all(value[some] ^ word)
    return value
