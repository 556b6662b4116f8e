"""Result rows: from the bits of a shard to Arrow record batches and Parquet.

Rows come in member order, then survey order. A shard is cut into tiles of consecutive members, so
that what is sorted and what is held at a time stays small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from matcher.compiler import Program, Step
from matcher.engine.executor import Assigned
from matcher.engine.shard_size import DEFAULTS, Limits
from matcher.surveys import Verdict
from profiles.encoding import WORD, BitRow, id_type, words
from profiles.panel import Panel, Shard

_VERDICTS = (Verdict.ELIGIBLE, Verdict.UNCERTAIN)


_NAMES = pa.dictionary(pa.int32(), pa.string())


def schema_for(panel: Panel) -> pa.Schema:
    """The columns of the output; member ids are of the type that the panel has."""
    written = panel.source.schema().field(panel.schema.member_id).type
    return pa.schema(
        [
            ("member_id", id_type(written)),
            ("marketplace", _NAMES),
            ("survey_id", _NAMES),
            ("quota_ids", pa.list_(_NAMES)),
            ("verdict", _NAMES),
        ]
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows of one survey and verdict in a tile; `chosen` numbers the distinct `paths`."""

    members: NDArray[np.uint16]
    survey: int
    verdict: int
    chosen: NDArray[np.int64]
    paths: list[tuple[str, ...]]


class RowMaker:
    """Makes record batches of a program's results."""

    def __init__(self, program: Program, schema: pa.Schema, limits: Limits = DEFAULTS) -> None:
        self._program = program
        self._schema = schema
        self._tile_members = limits.tile_members
        surveys = [compiled.survey for compiled in program.surveys]
        self._marketplaces = list(dict.fromkeys(survey.marketplace for survey in surveys))
        number = {name: place for place, name in enumerate(self._marketplaces)}
        of_surveys = [number[survey.marketplace] for survey in surveys]
        self._marketplace_of = np.array(of_surveys, np.int32)
        self._survey_ids = [survey.id for survey in surveys]
        quota_ids = {slot.quota.id: None for slot in program.slots}
        self._quota_ids = pa.array(quota_ids, pa.string())
        self._quota_number = {quota_id: place for place, quota_id in enumerate(quota_ids)}

    def tiles(self, shard: Shard) -> list[slice]:
        """The words of a shard's rows, cut into tiles."""
        size, tile = words(shard.size), self._tile_members // WORD
        return [slice(first, min(first + tile, size)) for first in range(0, size, tile)]

    def batch(
        self, shard: Shard, exact: Assigned, maybe: Assigned | None, tile: slice
    ) -> pa.RecordBatch | None:
        """The rows of a tile; None where it has none."""
        parts = list(self._parts(exact, tile, 0))
        if maybe is not None:
            parts += self._parts(maybe, tile, 1)
        return self._batch(shard, tile.start * WORD, parts) if parts else None

    def _parts(self, assigned: Assigned, tile: slice, verdict: int) -> Iterator[_Part]:
        others = iter(assigned.admitted)
        for number, compiled in enumerate(self._program.surveys):
            digits = [_digits(step, assigned, tile) for step in compiled.steps]
            admitted = digits[0] if compiled.sole else _bits(next(others)[tile])
            members = np.flatnonzero(admitted)
            if len(members):
                given = [digit[members] for digit in digits]
                chosen, paths = choices(compiled.steps, given, len(members))
                yield _Part(members.astype(np.uint16), number, verdict, chosen, paths)

    def _paths(self, paths: list[tuple[str, ...]]) -> pa.ListArray:
        """Paths as lists of quota ids, which are numbers into one dictionary of them all."""
        numbers = [self._quota_number[quota_id] for path in paths for quota_id in path]
        offsets = np.cumsum([0, *map(len, paths)], dtype=np.int32)
        ids = pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32()), self._quota_ids)
        return pa.ListArray.from_arrays(pa.array(offsets), ids)

    def _batch(self, shard: Shard, first: int, parts: list[_Part]) -> pa.RecordBatch:
        sizes = [len(part.members) for part in parts]
        members = np.concatenate([part.members for part in parts])
        surveys = np.repeat(np.array([part.survey for part in parts], np.int32), sizes)
        verdicts = np.repeat(np.array([part.verdict for part in parts], np.int8), sizes)
        starts = np.cumsum([0, *(len(part.paths) for part in parts[:-1])])
        chosen = np.concatenate(
            [part.chosen + start for part, start in zip(parts, starts, strict=True)]
        )
        paths = self._paths([path for part in parts for path in part.paths])
        if verdicts.any():
            by_survey = np.argsort(surveys, kind="stable")
            order = by_survey[np.argsort(members[by_survey], kind="stable")]
        else:
            order = np.argsort(members, kind="stable")
        surveys = surveys[order]
        columns = [
            shard.member_ids.take(pa.array(members[order].astype(np.int64) + first)),
            _names(self._marketplace_of[surveys], self._marketplaces),
            _names(surveys, self._survey_ids),
            paths.take(pa.array(chosen[order])),
            _names(verdicts[order].astype(np.int32), list(_VERDICTS)),
        ]
        return pa.record_batch(columns, schema=self._schema)


def _names(numbers: NDArray[np.int32], names: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(numbers), pa.array(names, pa.string()))


def _bits(row: BitRow) -> NDArray[np.uint8]:
    return np.unpackbits(row.view(np.uint8), bitorder="little")


def _digits(step: Step, assigned: Assigned, tile: slice) -> NDArray[np.uint16]:
    """For every member of a tile the place, from 1, of the slot that they are given; 0: none."""
    digits = np.zeros((tile.stop - tile.start) * WORD, np.uint16)
    for place, slot in enumerate(step.slots, start=1):
        digits += _bits(assigned.taken[slot.number, tile]) * np.uint16(place)
    return digits


def choices(
    steps: Sequence[Step], digits: Sequence[NDArray[np.uint16]], members: int
) -> tuple[NDArray[np.int64], list[tuple[str, ...]]]:
    """The distinct paths of quota ids that members are given, and the number of each member's.

    `digits`: by step and member, the place, from 1, of the slot that they are given; 0: none.
    """
    chosen: NDArray[np.int64] = np.zeros(members, np.int64)
    paths: list[tuple[str, ...]] = [()]
    for step, digit in zip(steps, digits, strict=True):
        base = len(step.slots) + 1
        pairs, chosen = numbered(chosen * base + digit, len(paths) * base)
        added = [(), *((slot.quota.id,) for slot in step.slots)]
        paths = [paths[pair // base] + added[pair % base] for pair in pairs.tolist()]
    return chosen, paths


def numbered(
    numbers: NDArray[np.int64], limit: int, few: int = 1 << 12
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct ones of some numbers below a limit, ascending, and the place of each there.

    `few`: the limit up to which a flag for every number is less work than sorting them.
    """
    if limit > max(len(numbers), few):
        return np.unique(numbers, return_inverse=True)
    is_there = np.zeros(limit, np.bool_)
    is_there[numbers] = True
    place = np.cumsum(is_there) - 1
    return np.flatnonzero(is_there), place[numbers]
