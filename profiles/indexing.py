"""Writes an index: all of a panel, or only the members that have changed.

New files stand beside the old ones until the manifest is replaced in one step; what the manifest
does not name is left over from a writer that was killed, and goes with the next. One process
writes at a time.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyroaring import BitMap

from profiles.changes import ChangedRows, latest, read_watermark, write_watermark
from profiles.errors import InputError, system_reason
from profiles.ids import UniqueIds, id_type
from profiles.index import (
    MANIFEST,
    Index,
    StoredShard,
    digest,
    encoding,
    is_index,
    manifest,
    merged,
    open_index,
    write_dead,
)
from profiles.panel import Panel
from profiles.schema import Kind
from profiles.shardfile import ShardFile, write_shard
from profiles.shards import SHARD_MEMBERS, EncodedShard, ShardReader, id_columns
from profiles.sources import Source

_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Indexed:
    """What writing an index has done, in members; `size` counts the bytes of all its shards."""

    members: int
    new: int
    changed: int
    deleted: int
    shards: int
    size: int


def build_index(panel: Panel, folder: Path) -> Indexed:
    """Write the whole panel as an index, in place of the one that may stand there.

    It changes when all is written; raises InputError where that cannot be.
    """
    with _locked(folder):
        writer = _Writer(panel, folder, None)
        unique = UniqueIds(panel.source, panel.schema.member_id)
        for shard in writer.read(panel.source, whole=True):
            unique.add(shard.ids[panel.schema.member_id])
            writer.write(shard)
        unique.check()
        return writer.finish(new=writer.members)


def update_index(
    panel: Panel, folder: Path, changes: Source | None = None, deleted: Source | None = None
) -> Indexed:
    """Take changed, new and deleted members into an index; where there is none, build it.

    `changes` has the rows of changed and new members, `deleted` the ids of those who are gone.
    Without either the panel's own source is compared by its `updated_at` column.
    """
    if not is_index(folder):
        return build_index(panel, folder)
    with _locked(folder):
        index = open_index(folder)
        if index.body["encoding"] != encoding(panel.file):
            raise InputError(
                f"{folder}: {panel.file.path} declares other attributes or columns than the index "
                "was built of; build it anew, without --update"
            )
        writer = _Writer(panel, folder, index)
        known = _living_ids(index)
        column = panel.schema.member_id
        if changes is None and deleted is None:
            source = _compared(panel, index, known)
            taken = list(writer.read(source, whole=True))
            gone = known.filter(
                pc.invert(pc.is_in(known, value_set=_joined(source.ids, known.type)))
            )
        else:
            taken = list(writer.read(changes, whole=False)) if changes is not None else []
            gone = _joined(_ids_of(deleted, column), known.type)
        touched = _joined([shard.ids[column] for shard in taken], known.type)
        _check_apart(touched, gone)
        changed = writer.bury(touched)
        lost = writer.bury(gone)
        for shard in taken:
            writer.write(shard)
        writer.merge()
        return writer.finish(len(touched) - changed, changed, lost)


class _Writer:
    """Writes the shards of one index after those that it has, then the manifest of all."""

    def __init__(self, panel: Panel, folder: Path, index: Index | None) -> None:
        self._panel = panel
        self._folder = folder
        self._shards = list(index.shards) if index else []
        self._watermark = read_watermark(index.body["updated_at"]) if index else None
        schema = (index or panel.source).schema()
        self._id_types = {
            name: id_type(schema.field(name).type) for name in id_columns(panel.mapping)
        }

    @property
    def members(self) -> int:
        """How many members the shards hold so far."""
        return sum(shard.members for shard in self._shards)

    def read(self, source: Source, *, whole: bool) -> Iterator[EncodedShard]:
        """Every shard of a source; of one that has all changes the latest is noted."""
        file = self._panel.file
        raw = [file.updated_at] if whole and file.updated_at else []
        for shard in ShardReader(file.mapping, source).read(file.schema.attributes, raw=raw):
            for times in shard.raw.values():
                self._watermark = latest(times, self._watermark)
            ids = {name: _joined([each], self._id_types[name]) for name, each in shard.ids.items()}
            yield replace(shard, ids=ids)

    def write(self, shard: EncodedShard) -> None:
        """Write a shard to a file of its own, after the others."""
        self._shards.append(self._written(shard))

    def _written(self, shard: EncodedShard) -> StoredShard:
        path = self._folder / f"shard-{secrets.token_hex(8)}.bin"
        description = write_shard(path, shard)
        return StoredShard(ShardFile(self._folder, description), description, BitMap())

    def bury(self, ids: pa.Array) -> int:
        """Declare the rows of some members dead, and tell how many there were."""
        if not len(ids):
            return 0
        before = self.members
        for place, shard in enumerate(self._shards):
            mine = shard.file.ids()[self._panel.schema.member_id]
            found = pc.is_in(mine, value_set=ids).to_numpy(zero_copy_only=False)
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
                fits = one.members + other.members <= SHARD_MEMBERS
                if not fits or (2 * other.members < one.members and not _wasteful(one)):
                    break
                kept[-2:] = [self._written(merged(self._panel.schema, (one, other)))]
        self._shards = [
            self._written(merged(self._panel.schema, (shard,))) if _wasteful(shard) else shard
            for shard in kept
            if shard.members
        ]

    def finish(self, new: int, changed: int = 0, deleted: int = 0) -> Indexed:
        """Replace the manifest, and drop the files that it no longer names."""
        panel, folder = self._panel, self._folder
        number_lists = {
            name
            for shard in self._shards
            for name, column in shard.description["columns"].items()
            if panel.schema.attributes[name].kind is Kind.NUMBER
            and column["form"] in ("rows", "lists")
        }
        body = {
            "as_of": panel.as_of.isoformat(),
            "source": panel.source.name,
            "members": self.members,
            "panel": panel.file.tables,
            "panel_file": os.path.relpath(panel.file.path.resolve(), folder.resolve()),
            "mapping": digest(panel.file.tables.get("marketplaces", {})),
            "encoding": encoding(panel.file),
            "updated_at": write_watermark(self._watermark),
            "ids": {name: str(kind) for name, kind in self._id_types.items()},
            "number_lists": sorted(number_lists),
            "shards": [
                {**shard.description, "dead": write_dead(shard.dead)} for shard in self._shards
            ],
        }
        _replace(folder / MANIFEST, manifest(body))
        _sweep(folder, {shard.file.path.name for shard in self._shards})
        size = sum(shard.description["bytes"] for shard in self._shards)
        return Indexed(self.members, new, changed, deleted, len(self._shards), size)


def _wasteful(shard: StoredShard) -> bool:
    return 2 * len(shard.dead) > shard.file.rows


def _compared(panel: Panel, index: Index, known: pa.Array) -> ChangedRows:
    """The rows of the panel's own source that are newer than the index."""
    column = panel.file.updated_at
    if column is None:
        raise InputError(
            f"{panel.file.path}: panel.updated_at: missing; it names the column that says when a "
            "row was changed (or give the changed rows with --changes)"
        )
    watermark = read_watermark(index.body["updated_at"])
    return ChangedRows(panel.source, panel.schema.member_id, column, watermark, known)


def _living_ids(index: Index) -> pa.Array:
    column = index.file.schema.member_id
    arrays = [batch.data.column(0) for batch in index.batches([column])]
    return _joined(arrays, index.schema().field(column).type)


def _joined(arrays: Iterable[pa.Array], kind: pa.DataType) -> pa.Array:
    """Ids in one array, of the type that the index has."""
    try:
        parts = [each.cast(kind) for each in arrays]
    except pa.ArrowInvalid:
        raise InputError(f"ids are of type {kind} in the index, which these are not") from None
    return pa.concat_arrays(parts) if parts else pa.array([], kind)


def _ids_of(source: Source | None, column: str) -> list[pa.Array]:
    if source is None:
        return []
    return [batch.data.column(column) for batch in source.batches([column], frozenset({column}))]


def _check_apart(touched: pa.Array, gone: pa.Array) -> None:
    if len(touched) != len(touched.unique()):
        counts = touched.value_counts()
        twice = counts.filter(pc.greater(counts.field("counts"), 1))[0]["values"]
        raise InputError(f"member id `{twice}` stands twice among the changed rows")
    both = touched.filter(pc.is_in(touched, value_set=gone))
    if len(both):
        raise InputError(f"member id `{both[0]}` is both changed and deleted")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The folder, made where it is not there, for this process alone to write to."""
    try:
        if folder.is_dir() and not is_index(folder) and _foreign(folder):
            raise InputError(f"{folder}: holds other files, and no index")
        folder.mkdir(exist_ok=True)
        with (folder / _LOCK).open("w") as lock:
            if sys.platform != "win32":
                import fcntl

                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise InputError(f"{folder}: another process is writing the index") from None
            try:
                yield
            except BaseException:
                if is_index(folder):
                    _sweep(folder, {each.file.path.name for each in open_index(folder).shards})
                else:
                    _sweep(folder, set())
                raise
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {system_reason(error)}") from None


def _foreign(folder: Path) -> bool:
    return any(file.name != _LOCK and not _ours(file) for file in folder.iterdir())


def _ours(file: Path) -> bool:
    return (file.name.startswith("shard-") and file.suffix == ".bin") or file.suffix == ".part"


def _sweep(folder: Path, named: set[str]) -> None:
    """Delete the files of shards that no manifest names."""
    for file in folder.iterdir():
        if _ours(file) and file.name not in named:
            file.unlink()


def _replace(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, and to the disk under it."""
    unfinished = path.with_name(f"{path.name}.part")
    with unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    if sys.platform != "win32":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
