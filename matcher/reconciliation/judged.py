"""Rows of a log as they were judged, and which of them contradict what the marketplace said."""

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

    `rows` are their numbers in the log, `survey` and `code` say which of either; `truth` is how
    true it is that the member fits, `reason` a place in `targeting.REASONS`, `rests` by attribute
    the rows in which that is known because of his answer.
    """

    shard: Shard
    rows: Numbers
    survey: Numbers
    code: Numbers
    truth: NDArray[np.int8]
    reason: NDArray[np.int8]
    rests: Mapping[str, BitRow]


def compared(
    judged: Judged, codes: Sequence[AnsweredCode], kind: SuspectKind
) -> tuple[Flags, Flags]:
    """The rows that were a surprise of that kind; and those of which the marketplace said the same.

    Turned away are those who fit: the others of them were taken; and the other way round.
    """
    turned_away, taken = (
        np.array([code.meaning in meanings for code in codes], np.bool_)[judged.code]
        for meanings in (_TURNED_AWAY, _TAKEN)
    )
    if kind is SuspectKind.TURNED_AWAY:
        fits = judged.truth == Truth.TRUE
        return fits & turned_away, fits & taken
    out = judged.truth == Truth.FALSE
    return out & taken, out & turned_away


def surprising(judged: Judged, codes: Sequence[AnsweredCode]) -> Flags:
    """The rows in which the marketplace contradicts us."""
    turned_away, taken = (compared(judged, codes, kind)[0] for kind in SuspectKind)
    return turned_away | taken
