"""Who took part in what: participation history, read in one pass for all that plans ask of it.

What is kept is a set of participants for every id and outcome that was asked for; participants
are numbered as they come up. What cannot be read is never taken for "took part in nothing".
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyroaring import BitMap

from profiles.encoding import Numbers, coded, items_of, trimmed
from profiles.history.rows import (
    NEEDED,
    HistoryRows,
    check_types,
    marketplaces_of,
    member_ids_of,
    open_history,
    outcomes_of,
)
from profiles.schema import OUTCOMES, SEPARATOR, AskedParticipation, Location
from profiles.sources import Batch, Source

OutcomeKey: TypeAlias = tuple[str, str, str]
"""A marketplace, a scope and an id of that scope."""

_READ = {
    "survey": ("survey_id",),
    "wave": ("survey_id", "wave_id"),
    "project": ("project_id",),
    "category": ("category_ids",),
}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The ids of one marketplace and scope that a pass looks for; `first` is the first's number."""

    marketplace: str
    scope: str
    ids: pa.Array
    first: int


@dataclass
class History:
    """Participation history, as far as it has been asked for; `base` is where paths start.

    `participants` are the member ids that came up, as text; a set holds their numbers. So many
    wanted rows as `rows_at_once` are gathered before they are sorted into sets.
    """

    location: Location
    base: Path
    rows_at_once: int = 1 << 22
    participants: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    _known: set[OutcomeKey] = field(default_factory=set)
    _sets: dict[tuple[OutcomeKey, str], BitMap] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"History({self.location}, {len(self.participants):,} participants)"

    @cached_property
    def source(self) -> Source:
        """Where the rows are; raises InputError where that cannot be, or columns are missing."""
        return open_history(self.location, self.base)

    def missing_columns(self, scopes: Iterable[str]) -> list[str]:
        """The columns that the scopes are read from and that are missing: nobody is found so."""
        columns = {column for scope in scopes for column in _READ[scope]}
        return sorted(columns.difference(self.source.schema().names)) if columns else []

    def read(self, wanted: Iterable[AskedParticipation]) -> None:
        """Find who took part in what is wanted, as far as it is not known yet.

        Raises InputError where the history cannot be read, or a row says too little.
        """
        keys = sorted(
            {
                (marketplace, scope, id_)
                for marketplace, scope, ids, _ in wanted
                for id_ in ids
                if (marketplace, scope, id_) not in self._known
            }
        )
        if keys:
            self._gather(keys)
            self._known.update(keys)

    def who(
        self, marketplace: str, scope: str, ids: tuple[str, ...], outcomes: tuple[str, ...]
    ) -> BitMap:
        """Numbers of the participants in any of the ids with any of the outcomes.

        Raises KeyError for an id that has not been read.
        """
        keys = [(marketplace, scope, id_) for id_ in ids]
        for key in keys:
            if key not in self._known:
                raise KeyError(key)
        sets = (self._sets.get((key, outcome)) for key in keys for outcome in outcomes)
        return BitMap.union(BitMap(), *(found for found in sets if found is not None))

    def _gather(self, keys: list[OutcomeKey]) -> None:
        """One pass over all rows; sorted keys are numbered in their order."""
        wanted = list(_by_scope(keys))
        sets: dict[int, BitMap] = {}
        members: list[pa.Array] = []
        codes: list[Numbers] = []
        waiting = 0
        for batch in self._batches({group.scope for group in wanted}):
            rows = HistoryRows(batch)
            found, code = _find(rows, wanted)
            members.append(member_ids_of(rows).take(pa.array(found)))
            codes.append(code)
            waiting += len(found)
            if waiting >= self.rows_at_once:
                self._sort_in(members, codes, sets)
                members, codes, waiting = [], [], 0
        self._sort_in(members, codes, sets)
        for number, who in sets.items():
            key, outcome = divmod(number, len(OUTCOMES))
            self._sets[keys[key], OUTCOMES[outcome]] = who

    def _batches(self, scopes: set[str]) -> Iterator[Batch]:
        columns = {*NEEDED, *(column for scope in scopes for column in _READ[scope])}
        there = sorted(columns.intersection(self.source.schema().names))
        for batch in self.source.batches(there, frozenset({"member_id"})):
            check_types(batch)
            yield batch

    def _sort_in(
        self, members: list[pa.Array], codes: list[Numbers], sets: dict[int, BitMap]
    ) -> None:
        """Add rows to the sets of their codes."""
        if not sum(map(len, codes)):
            return
        code = np.concatenate(codes)
        order = np.argsort(code, kind="stable")
        code, numbers = code[order], self._numbers(pa.concat_arrays(members))[order]
        ends = (np.flatnonzero(np.diff(code, append=-1)) + 1).tolist()
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            some = BitMap(array("I", numbers[start:end].astype(np.uint32).tobytes()))
            sets.setdefault(int(code[start]), BitMap()).update(some)

    def _numbers(self, members: pa.Array) -> Numbers:
        """The number of each member; those not seen before become participants."""
        found = coded(members)
        seen = pc.is_in(found.codes, value_set=self.participants)
        fresh = found.codes.filter(pc.invert(seen))
        self.participants = pa.concat_arrays([self.participants, fresh])
        return found.places(self.participants)


def _by_scope(keys: list[OutcomeKey]) -> Iterator[_Wanted]:
    groups: dict[tuple[str, str], list[str]] = {}
    for marketplace, scope, id_ in keys:
        groups.setdefault((marketplace, scope), []).append(id_)
    first = 0
    for (marketplace, scope), ids in groups.items():
        yield _Wanted(marketplace, scope, pa.array(ids, pa.string()), first)
        first += len(ids)


def _find(rows: HistoryRows, wanted: list[_Wanted]) -> tuple[Numbers, Numbers]:
    """The rows that are wanted; for each `number of the key * outcomes + outcome`."""
    outcomes = outcomes_of(rows)
    marketplaces = sorted({group.marketplace for group in wanted})
    at = marketplaces_of(rows).places(pa.array(marketplaces, pa.string()))
    here_of = [np.flatnonzero(at == number) for number in range(len(marketplaces))]
    found: list[Numbers] = [np.empty(0, np.int64)]
    codes: list[Numbers] = [np.empty(0, np.int64)]
    for group in wanted:
        here = here_of[marketplaces.index(group.marketplace)]
        if len(here) and rows.names.issuperset(_READ[group.scope]):
            some, number = _look_for(rows, here, group)
            found.append(some)
            codes.append((group.first + number) * len(OUTCOMES) + outcomes[some])
    return np.concatenate(found), np.concatenate(codes)


def _look_for(rows: HistoryRows, here: Numbers, wanted: _Wanted) -> tuple[Numbers, Numbers]:
    """Which of some rows are in a wanted id (once for each id), and the number of the id."""
    match wanted.scope:
        case "category":
            lists = rows.batch.data.column("category_ids").take(pa.array(here))
            parents, items = items_of(lists, SEPARATOR)
            here, places = here[parents], coded(items).places(wanted.ids)
        case "wave":
            parts = (rows.column(name).texts(here) for name in _READ["wave"])
            places = coded(pc.binary_join_element_wise(*parts, "/")).places(wanted.ids)
        case scope:
            (name,) = _READ[scope]
            places = rows.column(name).places(wanted.ids, here)
    hits = np.flatnonzero(places >= 0)
    return here[hits], places[hits]


class Positions:
    """The positions of participants in a shard, given the ids of its members."""

    def __init__(self, participants: pa.Array, member_ids: pa.Array) -> None:
        found = pc.index_in(trimmed(member_ids), value_set=participants).fill_null(-1)
        numbers = found.to_numpy(zero_copy_only=False)
        order = np.argsort(numbers, kind="stable")
        self.participants = participants
        self._members: Numbers = order[np.searchsorted(numbers[order], 0) :]
        counts = np.bincount(numbers[self._members], minlength=len(participants))
        self._starts = np.concatenate(([0], np.cumsum(counts)))

    def __repr__(self) -> str:
        known = len(self.participants)
        return f"Positions({len(self._members):,} members of {known:,} participants)"

    def of(self, who: BitMap) -> Numbers:
        """Positions of participants; ids that differ in white space alone have several."""
        numbers = np.frombuffer(who.to_array(), np.uint32)
        starts = self._starts[numbers]
        sizes = self._starts[numbers + 1] - starts
        if sizes.max(initial=0) <= 1:
            return self._members[starts[sizes > 0]]
        before = np.cumsum(sizes) - sizes
        several: Numbers = np.repeat(starts - before, sizes) + np.arange(sizes.sum())
        return self._members[several]
