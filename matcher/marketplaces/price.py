"""What a survey pays: price per expected minute, by which surveys are ranked for a member."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any, TypeAlias

from matcher.surveys import Findings
from profiles.schema import UnreadableError, as_number

PriceFactor: TypeAlias = tuple[Any, str]
"""A value of a payload, and its pointer."""

_WRITTEN = re.compile(r"[^\d.,+-]{0,4}(?P<number>\d{1,300}(?:\.\d+)?)[^\d.,+-]{0,4}\Z")


def pay_per_minute(
    cost: PriceFactor, incidence: PriceFactor, length: PriceFactor, findings: Findings
) -> float | None:
    """Cost of an interview by incidence over length, in the survey's own currency per minute.

    Incidence in percent, length in minutes; numbers, or text such as `$9.00`. None where one is
    missing or cannot be read (which is reported), or the length is 0.
    """
    numbers = [_read(raw, pointer, findings) for raw, pointer in (cost, incidence, length)]
    price, percent, minutes = numbers
    if price is None or percent is None or not minutes:
        return None
    pay = price * (percent / 100) / minutes
    return pay if isfinite(pay) else None


def _read(raw: Any, pointer: str, findings: Findings) -> float | None:
    if raw is None:
        return None
    written = _WRITTEN.match(raw.strip()) if isinstance(raw, str) else None
    try:
        number = as_number(written["number"] if written else raw)
    except UnreadableError:
        number = -1.0
    if number < 0:
        shown = f"`{raw}`" if isinstance(raw, str | int | float) else "what is here"
        findings.info(
            "no-price", pointer, f"{shown} cannot be read; the survey counts as paying least"
        )
        return None
    return number
