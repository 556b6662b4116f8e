"""Writes an index: all of a panel, or only the members that have changed.

New files are beside the old ones until the manifest is replaced in one step.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyroaring import BitMap

from profiles.encoding import SHARD_MEMBERS, EncodedShard, id_type
from profiles.errors import InputError
from profiles.index.folder import locked, sweep
from profiles.index.index import (
    Index,
    StoredShard,
    encoding,
    is_index,
    merged,
    open_index,
    write_dead,
)
from profiles.index.manifest import digest, write_manifest
from profiles.index.shard_file import ShardFile, write_shard
from profiles.index.watermark import (
    ChangedRows,
    ids_as,
    latest,
    read_ids,
    read_watermark,
    write_watermark,
)
from profiles.schema import Kind, id_columns
from profiles.schema.panel_file import PanelFile
from profiles.sources import ShardReader, Source, UniqueIds


@dataclass(frozen=True, slots=True)
class Indexed:
    """What writing an index has done, in members; `size` counts the bytes of all its shards."""

    members: int
    new: int
    changed: int
    deleted: int
    shards: int
    size: int


def build_index(
    file: PanelFile,
    source: Source,
    as_of: date,
    folder: Path,
    *,
    shard_members: int = SHARD_MEMBERS,
) -> Indexed:
    """Write all members of a source as an index, in place of the one that may be there.

    `source` has a row for every member, as `file` describes them on the day `as_of`; a shard has at
    most `shard_members`. The folder changes when all is written; raises InputError where that
    cannot be.
    """
    member_id = file.schema.member_id
    with locked(folder):
        writer = _Writer(file, source, as_of, folder, None, shard_members)
        unique = UniqueIds(source, member_id)
        for shard in writer.read(source, whole=True):
            unique.add(shard.ids[member_id])
            writer.write(shard)
        unique.check()
        writer.merge()
        return writer.finish(new=writer.members)


def update_index(
    file: PanelFile,
    source: Source,
    as_of: date,
    folder: Path,
    changes: Source | None = None,
    deleted: Source | None = None,
    *,
    shard_members: int = SHARD_MEMBERS,
) -> Indexed:
    """Take changed, new and deleted members into an index; where there is none, build it.

    `changes` has the rows of changed and new members, `deleted` the ids of those who are gone.
    Without either all members, in `source`, are compared by its `updated_at` column. Raises
    InputError where they do not go together with the index, which then stays as it is.
    """
    if not is_index(folder):
        if changes is not None or deleted is not None:
            raise InputError(f"{folder}: no index yet to take changes into")
        return build_index(file, source, as_of, folder, shard_members=shard_members)
    with locked(folder):
        index = open_index(folder)
        if index.body["encoding"] != encoding(file):
            raise InputError(
                f"{folder}: {file.path} declares other attributes or columns than the index "
                "was built from; build it anew, without --update"
            )
        writer = _Writer(file, source, as_of, folder, index, shard_members)
        column = file.schema.member_id
        kind = index.schema().field(column).type
        if changes is None and deleted is None:
            known = _joined([batch.data.column(0) for batch in index.batches([column])], kind)
            newer = _compared(file, source, index, known)
            taken = list(writer.read(newer, whole=True))
            _check_unique(source, column, newer.ids)
            there = _joined(newer.ids, kind)
            gone = known.filter(pc.invert(pc.is_in(known, value_set=there)))
        else:
            taken = list(writer.read(changes, whole=False)) if changes is not None else []
            if changes is not None:
                _check_unique(changes, column, [shard.ids[column] for shard in taken])
            gone = _joined(_ids_of(deleted, column, kind), kind)
        touched = _joined([shard.ids[column] for shard in taken], kind)
        _check_apart(touched, gone)
        changed = writer.bury(touched)
        lost = writer.bury(gone)
        for shard in taken:
            writer.write(shard)
        writer.merge()
        return writer.finish(len(touched) - changed, changed, lost)


class _Writer:
    """Writes the shards of one index after those that it has, then the manifest of all."""

    def __init__(
        self,
        file: PanelFile,
        source: Source,
        as_of: date,
        folder: Path,
        index: Index | None,
        shard_members: int,
    ) -> None:
        self._file = file
        self._source = source
        self._as_of = as_of
        self._folder = folder
        self._shard_members = shard_members
        self._shards = list(index.shards) if index else []
        self._watermark = read_watermark(index.body["updated_at"]) if index else None
        schema = (index or source).schema()
        self._id_types = {
            name: id_type(schema.field(name).type) for name in id_columns(file.mapping)
        }

    @property
    def members(self) -> int:
        """How many members the shards hold so far."""
        return sum(shard.members for shard in self._shards)

    def read(self, source: Source, *, whole: bool) -> Iterator[EncodedShard]:
        """Every shard of a source; of one that has all changes the latest is noted."""
        file = self._file
        raw = [file.updated_at] if whole and file.updated_at else []
        reader = ShardReader(file.mapping, source)
        for shard in reader.read(file.schema.attributes, self._shard_members, raw=raw):
            for column, times in shard.raw.items():
                place = f"{source.name}: column `{column}`"
                self._watermark = latest(times, self._watermark, place)
            ids = {
                name: ids_as(self._id_types[name], array, source, name)
                for name, array in shard.ids.items()
            }
            yield replace(shard, ids=ids)

    def write(self, shard: EncodedShard) -> None:
        """Write a shard to a file of its own, after the others."""
        self._shards.append(self._written(shard))

    def _written(self, shard: EncodedShard) -> StoredShard:
        path = self._folder / f"shard-{secrets.token_hex(8)}.bin"
        description = write_shard(path, shard)
        return StoredShard(ShardFile(self._folder, description), description, BitMap())

    def bury(self, ids: pa.Array) -> int:
        """Declare the rows of some members dead; gives how many there were."""
        if not len(ids):
            return 0
        before = self.members
        for place, shard in enumerate(self._shards):
            held = shard.file.ids()[self._file.schema.member_id]
            found = pc.is_in(held, value_set=ids).to_numpy(zero_copy_only=False)
            dead = shard.dead | BitMap(np.flatnonzero(found))
            self._shards[place] = replace(shard, dead=dead)
        return before - self.members

    def merge(self) -> None:
        """Write small shards at the end into one, and those that are mostly dead without them.

        A shard is merged only into one less than twice its size, so what is rewritten is a small
        multiple of what has changed.
        """
        kept: list[StoredShard] = []
        for shard in self._shards:
            kept.append(shard)
            while len(kept) > 1:
                one, other = kept[-2:]
                fit = one.members + other.members <= self._shard_members
                if not fit or (2 * other.members < one.members and not _wasteful(one)):
                    break
                kept[-2:] = [self._written(merged(self._file.schema, (one, other)))]
        self._shards = [
            self._written(merged(self._file.schema, (shard,))) if _wasteful(shard) else shard
            for shard in kept
            if shard.members
        ]

    def finish(self, new: int, changed: int = 0, deleted: int = 0) -> Indexed:
        """Replace the manifest, and drop the files that it no longer names."""
        file, folder = self._file, self._folder
        number_lists = {
            name
            for shard in self._shards
            for name, column in shard.description["columns"].items()
            if file.schema.attributes[name].kind is Kind.NUMBER
            and column["form"] in ("rows", "lists")
        }
        body = {
            "as_of": self._as_of.isoformat(),
            "source": self._source.name,
            "members": self.members,
            "panel": file.tables,
            "panel_file": os.path.relpath(file.path.resolve(), folder.resolve()),
            "mapping": digest(file.tables.get("marketplaces", {})),
            "encoding": encoding(file),
            "updated_at": write_watermark(self._watermark),
            "ids": {name: str(kind) for name, kind in self._id_types.items()},
            "number_lists": sorted(number_lists),
            "shards": [
                {**shard.description, "dead": write_dead(shard.dead)} for shard in self._shards
            ],
        }
        write_manifest(folder, body)
        sweep(folder, {shard.file.path.name for shard in self._shards})
        size = sum(shard.description["bytes"] for shard in self._shards)
        return Indexed(self.members, new, changed, deleted, len(self._shards), size)


def _wasteful(shard: StoredShard) -> bool:
    return 2 * len(shard.dead) > shard.file.rows


def _compared(file: PanelFile, source: Source, index: Index, known: pa.Array) -> ChangedRows:
    """The rows of all members that are newer than the index."""
    column = file.updated_at
    if column is None:
        instead = "" if file.layout == "long" else ", or name the column in `updated_at`"
        raise InputError(
            f"{file.path}: panel: no column says when a row was changed; give the changed "
            f"rows with --changes{instead}"
        )
    watermark = read_watermark(index.body["updated_at"])
    return ChangedRows(source, file.schema.member_id, column, watermark, known)


def _joined(arrays: list[pa.Array], kind: pa.DataType) -> pa.Array:
    return pa.concat_arrays(arrays) if arrays else pa.array([], kind)


def _ids_of(source: Source | None, column: str, kind: pa.DataType) -> list[pa.Array]:
    if source is None:
        return []
    batches = source.batches([column], frozenset({column}))
    return [read_ids(source, batch, column, kind) for batch in batches]


def _check_unique(source: Source, column: str, ids: list[pa.Array]) -> None:
    """Raise InputError where an id appears twice in a source, which is read again to name it."""
    together = pa.chunked_array(ids) if ids else pa.chunked_array([], pa.string())
    if pc.count_distinct(together).as_py() == len(together):
        return
    unique = UniqueIds(source, column)
    for some in ids:
        unique.add(some)
    unique.check()


def _check_apart(touched: pa.Array, gone: pa.Array) -> None:
    both = touched.filter(pc.is_in(touched, value_set=gone))
    if len(both):
        raise InputError(f"member id `{both[0]}` is both changed and deleted")
