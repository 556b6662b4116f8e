"""Counts of things, in words."""

from __future__ import annotations


def plural(count: int, thing: str) -> str:
    """`1 survey`, `2 surveys`."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
