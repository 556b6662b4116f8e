"""What a caller may ask of matching, checked before any work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from profiles.encoding import Engine
from profiles.errors import InputError, did_you_mean
from profiles.panel import Panel


def check_asked(attributes: Iterable[str], history: bool, panel: Panel) -> None:
    """Refuse a panel that does not declare all attributes, or names no history where one is needed.

    Raises InputError.
    """
    missing = sorted(name for name in attributes if name not in panel.schema)
    if missing:
        raise InputError(
            f"{panel.file.path}: the plan asks for attributes that the panel does not "
            f"declare: {', '.join(f'`{name}`' for name in missing)}"
        )
    if history and panel.history is None:
        raise InputError(
            f"{panel.file.path}: the plan asks who took part in what, "
            "but the panel file names no history"
        )


def no_survey(name: str, known: Iterable[str]) -> InputError:
    """The error that a plan has no survey of that name."""
    hint = did_you_mean(name, list(known))
    return InputError(f"the plan has no survey `{name}`" + (f"; {hint}" if hint else ""))


def check_settings(engine: str, workers: int, max_surveys: int | None) -> None:
    """Refuse an engine that there is not, and numbers below one; raises InputError."""
    known = get_args(Engine)
    if engine not in known:
        hint = did_you_mean(engine, known)
        of = f"`engine`: `{engine}` is none of {', '.join(known)}"
        raise InputError(f"{of}; {hint}" if hint else of)
    for name, number in (("workers", workers), ("max_surveys", max_surveys)):
        if number is not None and number < 1:
            raise InputError(f"`{name}` must be at least 1, not `{number}`")
