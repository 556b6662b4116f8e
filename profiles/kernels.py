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
def byte_planes(offsets: Any, codes: Any, planes: Any) -> None:
    """Set bit `v % 8` of `planes[v // 8, i]` for every code `v + 1` of member `i`'s list."""
    for i in range(len(offsets) - 1):
        for place in range(offsets[i], offsets[i + 1]):
            code = codes[place]
            if code:
                value = code - 1
                planes[value >> 3, i] |= np.uint8(1 << (value & 7))
