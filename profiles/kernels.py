"""The encoders' inner loops as numba kernels: the `fast` extra."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def look_up(table: Any, numbers: Any, out: Any) -> None:
    """`out[i] = table[numbers[i]]`, where -1 stands for the table's last entry."""
    last = len(table) - 1
    for i in range(len(numbers)):
        number = numbers[i]
        out[i] = table[last if number < 0 else number]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def value_rows(offsets: Any, codes: Any, rows: Any) -> None:
    """Set member `i`'s bit of `rows[v]` for every code `v + 1` of his list."""
    for i in range(len(offsets) - 1):
        word = i >> 6
        bit = np.uint64(1) << np.uint64(i & 63)
        for place in range(offsets[i], offsets[i + 1]):
            code = codes[place]
            if code:
                rows[code - 1, word] |= bit


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def class_rows(codes: Any, class_of: Any, rows: Any) -> None:
    """Set member `i`'s bit of the row of his code's class."""
    for i in range(len(codes)):
        rows[class_of[codes[i]], i >> 6] |= np.uint64(1) << np.uint64(i & 63)
