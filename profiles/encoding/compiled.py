"""Whether the compiled kernels of the `fast` extra are to be used.

Loading numba takes half a second, which only large work earns back; once it is loaded, anything
but the smallest work is faster with it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Literal, TypeAlias

from profiles.errors import InputError

Engine: TypeAlias = Literal["auto", "numpy", "numba"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The least work, in words or values, for which the engine `auto` uses the kernels."""

    loading: int = 1 << 27
    """Where numba is not loaded yet."""
    calling: int = 1 << 14
    """Where it is."""


_thresholds = Thresholds()


@contextmanager
def use_thresholds(thresholds: Thresholds) -> Iterator[None]:
    """Decide by other thresholds, in all threads, until the context ends."""
    global _thresholds
    before, _thresholds = _thresholds, thresholds
    try:
        yield
    finally:
        _thresholds = before


def load_kernels(module: str, work: int, engine: Engine = "auto") -> ModuleType | None:
    """The module of kernels, or None where numpy is to do it; `work` counts words or values.

    Raises InputError where `numba` is demanded and not installed.
    """
    if engine == "numpy":
        return None
    least = _thresholds.calling if "numba" in sys.modules else _thresholds.loading
    if engine == "auto" and work < least:
        return None
    try:
        return import_module(module)
    except ImportError:
        if engine == "numba":
            raise InputError("the engine `numba` needs the extra `fast`") from None
        return None
