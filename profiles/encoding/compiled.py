"""Whether the compiled kernels of the `fast` extra are to be used.

Loading numba takes half a second, which only large work earns back; once it is loaded, anything
but the smallest work is faster with it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Literal, TypeAlias

from profiles.errors import InputError

Engine: TypeAlias = Literal["auto", "numpy", "numba"]

_WORTH_LOADING = 1 << 27
_WORTH_CALLING = 1 << 14


def load_kernels(module: str, work: int, engine: Engine = "auto") -> ModuleType | None:
    """The module of kernels, or None where numpy is to do it; `work` counts words or values.

    Raises InputError where `numba` is demanded and not installed.
    """
    if engine == "numpy":
        return None
    least = _WORTH_CALLING if "numba" in sys.modules else _WORTH_LOADING
    if engine == "auto" and work < least:
        return None
    try:
        return import_module(module)
    except ImportError:
        if engine == "numba":
            raise InputError("the engine `numba` needs the extra `fast`") from None
        return None
