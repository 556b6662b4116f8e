"""The day on which ages count, as callers give it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TypeAlias

from profiles.errors import InputError

AsOf: TypeAlias = date | str
"""A day: a `date`, a `datetime`, or either as ISO text."""


def day_of(as_of: AsOf | None) -> date:
    """The day that is meant; None: today. Raises InputError where it is none.

    >>> day_of("2026-11-21T10:00:00Z")
    datetime.date(2026, 11, 21)
    """
    if as_of is None:
        return date.today()
    if isinstance(as_of, str):
        try:
            return datetime.fromisoformat(as_of.strip()).date()
        except ValueError:
            raise InputError(f"as of `{as_of}`: not a date (YYYY-MM-DD)") from None
    if isinstance(as_of, datetime):
        return as_of.date()
    if isinstance(as_of, date):
        return as_of
    raise InputError(f"as of `{as_of}`: must be a date, a datetime, or either as ISO text")


def start_of(day: date) -> float:
    """The first moment of a day, UTC, in seconds since 1970.

    >>> start_of(date(1970, 1, 2))
    86400.0
    """
    return datetime.combine(day, time(), UTC).timestamp()
