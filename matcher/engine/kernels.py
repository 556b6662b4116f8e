"""The batch executor's loops as numba kernels: the `fast` extra.

A program is flattened into arrays once; the kernels walk it tile by tile, so that what a survey
needs of every row stays in the cache, and fuse the AND of a conjunction, the XOR that takes a
quota's members out and the popcount into one pass over the words. Conjunctions are stored one
after the other: number `i` is `registers[bounds[i]:bounds[i + 1]]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from matcher.compiler import Conjunction, Program, Slot, Step
from matcher.engine.shard_size import DEFAULTS

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Conjunctions:
    """Conjunctions as two arrays."""

    bounds: Ints
    registers: Ints

    @classmethod
    def of(cls, conjunctions: Sequence[Conjunction]) -> Conjunctions:
        """Flatten conjunctions."""
        sizes = [len(conjunction) for conjunction in conjunctions]
        flat = [register for conjunction in conjunctions for register in conjunction]
        return cls(np.cumsum([0, *sizes], dtype=np.int64), np.array(flat, np.int64))


@dataclass(frozen=True, slots=True)
class Flat:
    """A program's surveys, flattened.

    `base`: for every group, the number of the conjunction that starts it, or -1 - slot where it
    divides those whom a slot has taken. `keep`: the row of `admitted` that the base is kept in,
    or -1. `quotas`: where each group's quotas start; `slots`: the slot of each quota, whose
    conjunctions follow those of the bases. `matched`: the slots of which whoever matches them is
    counted on the way, because the group's base is the survey's gate and all who match are taken.
    """

    conjunctions: Conjunctions
    base: Ints
    keep: Ints
    quotas: Ints
    slots: Ints
    matched: NDArray[np.bool_]
    dead_slots: Ints
    dead_rows: Ints


def flatten(program: Program, orders: dict[int, Sequence[Slot]]) -> Flat:
    """Flatten a program, with the order in which each step's slots are to be tried."""
    bases: list[Conjunction] = []
    quotas: list[Conjunction] = []
    base, keep, bounds, slots = [], [], [0], []
    dead_rows: list[int] = []
    matched = np.zeros(len(program.slots), np.bool_)
    row = 0
    for compiled in program.surveys:
        kept = -1 if compiled.sole else row
        row += not compiled.sole
        if compiled.admits is None:
            dead_rows += [kept] * (kept >= 0)
            continue
        steps: Sequence[Step | None] = compiled.steps or [None]
        for step in steps:
            source = None if step is None else step.source
            base.append(len(bases) if source is None else -1 - source)
            keep.append(kept)
            kept = -1
            if source is None:
                bases.append(compiled.admits)
            for slot in orders[id(step)] if step is not None else ():
                slots.append(slot.number)
                quotas.append(slot.takes or ())
                matched[slot.number] = (
                    compiled.sole and source is None and slot.matches == slot.takes
                )
            bounds.append(len(slots))
    dead = np.setdiff1d(np.arange(len(program.slots)), slots)
    return Flat(
        Conjunctions.of([*bases, *quotas]),
        np.array(base, np.int64),
        np.array(keep, np.int64),
        np.array(bounds, np.int64) + len(bases),
        np.array(slots, np.int64),
        matched,
        dead.astype(np.int64),
        np.array(dead_rows, np.int64),
    )


@intrinsic  # type: ignore[untyped-decorator]
def _popcount(_context: Any, _word: Any) -> Any:
    """The population count instruction, which numba has no name for."""

    def emit(_context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), emit


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _meet(
    rows: Any, registers: Any, start: int, end: int, first: int, size: int, base: Any, out: Any
) -> None:
    """`out` = members of the base for whom registers `start` to `end` hold, on one tile."""
    count = end - start
    if count == 0:
        for i in range(size):
            out[i] = base[i]
    elif count == 1:
        a = rows[registers[start], first : first + size]
        for i in range(size):
            out[i] = base[i] & a[i]
    elif count == 2:
        a = rows[registers[start], first : first + size]
        b = rows[registers[start + 1], first : first + size]
        for i in range(size):
            out[i] = base[i] & a[i] & b[i]
    else:
        a = rows[registers[start], first : first + size]
        b = rows[registers[start + 1], first : first + size]
        c = rows[registers[start + 2], first : first + size]
        for i in range(size):
            out[i] = base[i] & a[i] & b[i] & c[i]
        for more in range(start + 3, end):
            a = rows[registers[more], first : first + size]
            for i in range(size):
                out[i] &= a[i]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _assign(
    rows: Any,
    everyone: Any,
    bounds: Any,
    registers: Any,
    base: Any,
    keep: Any,
    quotas: Any,
    slots: Any,
    matched: Any,
    taken: Any,
    admitted: Any,
    taken_counts: Any,
    admitted_counts: Any,
    matched_counts: Any,
    tile: int,
) -> None:
    left = np.empty(tile, np.uint64)
    gate = np.empty(tile, np.uint64)
    whole = taken.shape[1] >= rows.shape[1]
    for first in range(0, rows.shape[1], tile):
        size = min(tile, rows.shape[1] - first)
        at = first if whole else 0
        for group in range(len(base)):
            source = base[group]
            if source < 0:
                taken_before = taken[-1 - source, at : at + size]
                for i in range(size):
                    left[i] = taken_before[i]
            else:
                start, end = bounds[source], bounds[source + 1]
                _meet(rows, registers, start, end, first, size, everyone[first:], left)
                for i in range(size):
                    gate[i] = left[i]
                if keep[group] >= 0:
                    kept = admitted[keep[group], at : at + size]
                    total = np.uint64(0)
                    for i in range(size):
                        kept[i] = left[i]
                        total += _popcount(left[i])
                    admitted_counts[keep[group]] += total
            for quota in range(quotas[group], quotas[group + 1]):
                slot = slots[quota - quotas[0]]
                members = taken[slot, at : at + size]
                start, end = bounds[quota], bounds[quota + 1]
                if matched[slot]:
                    _meet(rows, registers, start, end, first, size, gate, members)
                    total = np.uint64(0)
                    for i in range(size):
                        total += _popcount(members[i])
                        members[i] &= left[i]
                    matched_counts[slot] += total
                else:
                    _meet(rows, registers, start, end, first, size, left, members)
                total = np.uint64(0)
                for i in range(size):
                    left[i] ^= members[i]
                    total += _popcount(members[i])
                taken_counts[slot] += total


def assign(
    flat: Flat,
    rows: NDArray[np.uint64],
    everyone: NDArray[np.uint64],
    taken: Any,
    admitted: Any,
    tile_words: int,
) -> tuple[Ints, Ints, Ints]:
    """Fill `taken` and `admitted` as the numpy executor does; gives their rows' counts.

    Where they have room for a tile only, every tile is written over the last.
    """
    taken[flat.dead_slots] = 0
    admitted[flat.dead_rows] = 0
    taken_counts = np.zeros(len(taken), np.uint64)
    admitted_counts = np.zeros(len(admitted), np.uint64)
    matched_counts = np.zeros(len(taken), np.uint64)
    _assign(
        rows,
        everyone,
        flat.conjunctions.bounds,
        flat.conjunctions.registers,
        flat.base,
        flat.keep,
        flat.quotas,
        flat.slots,
        flat.matched,
        taken,
        admitted,
        taken_counts,
        admitted_counts,
        matched_counts,
        tile_words,
    )
    seen = np.where(flat.matched, matched_counts.astype(np.int64), -1)
    return taken_counts.astype(np.int64), admitted_counts.astype(np.int64), seen


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _tally(
    rows: Any,
    everyone: Any,
    bounds: Any,
    registers: Any,
    groups: Any,
    counts: Any,
    unions: Any,
    tile: int,
) -> None:
    base, members, union = (
        np.empty(tile, np.uint64),
        np.empty(tile, np.uint64),
        np.empty(tile, np.uint64),
    )
    for first in range(0, rows.shape[1], tile):
        size = min(tile, rows.shape[1] - first)
        for group in range(len(groups) - 1):
            number = groups[group]
            if number == groups[group + 1]:
                continue
            start, end = bounds[number], bounds[number + 1]
            _meet(rows, registers, start, end, first, size, everyone[first:], base)
            for i in range(size):
                union[i] = 0
            for number in range(groups[group] + 1, groups[group + 1]):
                start, end = bounds[number], bounds[number + 1]
                _meet(rows, registers, start, end, first, size, base, members)
                total = np.uint64(0)
                for i in range(size):
                    union[i] |= members[i]
                    total += _popcount(members[i])
                counts[number] += total
            total = np.uint64(0)
            for i in range(size):
                total += _popcount(union[i])
            unions[group] += total


def tally(
    rows: NDArray[np.uint64],
    everyone: NDArray[np.uint64],
    wanted: Sequence[tuple[Conjunction | None, tuple[Conjunction | None, ...]]],
    tile_words: int = DEFAULTS.kernel_words,
) -> list[tuple[list[int], int]]:
    """Count as the numpy executor's `tally` does."""
    flat: list[Conjunction] = []
    groups = [0]
    for base, conjunctions in wanted:
        if base is not None:
            flat += [base, *(c for c in conjunctions if c is not None)]
        groups.append(len(flat))
    starts = np.array(groups, np.int64)
    counts = np.zeros(len(flat), np.uint64)
    unions = np.zeros(len(wanted), np.uint64)
    packed = Conjunctions.of(flat)
    _tally(rows, everyone, packed.bounds, packed.registers, starts, counts, unions, tile_words)
    found: list[tuple[list[int], int]] = []
    for (base, conjunctions), start, union in zip(wanted, groups, unions.tolist(), strict=False):
        numbers = iter(counts[start + 1 :] if base is not None else ())
        members = [0 if c is None or base is None else int(next(numbers)) for c in conjunctions]
        found.append((members, union))
    return found
