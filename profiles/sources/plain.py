"""The one form in which every value is read on: what Arrow writes in many types becomes one.

Texts are text (in dictionaries of 32-bit numbers, where they came in some), lists are lists, UUIDs
are text as databases write them.
"""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type that values of a type are read on in."""
    if _is_uuid(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if pa.types.is_dictionary(kind):
        values = plain_type(kind.value_type)
        return pa.dictionary(pa.int32(), values) if _is_text(values) else values
    if pa.types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if _is_list(kind):
        large = pa.types.is_large_list(kind) or pa.types.is_large_list_view(kind)
        return (pa.large_list if large else pa.list_)(plain_type(kind.value_type))
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_decimal32(kind) or pa.types.is_decimal64(kind):
        return pa.decimal128(kind.precision, kind.scale)
    return pa.binary() if pa.types.is_binary_view(kind) else kind


def plain(array: pa.Array) -> pa.Array:
    """An array in its plain type; raises pa.ArrowException where it is damaged."""
    kind = array.type
    wanted = plain_type(kind)
    if wanted == kind:
        return array
    if _is_uuid(kind):
        raws = (array.storage if isinstance(array, pa.ExtensionArray) else array).to_pylist()
        return pa.array([None if raw is None else str(UUID(bytes=raw)) for raw in raws], wanted)
    if isinstance(array, pa.ExtensionArray):
        return plain(array.storage)
    if pa.types.is_dictionary(kind):
        if not pa.types.is_dictionary(wanted):
            return plain(array.cast(kind.value_type))
        numbers = array.indices.cast(pa.int32())
        return pa.DictionaryArray.from_arrays(numbers, plain(array.dictionary))
    if pa.types.is_run_end_encoded(kind):
        return plain(pc.run_end_decode(array))
    if _is_list(kind):
        sizes = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
        offsets = pa.array(np.concatenate(([0], np.cumsum(sizes))), pa.int64())
        large = pa.types.is_large_list(wanted)
        lists = pa.LargeListArray if large else pa.ListArray
        return lists.from_arrays(
            offsets if large else offsets.cast(pa.int32()),
            plain(array.flatten()),
            mask=array.is_null(),
        )
    return array.cast(wanted)


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """A schema of plain types."""
    return pa.schema([(field.name, plain_type(field.type)) for field in schema])


def _is_uuid(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.UuidType)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_list(kind: pa.DataType) -> bool:
    return any(
        is_kind(kind)
        for is_kind in (
            pa.types.is_list,
            pa.types.is_large_list,
            pa.types.is_fixed_size_list,
            pa.types.is_list_view,
            pa.types.is_large_list_view,
        )
    )
