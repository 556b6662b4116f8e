"""The inner loops of encoding, and of making rows of columns, as numba kernels: the `fast` extra.

Lists are stored one after the other: number `i` is `items[bounds[i]:bounds[i + 1]]`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

TILE_WORDS = 512
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_PLACES = np.zeros(64, np.uint8)
"""The place of a word's one bit, by the top six bits of its product with that number."""
for _place in range(64):
    _PLACES[((int(_DE_BRUIJN) << _place) & ((1 << 64) - 1)) >> 58] = _place


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def look_up(table: Any, numbers: Any, out: Any) -> None:
    """`out[i] = table[numbers[i]]`, where -1 stands for the table's last entry."""
    last = len(table) - 1
    for i in range(len(numbers)):
        number = numbers[i]
        out[i] = table[last if number < 0 else number]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def value_rows(offsets: Any, codes: Any, rows: Any) -> None:
    """Set member `i`'s bit of `rows[v]` for every code `v + 1` of their list."""
    for i in range(len(offsets) - 1):
        word = i >> 6
        bit = np.uint64(1) << np.uint64(i & 63)
        for place in range(offsets[i], offsets[i + 1]):
            code = codes[place]
            if code:
                rows[code - 1, word] |= bit


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def class_rows(codes: Any, class_of: Any, rows: Any) -> None:
    """Set member `i`'s bit of the row of their code's class."""
    for i in range(len(codes)):
        rows[class_of[codes[i]], i >> 6] |= np.uint64(1) << np.uint64(i & 63)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def list_rows(codes: Any, bounds: Any, items: Any, rows: Any, numbers: Any) -> None:
    """Set member `i`'s bit of row `numbers[m]` for every item `m` of their code's list."""
    for i in range(len(codes)):
        code = codes[i]
        word = i >> 6
        bit = np.uint64(1) << np.uint64(i & 63)
        for place in range(bounds[code], bounds[code + 1]):
            rows[numbers[items[place]], word] |= bit


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def sum_rows(values: Any, bounds: Any, items: Any, below: bool, rows: Any, numbers: Any) -> None:
    """Write to row `numbers[m]` the values' rows that are in list `m`: who is set in any of them.

    With `below` nobody is set in two rows, items are numbers of values below which all count, and
    who is below an even number of them does not: a run of values takes two items.
    """
    width = values.shape[1]
    sums = np.zeros((len(values) + 1 if below else 0, TILE_WORDS), np.uint64)
    for first in range(0, width, TILE_WORDS):
        size = min(TILE_WORDS, width - first)
        if below:
            for value in range(len(values)):
                row = values[value, first : first + size]
                for i in range(size):
                    sums[value + 1, i] = sums[value, i] | row[i]
        for number in range(len(numbers)):
            out = rows[numbers[number], first : first + size]
            for i in range(size):
                out[i] = 0
            for place in range(bounds[number], bounds[number + 1]):
                if below:
                    total = sums[items[place]]
                    for i in range(size):
                        out[i] ^= total[i]
                else:
                    row = values[items[place], first : first + size]
                    for i in range(size):
                        out[i] |= row[i]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def count_codes(codes: Any, row: Any, counts: Any) -> None:
    """Add up, by code, the members whose bit is set."""
    for word in range(len(row)):
        bits = row[word]
        while bits:
            lowest = bits & (~bits + np.uint64(1))
            counts[codes[(word << 6) + _PLACES[(lowest * _DE_BRUIJN) >> np.uint64(58)]]] += 1
            bits ^= lowest
