"""The panel: members read from their source, encoded shard by shard, with only the columns wanted.

A panel small enough stays in memory once encoded, so that a second job on it starts warm; a
larger one streams from its source every time, one shard after the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyroaring import BitMap

from profiles.as_of import AsOf, day_of
from profiles.encoding import SHARD_MEMBERS, id_type, popcount, positions
from profiles.errors import InputError, did_you_mean
from profiles.finding import PanelFinding
from profiles.history import History, MemberHistory
from profiles.index import Index, Indexed, build_index, open_index, update_index
from profiles.panel.find import find_member
from profiles.panel.shard import Shard, shard_on
from profiles.schema import AskedParticipation, Location, PanelMapping, Schema
from profiles.schema.panel_file import PanelFile, read_panel_file
from profiles.sources import (
    DatabaseSource,
    ShardReader,
    Source,
    UniqueIds,
    open_location,
    open_long,
)

_NAMED = 5


class Panel:
    """Members and what they have answered, as a panel file describes them.

    `as_of` is the day on which ages count and invitations have or have not expired. With `keep` a
    panel of at most `resident_members` stays in memory once it has been read, for the next plan.
    """

    def __init__(
        self,
        file: PanelFile,
        source: Source,
        as_of: date,
        *,
        keep: bool = True,
        resident_members: int = 1 << 22,
    ) -> None:
        self.file = file
        self._keep = keep
        self._resident_members = resident_members
        self.source = source
        self.as_of = as_of
        self.history = History(file.history, file.path.parent) if file.history else None
        self._shards: list[Shard] = []
        self._shard_members = 0
        self._reader = source if isinstance(source, Index) else ShardReader(file.mapping, source)
        self._check_columns()

    def __repr__(self) -> str:
        """Without reading or counting: a database is not asked for its number of members."""
        known = None
        if "known_members" in self.__dict__ or not isinstance(self.source, DatabaseSource):
            with suppress(Exception):
                known = self.known_members
        members = "" if known is None else f"{known:,} members, "
        return f"Panel({self.file.path.name}, {members}{len(self.schema.attributes)} attributes)"

    @property
    def schema(self) -> Schema:
        """The attributes that the panel declares."""
        return self.file.schema

    @property
    def mapping(self) -> PanelMapping:
        """How marketplaces name the panel's attributes and answers."""
        return self.file.mapping

    @property
    def sources(self) -> Mapping[str, Source]:
        """All that is read, by what it holds: members and, where there is one, history."""
        history = {"history": self.history.source} if self.history else {}
        return {"members": self.source, **history}

    @cached_property
    def known_members(self) -> int | None:
        """How many members there are, where the source says so before they are read."""
        return self.source.count_rows()

    @property
    def resident(self) -> bool:
        """Whether encoded shards may stay in memory: unless the panel is known to be too large."""
        return self._keep and (self.known_members or 0) <= self._resident_members

    @property
    def is_index(self) -> bool:
        """Whether the members are in an index."""
        return isinstance(self.source, Index)

    def findings(self) -> list[PanelFinding]:
        """What is to be reported of the panel before it is used."""
        return self.source.findings() if isinstance(self.source, Index) else []

    def find(self, member_id: str) -> dict[str, object] | None:
        """The row of a member by panel columns: ids and answers as Python values; None: no such.

        Ids compare as text after trimming. Members are read up to this one, and none is kept.
        Raises InputError where they cannot be.
        """
        return find_member(self.source, self.mapping, member_id)

    def member_history(self) -> MemberHistory | None:
        """What each member took part in, read whole; None: the panel file names no history.

        Raises InputError where it cannot be read.
        """
        return (
            MemberHistory(self.file.history, self.file.path.parent) if self.file.history else None
        )

    def ids(self, places: BitMap) -> pa.Array:
        """The ids of the members at positions in the panel, as `Matches.eligible` gives them.

        They come in the order of the panel, in the type of its ids. Raises InputError where the
        panel has no such position, or cannot be read.
        """
        wanted = np.frombuffer(places.to_array(), np.uint32).astype(np.int64)
        found = [pa.array([], id_type(self.source.schema().field(self.schema.member_id).type))]
        shards = iter(self._shards or self._read([], SHARD_MEMBERS, with_ids=True))
        members = done = 0
        while done < len(wanted):
            shard = next(shards, None)
            if shard is None:
                raise InputError(
                    f"{self.source.name}: no member at position {wanted[-1]}, counted from 0: "
                    f"there are {members}"
                )
            members = shard.first + shard.members
            stop = int(np.searchsorted(wanted, members))
            rows = positions(shard.everyone)[wanted[done:stop] - shard.first]
            found.append(shard.member_ids.take(pa.array(rows)))
            done = stop
        return pa.concat_arrays(found)

    def write_index(self, folder: str | Path, *, shard_members: int = SHARD_MEMBERS) -> Indexed:
        """Write the panel as an index, in place of the one that may be in the folder.

        A shard of it has at most `shard_members`. Raises InputError where that cannot be; the
        folder is then as it was.
        """
        return build_index(
            self.file, self.source, self.as_of, Path(folder), shard_members=shard_members
        )

    def update_index(
        self,
        folder: str | Path,
        changes: Source | None = None,
        deleted: Source | None = None,
        *,
        shard_members: int = SHARD_MEMBERS,
    ) -> Indexed:
        """Take changed, new and deleted members into an index; where there is none, write it.

        As `profiles.index.update_index` has it, of this panel's file, source and day.
        """
        return update_index(
            self.file,
            self.source,
            self.as_of,
            Path(folder),
            changes,
            deleted,
            shard_members=shard_members,
        )

    def shards(
        self,
        attributes: Iterable[str],
        members: int = SHARD_MEMBERS,
        history: Iterable[AskedParticipation] = (),
    ) -> Iterator[Shard]:
        """Encoded shards of so many members (a multiple of 64), with at least these attributes.

        `history` is read first, as far as it has not been. Raises InputError where it cannot be,
        where a value does not fit, an id is missing or appears twice.
        """
        if self.history is not None:
            self.history.read(history)
        wanted = sorted(set(attributes) & set(self.schema.attributes))
        if self._shard_members != members:
            self._shards, self._shard_members = [], 0
        if self._shards:
            self._load_missing(wanted, members)
            yield from self._shards
            return
        kept: list[Shard] | None = [] if self.resident else None
        unique = UniqueIds(self.source, self.schema.member_id)
        for shard in self._read(wanted, members, with_ids=True):
            if not isinstance(self.source, Index):  # of which they were unique when it was written
                unique.add(shard.member_ids)
            if kept is not None:
                kept.append(shard)
                if shard.first + shard.size > self._resident_members:
                    kept = None
            yield shard
        unique.check()
        if kept is not None:
            self._shards, self._shard_members = kept, members

    def forget_plans(self) -> None:
        """Let go of what has been made of the shards in memory for any plan."""
        for shard in self._shards:
            shard.memo = None

    def _load_missing(self, wanted: list[str], members: int) -> None:
        missing = [name for name in wanted if name not in self._shards[0].columns]
        if missing:
            fresh = self._read(missing, members, with_ids=False)
            for shard, more in zip(self._shards, fresh, strict=True):
                shard.columns.update(more.columns)

    def _read(self, wanted: list[str], members: int, *, with_ids: bool) -> Iterator[Shard]:
        first = 0
        for encoded in self._reader.read(wanted, members, with_ids=with_ids):
            yield shard_on(self.mapping, encoded, self.as_of, first, self.history)
            first += popcount(encoded.everyone)

    def _check_columns(self) -> None:
        """Columns that the panel file names and the source has not, all of them at once."""
        source, has = self.source.name, self.source.schema().names
        needs = {
            f"attributes.{name}": attribute.column
            for name, attribute in self.schema.attributes.items()
        }
        needs["panel.member_id"] = self.schema.member_id
        for name, marketplace in self.mapping.marketplaces.items():
            if marketplace.respondent_id:
                needs[f"marketplaces.{name}.respondent_id"] = marketplace.respondent_id
        missing = [
            f"`{column}` ({'; '.join(filter(None, (key, did_you_mean(column, has))))})"
            for key, column in sorted(needs.items())
            if column not in has
        ]
        if missing:
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            raise InputError(
                f"{source}: no column {', '.join(missing[:_NAMED])}{more}, "
                f"which {self.file.path} names"
            )
        for column in needs.values():
            if has.count(column) > 1:
                raise InputError(f"{source}: the column `{column}` appears twice")


def open_panel(
    path: str | os.PathLike[str], as_of: AsOf | None = None, *, keep: bool = True
) -> Panel:
    """Open the panel that a panel file describes, or an index of it; only the schema is read yet.

    `as_of`: a date, a datetime or either as ISO text; today where it is not given. Without `keep`
    memory stays as if for one shard, and every plan reads the members again. Raises InputError
    where the file or its source is unusable.
    """
    path = Path(path)
    try:
        is_folder = path.is_dir()
    except OSError:  # a name too long: reported when it is read
        is_folder = False
    if is_folder:
        index = open_index(path)
        return Panel(index.file, index, day_of(as_of), keep=keep)
    file = read_panel_file(path)
    return Panel(file, open_members(file), day_of(as_of), keep=keep)


def open_members(file: PanelFile, other: Location | None = None) -> Source:
    """The source that a panel file names, with a row for every member.

    `other`: where other members of the same columns, layout and form of CSV are, relative to the
    current folder.
    """
    member_id = file.schema.member_id
    location, base = (other, Path()) if other else (file.location, file.path.parent)
    source = open_location(replace(location, csv=file.location.csv), base, member_id)
    return open_long(source, member_id, file.mapping) if file.layout == "long" else source
