"""An encoded panel on disk: shards that memory is mapped to, and a manifest that names them.

    FOLDER/manifest.json    schema, panel file, as-of, watermark, and what is in each shard
    FOLDER/shard-*.bin      see `profiles.index.shard_file`; never changed once written

The manifest is replaced in one step, so there is always one whole index. Members that were deleted,
or written anew to a later shard, are listed as dead. Birth dates are stored, not ages: an index
answers for any day.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyroaring import BitMap

from profiles.encoding import (
    SHARD_MEMBERS,
    BitRow,
    Column,
    EncodedShard,
    ListsColumn,
    RowsColumn,
    all_members,
    decode_column,
    decoded_type,
    encode_column,
    flags_of,
    popcount,
    row_of,
)
from profiles.errors import InputError, system_reason
from profiles.finding import Level, PanelFinding
from profiles.index.manifest import MANIFEST, digest, read_manifest
from profiles.index.shard_file import Description, ShardFile
from profiles.schema import Attribute, Schema, id_columns
from profiles.schema.panel_file import PanelFile, parse_panel, read_panel_file
from profiles.sources import BATCH_ROWS, Batch

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class StoredShard:
    """A shard of an index, and the rows in it that no longer count."""

    file: ShardFile
    description: Description
    dead: BitMap

    @property
    def members(self) -> int:
        """How many of its rows count."""
        return self.file.rows - len(self.dead)


class Index:
    """An index, opened as it is: what replaces it later does not concern this one.

    It is read shard by shard, encoded; and as a source of record batches, decoded.
    """

    def __init__(
        self, folder: Path, body: Mapping[str, Any], shards: Iterable[StoredShard]
    ) -> None:
        self.folder = folder
        self.body = body
        self.shards = tuple(shards)
        # `..` leads elsewhere from where a link leads to.
        root = folder if folder.absolute() == folder.resolve() else folder.resolve()
        path = Path(os.path.normpath(root / body["panel_file"]))
        self.file: PanelFile = parse_panel(body["panel"], path)

    def __repr__(self) -> str:
        return f"Index({self.name}, {self.count_rows():,} members, {len(self.shards)} shards)"

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def files(self) -> tuple[Path, ...]:
        """The shard files."""
        return tuple(shard.file.path for shard in self.shards)

    @property
    def all_text(self) -> bool:
        """Never: answers have the types that they were read as."""
        return False

    def count_rows(self) -> int:
        """The number of members."""
        return sum(shard.members for shard in self.shards)

    def schema(self) -> pa.Schema:
        """The columns that the panel file names, as they come back."""
        ids = [pa.field(name, _id_type(kind)) for name, kind in self.body["ids"].items()]
        answers = [
            pa.field(column, decoded_type(attribute, lists=attribute.name in self._lists))
            for column, attribute in self._by_column().items()
            if column not in self.body["ids"]
        ]
        return pa.schema([*ids, *answers])

    @property
    def _lists(self) -> frozenset[str]:
        """The number attributes to which some member gives several answers."""
        return frozenset(self.body["number_lists"])

    def _by_column(self) -> dict[str, Attribute]:
        found: dict[str, Attribute] = {}
        for attribute in self.file.schema.attributes.values():
            found.setdefault(attribute.column, attribute)
        return found

    def read(
        self, attributes: Iterable[str], members: int = SHARD_MEMBERS, *, with_ids: bool = True
    ) -> Iterator[EncodedShard]:
        """Shards of so many rows (a multiple of 64) or fewer, with the named attributes."""
        wanted = sorted(attributes)
        for shard in self.shards:
            ids = shard.file.ids() if with_ids else {}
            columns = {name: shard.file.column(name) for name in wanted}
            for start in range(0, shard.file.rows, members):
                stop = min(start + members, shard.file.rows)
                yield EncodedShard(
                    stop - start,
                    {name: array[start:stop] for name, array in ids.items()},
                    {name: column.part(start, stop) for name, column in columns.items()}
                    if stop - start < shard.file.rows
                    else columns,
                    _alive(shard.dead, start, stop),
                )

    def batches(
        self, columns: list[str], distinct: frozenset[str] = frozenset()
    ) -> Iterator[Batch]:
        """Stream the named columns, ids and answers as the panel file means them."""
        del distinct
        whole_schema = self.schema()
        schema = pa.schema([whole_schema.field(name) for name in columns])
        by_column = self._by_column()
        row = 0
        for shard in self.read([by_column[name].name for name in columns if name in by_column]):
            arrays = [
                shard.ids[name] if name in shard.ids else self._decode(by_column[name], shard)
                for name in columns
            ]
            whole = pa.record_batch(arrays, schema=schema)
            if popcount(shard.everyone) < shard.size:
                whole = whole.filter(pa.array(flags_of(shard.everyone, shard.size)))
            for start in range(0, whole.num_rows, BATCH_ROWS):
                yield Batch(whole.slice(start, BATCH_ROWS), self.name, row + start, schema)
            row += whole.num_rows

    def _decode(self, attribute: Attribute, shard: EncodedShard) -> pa.Array:
        lists = attribute.name in self._lists
        return decode_column(attribute, shard.columns[attribute.name], shard.size, lists=lists)

    def findings(self) -> list[PanelFinding]:
        """What has changed beside the index since it was made."""
        try:
            tables = read_panel_file(self.file.path).tables
        except InputError:  # the index does without it
            return []
        if digest(tables) == digest(self.body["panel"]):
            return []
        return [
            PanelFinding(
                "panel-file-changed",
                Level.WARNING,
                self.name,
                f"{self.file.path} has changed since the index was made; the index goes by what it "
                "was then",
                "`matcher index --update` takes the changes over",
            )
        ]


def merged(schema: Schema, shards: Sequence[StoredShard]) -> EncodedShard:
    """The members of some shards as one."""
    parts = [_whole(shard) for shard in shards]
    flags = [pa.array(flags_of(part.everyone, part.size)) for part in parts]

    def join(arrays: Iterable[pa.Array]) -> pa.ChunkedArray:
        return pa.chunked_array(
            [array.filter(mask) for array, mask in zip(arrays, flags, strict=True)]
        )

    columns: dict[str, Column] = {}
    for name in parts[0].columns:
        attribute = schema.attributes[name]
        encoded = [part.columns[name] for part in parts]
        lists = any(isinstance(column, RowsColumn | ListsColumn) for column in encoded)
        columns[name] = encode_column(
            attribute,
            join(
                decode_column(attribute, column, part.size, lists=lists)
                for column, part in zip(encoded, parts, strict=True)
            ),
        )
    ids = {
        name: pa.concat_arrays(join(part.ids[name] for part in parts).chunks)
        for name in parts[0].ids
    }
    size = sum(shard.members for shard in shards)
    return EncodedShard(size, ids, columns, all_members(size))


def _whole(shard: StoredShard) -> EncodedShard:
    file = shard.file
    columns = {name: file.column(name) for name in shard.description["columns"]}
    return EncodedShard(file.rows, file.ids(), columns, _alive(shard.dead, 0, file.rows))


def _alive(dead: BitMap, start: int, stop: int) -> BitRow:
    everyone = all_members(stop - start)
    gone = np.array(dead & BitMap(range(start, stop)), np.int64) if dead else np.empty(0, np.int64)
    return everyone & ~row_of(gone - start, stop - start) if len(gone) else everyone


def _id_type(name: str) -> pa.DataType:
    return {"int64": pa.int64(), "large_string": pa.large_string()}.get(name, pa.string())


def encoding(file: PanelFile) -> str:
    """A checksum of all in a panel file that the encoded columns depend on."""
    attributes = [
        [
            attribute.name,
            attribute.kind,
            attribute.column,
            attribute.separator,
            *sorted(attribute.null_values),
            *([] if attribute.decimal == "." else [["decimal", attribute.decimal]]),
        ]
        for attribute in file.schema.attributes.values()
    ]
    return digest([sorted(attributes), id_columns(file.mapping), file.layout, file.updated_at])


def is_index(path: Path) -> bool:
    """Whether a path is a folder that holds an index."""
    return (path / MANIFEST).is_file()


def open_index(folder: Path) -> Index:
    """Open an index; raises InputError where it is not whole, changed, or of another version."""
    missing: str | None = None
    for _ in range(_ATTEMPTS):  # another process may be replacing it
        body = read_manifest(folder)
        try:
            shards = [
                StoredShard(ShardFile(folder, shard), shard, _read_dead(shard["dead"]))
                for shard in body["shards"]
            ]
            return Index(folder, body, shards)
        except FileNotFoundError as error:
            missing = error.filename
            if read_manifest(folder) == body:
                break
        except OSError as error:
            raise InputError(f"{folder}: cannot be read: {system_reason(error)}") from None
    raise InputError(f"{missing}: missing; build the index anew")


def write_dead(dead: BitMap) -> str:
    """Dead rows as the manifest has them."""
    return base64.b64encode(dead.serialize()).decode() if dead else ""


def _read_dead(written: str) -> BitMap:
    return BitMap.deserialize(base64.b64decode(written)) if written else BitMap()
