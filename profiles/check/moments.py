"""Birth dates that have a time: which time zone they were midnights of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, available_timezones

_TIMED = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d", re.ASCII)
_USUAL = (
    "Europe/London", "Europe/Berlin", "Europe/Athens", "America/New_York", "America/Chicago",
    "America/Denver", "America/Los_Angeles", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Shanghai",
    "Asia/Tokyo", "Australia/Sydney",
)  # fmt: skip


def timed_birth(raw: object) -> datetime | None:
    """The moment that a birth date is written as, where its time is not a midnight; else None."""
    moment = raw if isinstance(raw, datetime) else None
    if isinstance(raw, str) and _TIMED.match(raw.strip()):
        try:
            moment = datetime.fromisoformat(raw.strip())
        except ValueError:
            return None
    return None if moment is None or moment.time() == time() else moment


def zone_of_midnights(moments: Iterable[datetime]) -> str | None:
    """The zone in which all of the moments (UTC where they do not say) are midnights, if any."""
    utc = [each if each.tzinfo else each.replace(tzinfo=UTC) for each in moments]
    zones = available_timezones()
    for name in [*(zone for zone in _USUAL if zone in zones), *sorted(zones - {*_USUAL})]:
        zone = ZoneInfo(name)
        try:
            if all(each.astimezone(zone).time() == time() for each in utc):
                return name
        except OverflowError:
            continue
    return None


def day_in(moment: datetime, zone: str) -> date:
    """The day that a moment is in a zone."""
    utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return utc.astimezone(ZoneInfo(zone)).date()
