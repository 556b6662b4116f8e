"""Consecutive members of a panel on one day: what the matcher evaluates at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyroaring import BitMap

from profiles.as_of import start_of
from profiles.encoding import (
    BitRow,
    Column,
    ConstantColumn,
    EncodedShard,
    column_on,
    hash_ids,
    popcount,
)
from profiles.history import History, Positions
from profiles.schema import Collections, IdListReader, PanelMapping


@dataclass(slots=True)
class Shard:
    """Consecutive members of a panel: encoded columns, ids, and what has been made of them.

    `first` is the position in the panel of its first member; `size` counts rows, of which those in
    `everyone` are members. `respondent_ids` holds, by marketplace, the ids that it knows members
    by. `memo` is for what the matcher has made of the shard and may use again.
    """

    first: int
    size: int
    everyone: BitRow
    member_ids: pa.Array
    columns: dict[str, Column]
    respondent_ids: Mapping[str, pa.Array]
    collections: Collections
    as_of: date
    history: History | None = None
    memo: object = None
    _places: dict[str, tuple[BitMap, bool] | None] = field(default_factory=dict)
    _without_id: dict[str, BitMap] = field(default_factory=dict)
    _hashes: NDArray[np.uint64] | None = None
    _participants: Positions | None = None

    def __repr__(self) -> str:
        return (
            f"Shard({self.members:,} members from {self.first:,}, {len(self.columns)} columns, "
            f"as of {self.as_of})"
        )

    @property
    def members(self) -> int:
        """How many of the rows are members."""
        return popcount(self.everyone)

    @property
    def id_hashes(self) -> NDArray[np.uint64]:
        """A 64-bit hash of every member's id."""
        if self._hashes is None:
            self._hashes = hash_ids(self.member_ids)
        return self._hashes

    def on_list(
        self, marketplace: str, name: str, read: IdListReader
    ) -> tuple[BitMap, bool] | None:
        """Positions in this shard of the members on a list of ids, and whether it is complete.

        None: not downloaded. Ids compare as codes do, after trimming.
        """
        if name not in self._places:
            listed = self.collections.ids(name, read)
            if listed is None:
                self._places[name] = None
            else:
                ids = pa.array(sorted(listed.at(start_of(self.as_of)) - {""}), pa.string())
                found = pc.is_in(self._respondents(marketplace), value_set=ids)
                self._places[name] = BitMap(_true_places(found)), listed.complete
        return self._places[name]

    def without_id(self, marketplace: str) -> BitMap:
        """Positions in this shard of the members whose id at a marketplace is not known."""
        if marketplace not in self._without_id:
            blank = pc.equal(self._respondents(marketplace), "").fill_null(True)
            self._without_id[marketplace] = BitMap(_true_places(blank))
        return self._without_id[marketplace]

    def took_part(
        self, marketplace: str, scope: str, ids: tuple[str, ...], outcomes: tuple[str, ...]
    ) -> NDArray[np.int64]:
        """Positions in this shard of the members with such a participation, in no order.

        Member ids of the history and of the panel compare as text, after trimming. Raises
        KeyError for what `Panel.shards` has not read.
        """
        if self.history is None:
            raise KeyError((marketplace, scope))
        who = self.history.who(marketplace, scope, ids, outcomes)
        participants = self.history.participants
        if self._participants is None or self._participants.participants is not participants:
            self._participants = Positions(participants, self.member_ids)
        return self._participants.of(who)

    def _respondents(self, marketplace: str) -> pa.Array:
        ids = self.respondent_ids.get(marketplace, self.member_ids)
        return pc.utf8_trim_whitespace(ids.cast(pa.string()))


def shard_on(
    mapping: PanelMapping,
    encoded: EncodedShard,
    as_of: date,
    first: int = 0,
    history: History | None = None,
) -> Shard:
    """A shard as it is on a day, with the attributes that all members share."""
    schema = mapping.schema
    columns: dict[str, Column] = {
        name: ConstantColumn(schema.attribute(name).fold(value), encoded.size)
        for name, value in schema.constants.items()
    }
    for name, column in encoded.columns.items():
        columns[name] = column_on(schema.attributes[name], column, as_of)
    respondent = {
        name: encoded.ids[known_by]
        for name, marketplace in mapping.marketplaces.items()
        if (known_by := marketplace.respondent_id) and known_by in encoded.ids
    }
    return Shard(
        first,
        encoded.size,
        encoded.everyone,
        encoded.ids.get(schema.member_id),
        columns,
        respondent,
        mapping.collections,
        as_of,
        history,
    )


def _true_places(flags: pa.BooleanArray) -> NDArray[np.int64]:
    return np.flatnonzero(flags.to_numpy(zero_copy_only=False))
