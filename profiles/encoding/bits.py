"""Rows of bits: a bit a member of a shard, packed in 64-bit words, those past the last zero."""

from __future__ import annotations

from threading import local
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

BitRow: TypeAlias = NDArray[np.uint64]
BitRows: TypeAlias = NDArray[np.uint64]
"""`[rows, words]`."""

WORD = 64
_DENSE = 3


def words(members: int) -> int:
    """How many 64-bit words a row of so many members takes."""
    return (members + WORD - 1) // WORD


def pack(members: NDArray[np.bool_] | NDArray[np.uint8], out: BitRow | None = None) -> BitRow:
    """Pack one truth value (or one byte: zero or not) a member into a row."""
    out = np.empty(words(len(members)), np.uint64) if out is None else out
    packed = np.packbits(members, bitorder="little")
    out.view(np.uint8)[: len(packed)] = packed
    out.view(np.uint8)[len(packed) :] = 0
    return out


def all_members(members: int) -> BitRow:
    """The row in which every member is set."""
    row = np.full(words(members), ~np.uint64(0), np.uint64)
    if members % WORD:
        row[-1] >>= np.uint64(WORD - members % WORD)
    return row


def popcount(row: BitRow) -> int:
    """How many members are set in a row."""
    return int(np.bitwise_count(row).sum(dtype=np.int64))


def flags_of(row: BitRow, size: int) -> NDArray[np.bool_]:
    """One truth value for each of `size` members."""
    return np.unpackbits(row.view(np.uint8), count=size, bitorder="little").view(np.bool_)


def positions(row: BitRow) -> NDArray[np.int64]:
    """The members whose bit is set, ascending, counted from the start of the shard.

    Where most words are empty, only the others are unpacked.
    """
    some = np.flatnonzero(row)
    if _DENSE * len(some) > len(row):
        return np.flatnonzero(flags_of(row, WORD * len(row)))
    found = np.flatnonzero(flags_of(row[some], WORD * len(some)))
    return some[found // WORD] * WORD + found % WORD


def bits_at(row: BitRow, members: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the bit of each of some members is set."""
    bits = row[members >> 6] >> (members & 63).astype(np.uint64)
    return np.asarray(bits & np.uint64(1), np.bool_)


def row_of(members: NDArray[np.integer], size: int, out: BitRow | None = None) -> BitRow:
    """The row, for a shard of `size` members, in which these positions are set.

    Few of them are set one by one; many cost less by a truth value for every member.
    """
    if WORD * len(members) < size:
        return _scatter(members, np.empty(words(size), np.uint64) if out is None else out)
    flags = np.zeros(size, np.bool_)
    flags[members] = True
    return pack(flags, out)


def _scatter(members: NDArray[np.integer], row: BitRow) -> BitRow:
    row[:] = 0
    places = members.astype(np.uint64)
    np.bitwise_or.at(row, places >> np.uint64(6), np.uint64(1) << (places & np.uint64(WORD - 1)))
    return row


class Scratch(local):
    """Rows that a thread uses for a moment; memory that it has touched is quicker than new."""

    def __init__(self) -> None:
        self._words = np.empty(0, np.uint64)

    def rows(self, count: int, width: int) -> BitRows:
        """So many rows, all zero."""
        if len(self._words) < count * width:
            self._words = np.empty(count * width, np.uint64)
        rows = self._words[: count * width].reshape(count, width)
        rows[:] = 0
        return rows


SCRATCH = Scratch()
