"""Result rows: from the bits of a shard to Arrow record batches and Parquet.

Rows come in member order, then survey order. A shard is cut into tiles of consecutive members, so
that what is sorted and what is held at a time stays small.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from matcher.batch import Assigned
from matcher.evaluate import Verdict
from matcher.plan import Compiled, Program
from profiles.columns import WORD, Row, positions, words
from profiles.errors import InputError
from profiles.panel import Panel, Shard

TILE_MEMBERS = 1 << 16
ROW_GROUP = 1 << 18
_VERDICTS = (Verdict.ELIGIBLE, Verdict.UNCERTAIN)
_NAMES = pa.dictionary(pa.int32(), pa.string())


def schema_for(panel: Panel) -> pa.Schema:
    """The columns of the output; member ids are of the type that the panel has."""
    id_type = panel.source.schema().field(panel.schema.member_id).type
    if pa.types.is_dictionary(id_type):
        id_type = id_type.value_type
    return pa.schema(
        [
            ("member_id", pa.int64() if pa.types.is_integer(id_type) else id_type),
            ("marketplace", _NAMES),
            ("survey_id", _NAMES),
            ("quota_ids", pa.list_(pa.string())),
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

    def __init__(self, program: Program, schema: pa.Schema) -> None:
        self._program = program
        self._schema = schema
        surveys = [compiled.survey for compiled in program.surveys]
        self._marketplaces = list(dict.fromkeys(survey.marketplace for survey in surveys))
        number = {name: place for place, name in enumerate(self._marketplaces)}
        self._marketplace_of = np.array([number[each.marketplace] for each in surveys], np.int32)
        self._survey_ids = [survey.id for survey in surveys]

    def batches(
        self, shard: Shard, exact: Assigned, maybe: Assigned | None
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a shard, a batch for every tile that has any."""
        tile_words = TILE_MEMBERS // WORD
        for first in range(0, words(shard.size), tile_words):
            span = slice(first, first + tile_words)
            parts = list(self._parts(exact, span, 0))
            if maybe is not None:
                parts += self._parts(maybe, span, 1)
            if parts:
                yield self._batch(shard, first * WORD, parts)

    def _parts(self, assigned: Assigned, span: slice, verdict: int) -> Iterator[_Part]:
        others = iter(assigned.admitted)
        for number, compiled in enumerate(self._program.surveys):
            admitted = None if compiled.sole else next(others)[span]
            chosen, paths = _choices(compiled, assigned, admitted, span)
            members = np.flatnonzero(chosen >= 0)
            if len(members):
                yield _Part(members.astype(np.uint16), number, verdict, chosen[members], paths)

    def _batch(self, shard: Shard, first: int, parts: list[_Part]) -> pa.RecordBatch:
        sizes = [len(part.members) for part in parts]
        members = np.concatenate([part.members for part in parts])
        surveys = np.repeat(np.array([part.survey for part in parts], np.int32), sizes)
        verdicts = np.repeat(np.array([part.verdict for part in parts], np.int8), sizes)
        starts = np.cumsum([0, *(len(part.paths) for part in parts[:-1])])
        chosen = np.concatenate(
            [part.chosen + start for part, start in zip(parts, starts, strict=True)]
        )
        paths = pa.array([path for part in parts for path in part.paths], pa.list_(pa.string()))
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


def _choices(
    compiled: Compiled, assigned: Assigned, admitted: Row | None, span: slice
) -> tuple[NDArray[np.int64], list[tuple[str, ...]]]:
    """For every member of a tile the number of his chosen path, -1 where he is not admitted."""
    members = assigned.taken[:1, span].size * WORD if admitted is None else admitted.size * WORD
    chosen = np.full(members, -1, np.int64)
    if admitted is not None:
        chosen[positions(admitted)] = 0
    paths: list[tuple[str, ...]] = [()]
    for step in compiled.steps:
        before = chosen.copy()
        for slot in step.slots:
            mine = positions(assigned.taken[slot.number, span])
            if not len(mine):
                continue
            for earlier in np.unique(before[mine]):
                path = paths[earlier] if earlier >= 0 else ()
                chosen[mine[before[mine] == earlier]] = len(paths)
                paths.append((*path, slot.quota.id))
    return chosen, paths


def write_parquet(batches: Iterator[pa.RecordBatch], schema: pa.Schema, path: Path) -> None:
    """Write batches to a file, in row groups of one size, so that bytes do not depend on shards.

    The file appears whole or not at all; raises InputError where it cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with pq.ParquetWriter(unfinished, schema, compression="zstd") as writer:
            for table in _row_groups(batches, schema):
                writer.write_table(table, row_group_size=ROW_GROUP)
        unfinished.replace(path)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {(error.strerror or str(error)).lower()}"
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)


def _row_groups(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        while rows >= ROW_GROUP:
            table = pa.Table.from_batches(waiting, schema)
            yield table.slice(0, ROW_GROUP).combine_chunks()
            waiting = table.slice(ROW_GROUP).to_batches()
            rows -= ROW_GROUP
    yield pa.Table.from_batches(waiting, schema).combine_chunks()
