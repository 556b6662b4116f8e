"""Columns of one shard, encoded for the one question rules ask: who holds these values.

Columns make a row (`profiles.encoding.bits`) from a mask over their vocabulary; what a rule means
by the mask is not their business. Codes: 0 is "no answer", `i` is `vocabulary[i - 1]`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from profiles.encoding.bits import (
    SCRATCH,
    WORD,
    BitRow,
    BitRows,
    all_members,
    pack,
    popcount,
    row_of,
    words,
)
from profiles.encoding.compiled import load_kernels

Mask: TypeAlias = NDArray[np.bool_]
Codes: TypeAlias = NDArray[np.unsignedinteger[Any]]
Vocabulary: TypeAlias = tuple[str, ...] | NDArray[np.float64]

_KEPT_ROWS = 512
_MASKS_AT_A_TIME = 32
_FEW_CLASSES = 128
_MANY_VALUES = 1 << 12
_FEW = 24
"""So many rows are cheaper to combine than one look-up of every member."""


def narrow(vocabulary_size: int) -> type[np.unsignedinteger[Any]]:
    """The narrowest unsigned type for the codes of so many values and "no answer"."""
    if vocabulary_size < 1 << 8:
        return np.uint8
    return np.uint16 if vocabulary_size < 1 << 16 else np.uint32


class Column(Protocol):
    """The answers of a shard's members to one attribute.

    `vocabulary`: the distinct values, or for dense numbers the value of every member.
    """

    @property
    def vocabulary(self) -> Vocabulary:
        """The values that masks are about, in order."""

    @property
    def places(self) -> Mapping[str, int]:
        """The place of each value in a vocabulary of texts."""

    @property
    def answered(self) -> BitRow:
        """Members with any answer, the empty list included."""

    def row_for(self, wanted: Mask, out: BitRow | None = None) -> BitRow:
        """Members who hold at least one of the vocabulary's values where `wanted` is true.

        `out`: the row to write it to, instead of a new one.
        """

    def write_rows_for(self, masks: Sequence[Mask], rows: BitRows, numbers: Sequence[int]) -> None:
        """`row_for` each mask, written to the row of the same place's number."""

    def part(self, start: int, stop: int) -> Column:
        """The answers of some members in a row: from one multiple of 64 to another, or the end."""


class _Base(ABC):
    """What all columns share."""

    vocabulary: Vocabulary

    @abstractmethod
    def row_for(self, wanted: Mask, out: BitRow | None = None) -> BitRow:
        """See `Column`."""

    def write_rows_for(self, masks: Sequence[Mask], rows: BitRows, numbers: Sequence[int]) -> None:
        """See `Column`."""
        for wanted, number in zip(masks, numbers, strict=True):
            self.row_for(wanted, rows[number])

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each value in a vocabulary of texts."""
        return {str(value): place for place, value in enumerate(self.vocabulary)}


class ConstantColumn(_Base):
    """The same single answer for every member."""

    def __init__(self, value: str, members: int) -> None:
        self.vocabulary: Vocabulary = (value,)
        self.answered = all_members(members)

    def __repr__(self) -> str:
        return f"ConstantColumn({self.vocabulary[0]}, {popcount(self.answered):,} members)"

    def row_for(self, wanted: Mask, out: BitRow | None = None) -> BitRow:
        """Everyone or nobody."""
        out = np.empty_like(self.answered) if out is None else out
        out[:] = self.answered if wanted[0] else 0
        return out

    def part(self, start: int, stop: int) -> ConstantColumn:
        """The same answer for fewer members."""
        return ConstantColumn(self.vocabulary[0], stop - start)


class NumberColumn(_Base):
    """Numbers of which most are distinct; NaN is no answer."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        self.vocabulary: NDArray[np.float64] = values

    def __repr__(self) -> str:
        return f"NumberColumn({len(self.vocabulary):,} members)"

    @cached_property
    def answered(self) -> BitRow:
        """Members with a number."""
        return pack(~np.isnan(self.vocabulary))

    def row_for(self, wanted: Mask, out: BitRow | None = None) -> BitRow:
        """Members at whose place the mask is true."""
        return pack(wanted, out)

    def part(self, start: int, stop: int) -> NumberColumn:
        """The numbers of some members."""
        return NumberColumn(self.vocabulary[start:stop])


class SingleColumn(_Base):
    """At most one answer a member, as codes.

    Values exclude one another, so rows of values can be added and taken away by XOR: a run of
    values is the difference of the rows below its two ends, a long list is what is left of all.
    """

    def __init__(self, codes: Codes, vocabulary: Vocabulary) -> None:
        self.codes = codes
        self.vocabulary = vocabulary
        self._value_rows: dict[int, BitRow] = {}
        self._below_rows: dict[int, BitRow] = {}

    def __repr__(self) -> str:
        return f"SingleColumn({len(self.codes):,} members, {len(self.vocabulary):,} values)"

    @cached_property
    def answered(self) -> BitRow:
        """Members with an answer."""
        return pack(self.codes != 0)

    def row_for(self, wanted: Mask, out: BitRow | None = None) -> BitRow:
        """By the rows of few runs or values; else by looking up, or listing, the members."""
        out = np.empty(words(len(self.codes)), np.uint64) if out is None else out
        edges = np.flatnonzero(np.diff(wanted, prepend=False, append=False))
        values = np.flatnonzero(wanted)
        if len(edges) <= _FEW and len(edges) < len(values):
            return _xor(map(self._below, edges.tolist()), out)
        if self.codes.dtype == np.uint8 and len(values) <= _FEW:
            return _xor(map(self._value, values.tolist()), out)
        if self.codes.dtype == np.uint8 and len(self.vocabulary) - len(values) <= _FEW:
            others = map(self._value, np.flatnonzero(~wanted).tolist())
            return _xor(chain((self.answered,), others), out)
        if 4 * len(values) > len(self.vocabulary):
            return pack(np.concatenate(([False], wanted))[self.codes], out)
        order, starts = self._members_by_value
        parts = [order[starts[value] : starts[value + 1]] for value in values.tolist()]
        members = np.concatenate(parts) if parts else np.empty(0, np.int64)
        return row_of(members, len(self.codes), out)

    def write_rows_for(self, masks: Sequence[Mask], rows: BitRows, numbers: Sequence[int]) -> None:
        """With the `fast` extra, in one pass over the members.

        Values that no mask tells apart are one class. There is a row for each of few classes, of
        which those of the masks are made; of many, members' bits are set by their class.
        """
        compiled = load_kernels("profiles.encoding.kernels", len(self.codes) * len(masks))
        if compiled is None:
            super().write_rows_for(masks, rows, numbers)
            return
        outs = np.array(numbers, np.int64)
        found = _classes(masks) if len(self.vocabulary) <= _MANY_VALUES else None
        if found is None or len(found[1]) > _FEW_CLASSES:
            rows[outs] = 0
            lists = _holders(masks, len(self.vocabulary))
            compiled.list_rows(self.codes, *lists, rows, outs)
            return
        class_of, examples = found
        of_class = SCRATCH.rows(len(examples) + 1, words(len(self.codes)))
        table = np.concatenate(([0], class_of + 1)).astype(narrow(len(examples)))
        compiled.class_rows(self.codes, table, of_class)
        held = np.array(masks)[:, examples]
        edges = np.diff(held, prepend=False, append=False)
        below = bool(edges.sum() < held.sum())
        lists = _lists(edges if below else held)
        compiled.sum_rows(of_class[1:], *lists, below, rows, outs)

    def part(self, start: int, stop: int) -> SingleColumn:
        """The codes of some members."""
        return SingleColumn(self.codes[start:stop], self.vocabulary)

    def _value(self, value: int) -> BitRow:
        """Members who hold one value."""
        row = self._value_rows.get(value)
        if row is None:
            row = self._value_rows[value] = pack(self.codes == value + 1)
        return row

    def _below(self, edge: int) -> BitRow:
        """Members who have not answered, or hold one of the first `edge` values."""
        row = self._below_rows.get(edge)
        if row is None:
            row = pack(self.codes <= edge)
            if len(self._below_rows) < _KEPT_ROWS:
                self._below_rows[edge] = row
        return row

    @cached_property
    def _members_by_value(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Members sorted by what they hold, and where those of each value start."""
        counts = np.bincount(self.codes, minlength=len(self.vocabulary) + 1)
        return np.argsort(self.codes, kind="stable"), np.cumsum(counts)


def _lists(masks: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What each mask holds, one list after the other: where each starts, and all items."""
    bounds = np.concatenate(([0], np.cumsum(masks.sum(axis=1, dtype=np.int64))))
    return bounds, np.nonzero(masks)[1]


def _holders(masks: Sequence[Mask], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For every code the masks that hold its value, one list after the other."""
    held = [np.flatnonzero(wanted) for wanted in masks]
    sizes = [len(values) for values in held]
    together = np.concatenate(held)
    counts = np.bincount(together, minlength=size)
    order = np.argsort(together, kind="stable")
    bounds = np.concatenate(([0, 0], np.cumsum(counts)))
    return bounds, np.repeat(np.arange(len(masks)), sizes)[order]


def _classes(masks: Sequence[Mask]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The class of each value, and the first value of each class.

    Values that no mask tells apart are one class; classes are numbered as they come.
    """
    numbers = np.zeros(len(masks[0]), np.int64)
    for start in range(0, len(masks), _MASKS_AT_A_TIME):
        for wanted in masks[start : start + _MASKS_AT_A_TIME]:
            numbers = numbers * 2 + wanted
        numbers = np.unique(numbers, return_inverse=True)[1]
    first = np.unique(numbers, return_index=True)[1]
    place = np.empty(len(first), np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    return place[numbers], np.sort(first)


def _xor(rows: Iterable[BitRow], out: BitRow) -> BitRow:
    """The members who are set in an odd number of the rows."""
    out[:] = 0
    for row in rows:
        np.bitwise_xor(out, row, out=out)
    return out


class RowsColumn(_Base):
    """Any number of answers a member, out of a few values: one row for each."""

    def __init__(self, rows: BitRows, vocabulary: Vocabulary, answered: BitRow) -> None:
        self.rows = rows
        self.vocabulary = vocabulary
        self.answered = answered

    def __repr__(self) -> str:
        return f"RowsColumn({popcount(self.answered):,} answered, {len(self.rows)} values)"

    def row_for(self, wanted: Mask, out: BitRow | None = None) -> BitRow:
        """Members with an answer among the wanted values."""
        out = np.empty_like(self.answered) if out is None else out
        out[:] = 0
        for value in np.flatnonzero(wanted).tolist():
            np.bitwise_or(out, self.rows[value], out=out)
        return out

    def write_rows_for(self, masks: Sequence[Mask], rows: BitRows, numbers: Sequence[int]) -> None:
        """With the `fast` extra, while few words of all rows are in the cache."""
        compiled = load_kernels("profiles.encoding.kernels", rows.shape[1] * len(masks))
        if compiled is None:
            super().write_rows_for(masks, rows, numbers)
            return
        lists = _lists(np.array(masks))
        compiled.sum_rows(self.rows, *lists, False, rows, np.array(numbers, np.int64))

    def part(self, start: int, stop: int) -> RowsColumn:
        """The bits of some members."""
        span = slice(start // WORD, start // WORD + words(stop - start))
        return RowsColumn(self.rows[:, span], self.vocabulary, self.answered[span])


class ListsColumn(_Base):
    """Any number of answers a member: `codes[offsets[i]:offsets[i + 1]]`, code 0 is skipped."""

    def __init__(
        self, offsets: NDArray[np.int64], codes: Codes, vocabulary: Vocabulary, answered: BitRow
    ) -> None:
        self.offsets = offsets
        self.codes = codes
        self.vocabulary = vocabulary
        self.answered = answered

    def __repr__(self) -> str:
        return f"ListsColumn({len(self.offsets) - 1:,} members, {len(self.vocabulary):,} values)"

    def row_for(self, wanted: Mask, out: BitRow | None = None) -> BitRow:
        """Members with an answer among the wanted values, looked up answer by answer."""
        hits = np.flatnonzero(np.concatenate(([False], wanted))[self.codes])
        members = np.searchsorted(self.offsets, hits, side="right") - 1
        return row_of(members, len(self.offsets) - 1, out)

    def part(self, start: int, stop: int) -> ListsColumn:
        """The lists of some members."""
        first, last = self.offsets[start], self.offsets[stop]
        span = slice(start // WORD, start // WORD + words(stop - start))
        return ListsColumn(
            self.offsets[start : stop + 1] - first,
            self.codes[first:last],
            self.vocabulary,
            self.answered[span],
        )


def multi_column(
    offsets: NDArray[np.int64], codes: Codes, vocabulary: Vocabulary, answered: BitRow
) -> RowsColumn | ListsColumn:
    """Lists of answers, as rows where there are no more than 64 values."""
    if len(vocabulary) > WORD:
        return ListsColumn(offsets, codes, vocabulary, answered)
    return RowsColumn(_value_rows(offsets, codes, len(vocabulary)), vocabulary, answered)


def _value_rows(offsets: NDArray[np.int64], codes: Codes, values: int) -> BitRows:
    """For each of at most 64 values the members whose list has its code."""
    size = len(offsets) - 1
    rows = np.zeros((values, words(size)), np.uint64)
    compiled = load_kernels("profiles.encoding.kernels", len(codes))
    if compiled is not None:
        compiled.value_rows(offsets, codes, rows)
        return rows
    width = max(8, 1 << (values - 1).bit_length()) if values else 8
    dtype = np.dtype(f"<u{width // 8}")
    bit_of = np.zeros(values + 1, dtype)
    bit_of[1:] = np.left_shift(dtype.type(1), np.arange(values, dtype=dtype))
    held = np.zeros(size, dtype)
    some = np.flatnonzero(offsets[1:] > offsets[:-1])
    if len(some):
        held[some] = np.bitwise_or.reduceat(bit_of[codes], offsets[some])
    planes = np.ascontiguousarray(held.view(np.uint8).reshape(size, width // 8).T)
    for value, row in enumerate(rows):
        pack(planes[value // 8] & np.uint8(1 << value % 8), row)
    return rows
