"""The long layout: a row an answer (member id, attribute, value), brought into a row a member.

`attribute` holds the name of the column that the answer would be in; `value` reads as a cell of
a CSV file does. Attributes that may have several answers become lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from profiles.encoding import BadValueError, id_type
from profiles.errors import InputError
from profiles.schema import (
    Attribute,
    Kind,
    PanelMapping,
    UnreadableError,
    as_code,
    is_missing,
    split_list,
)
from profiles.sources.database import DatabaseSource
from profiles.sources.source import Batch, Source, check_columns, ids_in

ATTRIBUTE, VALUE = "attribute", "value"
_SPLIT = (Kind.MULTI, Kind.CHILDREN)


@dataclass(frozen=True, slots=True)
class _Answers:
    """Rows of answers: of whom, to what, and what, as text; all rows of a member are in a run."""

    ids: pa.Array
    attributes: pa.Array
    values: pa.Array

    def starts(self) -> NDArray[np.int64]:
        """Where the rows of each member start."""
        changes = pc.not_equal(self.ids[1:], self.ids[:-1]).fill_null(True)
        return np.flatnonzero(np.concatenate(([True], changes.to_numpy(zero_copy_only=False))))

    def slice(self, first: int, last: int) -> _Answers:
        """The rows from `first` to before `last`."""
        parts = (self.ids, self.attributes, self.values)
        return _Answers(*(part.slice(first, last - first) for part in parts))

    def __add__(self, other: _Answers) -> _Answers:
        return _Answers(
            pa.concat_arrays([self.ids, other.ids]),
            pa.concat_arrays([self.attributes, other.attributes]),
            pa.concat_arrays([self.values, other.values]),
        )


@dataclass(frozen=True, slots=True)
class LongSource:
    """A source of rows of answers, seen as a source of members.

    `columns`: the attribute that is read from each column; None for a column of ids. Members come
    in the order of their rows, which must be together; a database is asked to sort them.
    """

    rows: Source
    member_id: str
    columns: Mapping[str, Attribute | None]

    def __repr__(self) -> str:
        return f"LongSource({self.rows}, {len(self.columns)} columns)"

    @property
    def name(self) -> str:
        """What the source of the rows is called."""
        return self.rows.name

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the rows."""
        return self.rows.files

    @property
    def all_text(self) -> bool:
        """Always: one column holds answers of all types."""
        return True

    def schema(self) -> pa.Schema:
        """The member id, and a column of texts, or of lists of them, for every attribute."""
        fields = {self.member_id: id_type(self.rows.schema().field(self.member_id).type)}
        for column, attribute in self.columns.items():
            fields.setdefault(column, _type_of(attribute))
        return pa.schema(list(fields.items()))

    def batches(
        self, columns: list[str], distinct: frozenset[str] = frozenset()
    ) -> Iterator[Batch]:
        """Stream members, with the named columns; raises InputError where answers differ."""
        del distinct
        check_columns(self.name, columns, self.schema().names)
        waiting: _Answers | None = None
        origin, members = self.name, 0
        for batch in self.rows.batches(
            [self.member_id, ATTRIBUTE, VALUE], frozenset({self.member_id})
        ):
            if not batch.data.num_rows:
                continue
            more = self._read(batch)
            if waiting is not None and waiting.ids.type == more.ids.type:
                more = waiting + more
            elif waiting is not None:
                yield self._wide(waiting, columns, origin, members)
                members += 1
            origin = batch.origin
            starts = more.starts()
            if len(starts) > 1:
                yield self._wide(more.slice(0, starts[-1]), columns, origin, members)
                members += len(starts) - 1
            waiting = more.slice(starts[-1], len(more.ids))
        if waiting is not None:
            yield self._wide(waiting, columns, origin, members)

    def count_rows(self) -> int | None:
        """Unknown: members are not counted before their rows have been read."""
        return None

    def _read(self, batch: Batch) -> _Answers:
        try:
            return _Answers(
                ids_in(batch, self.member_id, optional=True),
                _texts(batch.data.column(ATTRIBUTE)),
                _texts(batch.data.column(VALUE)),
            )
        except pa.ArrowException:
            kinds = (batch.data.schema.field(name).type for name in (ATTRIBUTE, VALUE))
            raise InputError(
                f"{batch.origin}: `{ATTRIBUTE}` and `{VALUE}` must be columns of text, "
                f"not {' and '.join(f'`{kind}`' for kind in kinds)}"
            ) from None

    def _wide(self, answers: _Answers, columns: list[str], origin: str, first: int) -> Batch:
        """The batch of the members whose rows these are."""
        starts = answers.starts()
        ids = answers.ids.take(pa.array(starts))
        member_of = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(answers.ids)))
        given = pc.not_equal(pc.utf8_trim_whitespace(answers.values), "").fill_null(False)
        number = pc.index_in(answers.attributes, pa.array(columns, pa.string())).fill_null(-1)
        numbers = np.where(given.to_numpy(zero_copy_only=False), number.to_numpy(), -1)
        arrays: list[pa.Array] = []
        for place, column in enumerate(columns):
            if column == self.member_id:
                arrays.append(ids)
                continue
            at = np.flatnonzero(numbers == place)
            attribute = self.columns[column]
            if attribute is not None and attribute.null_values:
                said = pc.utf8_trim_whitespace(answers.values.take(pa.array(at)))
                none = pc.is_in(said, value_set=pa.array(sorted(attribute.null_values)))
                at = at[~none.to_numpy(zero_copy_only=False)]
            values, members = answers.values.take(pa.array(at)), member_of[at]
            if attribute is not None and attribute.listed:
                try:
                    arrays.append(_lists(attribute, values, members, len(starts)))
                except BadValueError as error:
                    whose = ids[members[error.row]].as_py()
                    at_fault = f"{origin}: member `{whose}`, column `{column}`"
                    raise InputError(f"{at_fault}: {error.why}") from None
                continue
            different = _first_difference(values, members)
            if different is not None:
                member = ids[members[different]].as_py()
                one, other = values[different - 1].as_py(), values[different].as_py()
                raise InputError(
                    f"{origin}: member `{member}`: two answers to `{column}`, `{one}` and `{other}`"
                )
            arrays.append(_singles(values, members, len(starts)))
        data = pa.RecordBatch.from_arrays(arrays, columns)
        return Batch(data, origin, first, ids.type, ids)


def open_long(rows: Source, member_id: str, mapping: PanelMapping) -> LongSource:
    """See rows of answers as members; raises InputError where a column of the layout is missing."""
    check_columns(rows.name, [member_id, ATTRIBUTE, VALUE], rows.schema().names)
    columns: dict[str, Attribute | None] = {
        marketplace.respondent_id: None
        for marketplace in mapping.marketplaces.values()
        if marketplace.respondent_id
    }
    for attribute in mapping.schema.attributes.values():
        known = columns.get(attribute.column)
        if known is None or not known.listed:
            columns[attribute.column] = attribute
    return LongSource(
        rows.in_groups() if isinstance(rows, DatabaseSource) else rows, member_id, columns
    )


def _type_of(attribute: Attribute | None) -> pa.DataType:
    listed = attribute is not None and attribute.listed
    return pa.list_(pa.string()) if listed else pa.string()


def _texts(column: pa.Array) -> pa.Array:
    """A column as a CSV file would have it; numbers are written as the codes that they are."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise pa.ArrowInvalid("not text")
    if not (pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return column.cast(kind).cast(pa.string())
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    texts = [None if is_missing(raw) else as_code(raw) for raw in encoded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(encoded.indices)


def _lists(
    attribute: Attribute, values: pa.Array, members: NDArray[np.int64], size: int
) -> pa.Array:
    """The answers of each of so many members; none where they have no row."""
    given = np.bincount(members, minlength=size) > 0
    filled = np.flatnonzero(
        pc.not_equal(pc.utf8_trim_whitespace(values), "[]").to_numpy(zero_copy_only=False)
    )
    values, members = values.take(pa.array(filled)), members[filled]
    written = pc.match_substring_regex(values, r"^\s*[\[{]")
    if attribute.kind in _SPLIT and pc.any(written).as_py():
        parts = _written_lists(attribute, values, filled)
        members = np.repeat(members, [len(items) for items in parts])
        values = pa.array([item for items in parts for item in items], pa.string())
    elif attribute.kind in _SPLIT:
        parts = pc.split_pattern(values, attribute.separator)
        members = np.repeat(members, parts.value_lengths().to_numpy(zero_copy_only=False))
        values = parts.flatten()
    counts = np.bincount(members, minlength=size)
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(~given))


def _written_lists(
    attribute: Attribute, values: pa.Array, rows: NDArray[np.int64]
) -> list[list[str | None]]:
    """The answers in texts, of which some are lists that are written out."""
    found: list[list[str | None]] = []
    for row, text in zip(rows.tolist(), values.to_pylist(), strict=True):
        try:
            items = split_list(text, attribute.separator)
        except UnreadableError as error:
            raise BadValueError(row, str(error)) from None
        found.append([None if is_missing(item) else as_code(item) for item in items])
    return found


def _first_difference(values: pa.Array, members: NDArray[np.int64]) -> int | None:
    """The first value that is another than the one before it, of the same member."""
    trimmed = pc.utf8_trim_whitespace(values)
    differs = pc.not_equal(trimmed[1:], trimmed[:-1]).to_numpy(zero_copy_only=False)
    found = np.flatnonzero(differs & (members[1:] == members[:-1]))
    return int(found[0]) + 1 if len(found) else None


def _singles(values: pa.Array, members: NDArray[np.int64], size: int) -> pa.Array:
    """The answer of each of so many members; null where they have none."""
    places = np.full(size, -1, np.int64)
    places[members] = np.arange(len(members))
    return values.take(pa.array(places, mask=places < 0))
