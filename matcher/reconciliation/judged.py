"""Rows of a log as they were judged, and which of them contradict the marketplace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from matcher.marketplaces import Disposition
from matcher.reconciliation.result import AnsweredCode, SuspectKind
from matcher.rules import Truth
from profiles.encoding import BitRow, Numbers
from profiles.panel import Shard

Flags: TypeAlias = NDArray[np.bool_]

_TAKEN = frozenset({Disposition.COMPLETE, Disposition.ENTERED})
_TURNED_AWAY = frozenset({Disposition.NOT_TARGETED})


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows of the log, one for each member of a shard.

    `rows` are their numbers in the log, `survey` and `code` the numbers of either; `truth` says
    whether the member fits the survey, `reason` is a place in `targeting.REASONS`. `depends` are by
    attribute the rows in which that is known only because of the member's answer.
    """

    shard: Shard
    rows: Numbers
    survey: Numbers
    code: Numbers
    truth: NDArray[np.int8]
    reason: NDArray[np.int8]
    depends: Mapping[str, BitRow]


def compared(
    judged: Judged, codes: Sequence[AnsweredCode], kind: SuspectKind
) -> tuple[Flags, Flags]:
    """The rows that are surprises of that kind; and those in which the marketplace agrees with us.

    Surprises are members who fit and were turned away, compared with those who fit and were taken;
    or the other way round.
    """
    turned_away, taken = (
        np.array([code.disposition in dispositions for code in codes], np.bool_)[judged.code]
        for dispositions in (_TURNED_AWAY, _TAKEN)
    )
    if kind is SuspectKind.TURNED_AWAY:
        fits = judged.truth == Truth.TRUE
        return fits & turned_away, fits & taken
    unfit = judged.truth == Truth.FALSE
    return unfit & taken, unfit & turned_away


def surprising(judged: Judged, codes: Sequence[AnsweredCode]) -> Flags:
    """The rows in which the marketplace contradicts us."""
    turned_away, taken = (compared(judged, codes, kind)[0] for kind in SuspectKind)
    return turned_away | taken
