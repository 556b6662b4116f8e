"""Columns of one shard, encoded for the one question rules ask: who holds these values.

A row is one bit per member of the shard, packed in 64-bit words, the bits past the last member
zero. Columns make a row from a mask over their vocabulary; what a rule means by the mask is not
their business. Codes: 0 is "no answer", `i` is `vocabulary[i - 1]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from profiles.fast import kernels

Row: TypeAlias = NDArray[np.uint64]
Mask: TypeAlias = NDArray[np.bool_]
Codes: TypeAlias = NDArray[np.unsignedinteger[Any]]
Vocabulary: TypeAlias = tuple[str, ...] | NDArray[np.float64]

WORD = 64
_KEPT_ROWS = 512
_FEW = 24
"""So many rows are cheaper to combine than one look-up of every member."""


def words(members: int) -> int:
    """How many 64-bit words a row of so many members takes."""
    return (members + WORD - 1) // WORD


def pack(members: NDArray[np.bool_] | NDArray[np.uint8]) -> Row:
    """Pack one truth value (or one byte: zero or not) a member into a row."""
    row = np.zeros(words(len(members)), np.uint64)
    packed = np.packbits(members, bitorder="little")
    row.view(np.uint8)[: len(packed)] = packed
    return row


def all_members(members: int) -> Row:
    """The row in which every member stands."""
    row = np.full(words(members), ~np.uint64(0), np.uint64)
    if members % WORD:
        row[-1] >>= np.uint64(WORD - members % WORD)
    return row


def positions(row: Row) -> NDArray[np.int64]:
    """The members whose bit is set, ascending, counted from the start of the shard."""
    return np.flatnonzero(np.unpackbits(row.view(np.uint8), bitorder="little").view(np.bool_))


def row_of(members: NDArray[np.integer], size: int) -> Row:
    """The row, for a shard of `size` members, in which these positions are set.

    Few of them are set one by one; many cost less by a truth value for every member.
    """
    if WORD * len(members) < size:
        return _scatter(members, size)
    flags = np.zeros(size, np.bool_)
    flags[members] = True
    return pack(flags)


def _scatter(members: NDArray[np.integer], size: int) -> Row:
    row = np.zeros(words(size), np.uint64)
    places = members.astype(np.uint64)
    np.bitwise_or.at(row, places >> np.uint64(6), np.uint64(1) << (places & np.uint64(WORD - 1)))
    return row


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
        """Where each value of a vocabulary of texts stands in it."""

    @property
    def answered(self) -> Row:
        """Members with any answer, the empty list included."""

    def holding(self, wanted: Mask) -> Row:
        """Members who hold at least one of the vocabulary's values where `wanted` is true."""


class _Texts:
    """The look-up that all columns share."""

    vocabulary: Vocabulary

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Where each value of a vocabulary of texts stands in it."""
        return {str(value): place for place, value in enumerate(self.vocabulary)}


class ConstantColumn(_Texts):
    """The same single answer for every member."""

    def __init__(self, value: str, members: int) -> None:
        self.vocabulary: Vocabulary = (value,)
        self.answered = all_members(members)

    def holding(self, wanted: Mask) -> Row:
        """Everyone or nobody."""
        return self.answered if wanted[0] else np.zeros_like(self.answered)


class NumberColumn(_Texts):
    """Numbers of which most are distinct; NaN is no answer."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        self.vocabulary: NDArray[np.float64] = values

    @cached_property
    def answered(self) -> Row:
        """Members with a number."""
        return pack(~np.isnan(self.vocabulary))

    def holding(self, wanted: Mask) -> Row:
        """Members at whose place the mask is true."""
        return pack(wanted)


class SingleColumn(_Texts):
    """At most one answer a member, as codes.

    Values exclude one another, so rows of values can be added and taken away by XOR: a run of
    values is the difference of the rows below its two ends, a long list is what is left of all.
    """

    def __init__(self, codes: Codes, vocabulary: Vocabulary) -> None:
        self.codes = codes
        self.vocabulary = vocabulary
        self._value_rows: dict[int, Row] = {}
        self._below_rows: dict[int, Row] = {}

    @cached_property
    def answered(self) -> Row:
        """Members with an answer."""
        return pack(self.codes != 0)

    def holding(self, wanted: Mask) -> Row:
        """By the rows of few runs or values; else by looking up, or listing, the members."""
        edges = np.flatnonzero(np.diff(wanted, prepend=False, append=False))
        values = np.flatnonzero(wanted)
        if len(edges) <= _FEW and len(edges) < len(values):
            return self._sum(self._below(edge) for edge in edges.tolist())
        if self.codes.dtype == np.uint8 and len(values) <= _FEW:
            return self._sum(self._value(value) for value in values.tolist())
        if self.codes.dtype == np.uint8 and len(self.vocabulary) - len(values) <= _FEW:
            others = np.flatnonzero(~wanted).tolist()
            return self._sum(self._value(value) for value in others) ^ self.answered
        if 4 * len(values) > len(self.vocabulary):
            return pack(np.concatenate(([False], wanted))[self.codes])
        order, starts = self._members_by_value
        parts = [order[starts[value] : starts[value + 1]] for value in values.tolist()]
        members = np.concatenate(parts) if parts else np.empty(0, np.int64)
        return row_of(members, len(self.codes))

    def _sum(self, rows: Iterable[Row]) -> Row:
        total = np.zeros(words(len(self.codes)), np.uint64)
        for row in rows:
            np.bitwise_xor(total, row, out=total)
        return total

    def _value(self, value: int) -> Row:
        """Members who hold one value."""
        row = self._value_rows.get(value)
        if row is None:
            row = self._value_rows[value] = pack(self.codes == value + 1)
        return row

    def _below(self, edge: int) -> Row:
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


class MultiColumn(_Texts):
    """Any number of answers a member: `codes[offsets[i]:offsets[i + 1]]`, code 0 is skipped.

    Up to 64 values are kept as one bit each in `ceil(values / 8)` planes of one byte a member, from
    which the row of a value is packed when first asked for; more are looked up answer by answer.
    """

    def __init__(
        self, offsets: NDArray[np.int64], codes: Codes, vocabulary: Vocabulary, answered: Row
    ) -> None:
        self.vocabulary = vocabulary
        self.answered = answered
        self._size = len(offsets) - 1
        self._planes: NDArray[np.uint8] = np.empty((0, 0), np.uint8)
        self._value_rows: dict[int, Row] = {}
        self._lists: tuple[NDArray[np.int64], Codes] | None = None
        if len(vocabulary) <= WORD:
            self._planes = _byte_planes(offsets, codes, len(vocabulary))
        else:
            self._lists = offsets, codes

    def holding(self, wanted: Mask) -> Row:
        """Members with an answer among the wanted values."""
        if self._lists is not None:
            offsets, codes = self._lists
            hits = np.flatnonzero(np.concatenate(([False], wanted))[codes])
            return row_of(np.searchsorted(offsets, hits, side="right") - 1, self._size)
        row = np.zeros_like(self.answered)
        for value in np.flatnonzero(wanted).tolist():
            np.bitwise_or(row, self._value(value), out=row)
        return row

    def _value(self, value: int) -> Row:
        """Members who hold one value."""
        row = self._value_rows.get(value)
        if row is None:
            held = self._planes[value // 8] & np.uint8(1 << value % 8)
            row = self._value_rows[value] = pack(held)
        return row


def _byte_planes(offsets: NDArray[np.int64], codes: Codes, values: int) -> NDArray[np.uint8]:
    """One byte a member for every eight values, bit `v % 8` of plane `v // 8` set where held."""
    size = len(offsets) - 1
    compiled = kernels("profiles.kernels", len(codes))
    if compiled is not None:
        planes = np.zeros(((values + 7) // 8, size), np.uint8)
        compiled.byte_planes(offsets, codes, planes)
        return planes
    width = max(8, 1 << (values - 1).bit_length()) if values else 8
    dtype = np.dtype(f"<u{width // 8}")
    bit_of = np.zeros(values + 1, dtype)
    bit_of[1:] = np.left_shift(dtype.type(1), np.arange(values, dtype=dtype))
    held = np.zeros(size, dtype)
    some = np.flatnonzero(offsets[1:] > offsets[:-1])
    if len(some):
        held[some] = np.bitwise_or.reduceat(bit_of[codes], offsets[some])
    by_byte = held.view(np.uint8).reshape(size, width // 8)
    return np.ascontiguousarray(by_byte.T[: (values + 7) // 8])
