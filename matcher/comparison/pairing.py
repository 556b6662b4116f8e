"""Which quota of a survey was which: by id, and those left over by what they ask.

A quota is known by its path (its id, after those it is nested in). Quotas that only have another
id are taken for the same where they ask the same, within quotas that are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from matcher.survey import Quota, Survey

Place: TypeAlias = tuple[str, ...]
"""The pointers of a quota and of those it is nested in, outermost first."""


@dataclass(frozen=True, slots=True)
class PairedQuota:
    """A quota on each side, with its path there; None where it is not there."""

    before: Quota | None
    after: Quota | None
    path_before: tuple[str, ...] | None
    path_after: tuple[str, ...] | None
