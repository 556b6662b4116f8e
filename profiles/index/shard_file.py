"""One shard of an index as a file: every array of every column where memory can be mapped to it.

What is where, a description beside the file says (in the index's manifest), with a
checksum for each part; a part is checked before it is first used.
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from profiles.encoding import (
    Column,
    EncodedShard,
    ListsColumn,
    NumberColumn,
    RowsColumn,
    SingleColumn,
    Vocabulary,
)
from profiles.errors import InputError

Description: TypeAlias = dict[str, Any]
"""JSON: what is where in a shard file."""

_ALIGN = 64


def write_shard(path: Path, shard: EncodedShard) -> Description:
    """Write a shard to a new file and to the disk under it; gives its description."""
    with path.open("xb") as file:
        writer = _Writer(file)
        batch = pa.record_batch(dict(shard.ids))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        ids = writer.part(memoryview(sink.getvalue()))
        columns = {name: writer.column(column) for name, column in shard.columns.items()}
        file.flush()
        os.fsync(file.fileno())
    stat = path.stat()
    return {
        "file": path.name,
        "bytes": stat.st_size,
        "modified": stat.st_mtime_ns,
        "rows": shard.size,
        "ids": ids,
        "columns": columns,
    }


class _Writer:
    """Writes one part after the other, each where a cache line begins."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0

    def part(self, data: memoryview | bytes) -> list[int]:
        """Where a part is, how long it is, and its checksum."""
        gap = -self._at % _ALIGN
        self._file.write(bytes(gap))
        self._file.write(data)
        size = memoryview(data).nbytes
        self._at += gap + size
        return [self._at - size, size, zlib.crc32(data)]

    def array(self, values: NDArray[Any]) -> Description:
        values = np.ascontiguousarray(values)
        return {
            "part": self.part(values.ravel().view(np.uint8).data),
            "type": values.dtype.str,
            "shape": list(values.shape),
        }

    def column(self, column: Column) -> Description:
        match column:
            case SingleColumn():
                arrays: dict[str, NDArray[Any]] = {"codes": column.codes}
            case NumberColumn():
                return {"form": "numbers", "vocabulary": self.array(column.vocabulary)}
            case RowsColumn():
                arrays = {"rows": column.rows, "answered": column.answered}
            case ListsColumn():
                arrays = {
                    "offsets": column.offsets,
                    "codes": column.codes,
                    "answered": column.answered,
                }
            case _:
                raise AssertionError("constants are not stored")
        written = {name: self.array(values) for name, values in arrays.items()}
        return {"form": _FORMS[type(column)], "vocabulary": self.vocabulary(column), **written}

    def vocabulary(self, column: Column) -> Description:
        if isinstance(column.vocabulary, tuple):
            return {"part": self.part(orjson.dumps(column.vocabulary))}
        return self.array(column.vocabulary)


_FORMS: dict[type, str] = {SingleColumn: "codes", RowsColumn: "rows", ListsColumn: "lists"}


class ShardFile:
    """A shard file, open for reading; it stays readable when it is deleted.

    Raises InputError where the file is missing, or is not the one that was described.
    """

    def __init__(self, folder: Path, description: Description) -> None:
        self.path = folder / str(description["file"])
        self.rows: int = description["rows"]
        self._description = description
        self._checked: set[tuple[int, int]] = set()
        with self.path.open("rb") as file:
            stat = os.fstat(file.fileno())
            if stat.st_size != description["bytes"]:
                raise self._changed()
            self._memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if stat.st_mtime_ns != description["modified"]:
            self._check_all()

    def ids(self) -> Mapping[str, pa.Array]:
        """Ids by source column."""
        data = pa.py_buffer(self._part(self._description["ids"]))
        batch = pa.ipc.open_stream(data).read_next_batch()
        return dict(zip(batch.schema.names, batch.columns, strict=True))

    def column(self, name: str) -> Column:
        """The answers to one attribute, mapped to memory; read-only."""
        stored = self._description["columns"][name]
        vocabulary = self._vocabulary(stored["vocabulary"])
        match stored["form"]:
            case "numbers":
                assert not isinstance(vocabulary, tuple), "numbers are an array"
                return NumberColumn(vocabulary)
            case "codes":
                return SingleColumn(self._array(stored["codes"]), vocabulary)
            case "rows":
                answered = self._array(stored["answered"])
                return RowsColumn(self._array(stored["rows"]), vocabulary, answered)
            case _:
                offsets, codes = self._array(stored["offsets"]), self._array(stored["codes"])
                return ListsColumn(offsets, codes, vocabulary, self._array(stored["answered"]))

    def _vocabulary(self, stored: Description) -> Vocabulary:
        if "type" in stored:
            return self._array(stored)
        return tuple(orjson.loads(self._part(stored["part"])))

    def _array(self, stored: Description) -> NDArray[Any]:
        data = self._part(stored["part"])
        return np.frombuffer(data, np.dtype(stored["type"])).reshape(stored["shape"])

    def _part(self, part: list[int]) -> memoryview:
        start, size, checksum = part
        data = memoryview(self._memory)[start : start + size]
        if (start, size) not in self._checked and zlib.crc32(data) != checksum:
            raise self._changed()
        self._checked.add((start, size))  # an empty part begins where the next one does
        return data

    def _check_all(self) -> None:
        """A file that was written to since, or copied, is compared with all of its checksums."""
        self._part(self._description["ids"])
        for stored in self._description["columns"].values():
            for array in stored.values():
                if isinstance(array, dict):
                    self._part(array["part"])

    def _changed(self) -> InputError:
        return InputError(f"{self.path}: changed since it was written; build the index anew")
