"""Short forms for reprs."""

from __future__ import annotations

from collections.abc import Sequence

_IDS = 3
_CHARACTERS = 24


def brief(text: str) -> str:
    """A name or an id, cut where it is long."""
    return text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 1]}…"


def brief_ids(quota_ids: Sequence[str]) -> str:
    """The first of some quota ids, each cut where it is long."""
    shown = [brief(id_) for id_ in quota_ids[:_IDS]]
    return ", ".join(shown if len(quota_ids) <= _IDS else [*shown, "…"])
