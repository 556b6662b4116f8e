"""Whether members fit what surveys are targeted at, for many pairs of member and survey at once.

A survey that is closed today may have been open when a member was sent, and seats and participation
were others then. So targeting is what can be judged later on: filters, locale and devices, and
quotas as if all of them were open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from matcher.bind import Rows, bind, empty_rows, possible_rows
from matcher.plan import Plan, admits_rule
from matcher.rule import TRUE, Truth
from matcher.survey import Clause, Group, Quota, Reason, Survey
from profiles.codes import Numbers
from profiles.panel import Shard

REASONS = tuple(Reason)
_ABOUT_MEMBERS = frozenset({Reason.COUNTRY, Reason.LANGUAGE, Reason.DEVICE, Reason.FILTER})
_ALWAYS, _NEVER = -1, -2
_AT_A_TIME = 1 << 16


def targeting_of(survey: Survey) -> Survey:
    """The survey as if it and all its quotas were open, and nobody had taken part in anything."""
    gate = tuple(clause for clause in survey.gate if clause.reason in _ABOUT_MEMBERS)
    groups = tuple(map(_opened, survey.groups))
    return replace(survey, live=True, remaining=None, gate=gate, groups=groups)


def _opened(group: Group) -> Group:
    return replace(group, quotas=tuple(map(_open, group.quotas)))


def _open(quota: Quota) -> Quota:
    groups = tuple(map(_opened, quota.groups))
    return replace(quota, live=True, remaining=max(quota.remaining, 1), groups=groups)


class Targeting:
    """Judges pairs of member and survey as `evaluate.judge` does with `targeting_of` the survey.

    Each part of a survey, a clause or a group, is compiled by itself, so that the one that decides
    is known.
    """

    def __init__(self, surveys: Sequence[Survey]) -> None:
        parts = [_parts(targeting_of(survey)) for survey in surveys]
        alone = (
            replace(survey, gate=(part,), groups=(), live=True, remaining=None)
            for survey, mine in zip(surveys, parts, strict=True)
            for part in mine
        )
        self.plan = Plan(tuple(alone))
        gates = [compiled.gate for compiled in self.plan.program.surveys]
        registers = [(_NEVER,) if gate is None else gate or (_ALWAYS,) for gate in gates]
        self._reason = np.array(
            [REASONS.index(part.reason) for mine in parts for part in mine], np.int8
        )
        self._parts = _Lists(map(len, parts))
        self._registers = _Lists(map(len, registers))
        self._register = np.array([each for mine in registers for each in mine], np.int64)

    def judge(self, shard: Shard, surveys: Numbers) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """How true it is that each of the first members fits the survey of that number.

        Gives truths, and the places in `REASONS` of the parts that decided.
        """
        program = self.plan.program
        bound = bind(program, shard, empty_rows(program, shard.size))
        rows = (bound.true, possible_rows(bound, shard))
        truths, reasons = np.empty((2, len(surveys)), np.int8)
        for start in range(0, len(surveys), _AT_A_TIME):
            some = slice(start, start + _AT_A_TIME)
            truths[some], reasons[some] = self._judge(rows, start, surveys[some])
        return truths, reasons

    def _judge(
        self, rows: tuple[Rows, Rows], first: int, surveys: Numbers
    ) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        pair, part = self._parts.items(surveys)
        of, item = self._registers.items(part)
        register, member = self._register[item], first + pair[of]
        starts = np.flatnonzero(np.diff(of, prepend=-1))
        true, possible = (
            np.minimum.reduceat(_bits(each, register, member), starts) for each in rows
        )
        truth = true + possible
        first_parts = np.flatnonzero(np.diff(pair, prepend=-1))
        worst: NDArray[np.int8] = np.minimum.reduceat(truth, first_parts)
        places = np.where(truth == worst[pair], np.arange(len(part)), len(part))
        deciding = part[np.minimum.reduceat(places, first_parts)]
        admitted = np.int8(REASONS.index(Reason.ADMITTED))
        reasons: NDArray[np.int8] = np.where(worst == Truth.TRUE, admitted, self._reason[deciding])
        return worst, reasons


class _Lists:
    """Lists of so many items each, one after the other."""

    def __init__(self, sizes: Iterable[int]) -> None:
        self._sizes = np.fromiter(sizes, np.int64)
        self._starts = np.cumsum(self._sizes) - self._sizes

    def items(self, lists: Numbers) -> tuple[Numbers, Numbers]:
        """All items of some lists, in order: which of the lists each is in, and its number."""
        sizes = self._sizes[lists]
        of = np.repeat(np.arange(len(lists)), sizes)
        shift = self._starts[lists] - (np.cumsum(sizes) - sizes)
        return of, np.arange(len(of)) + shift[of]


def _parts(survey: Survey) -> list[Clause]:
    """What all must hold, in the order in which the reference asks; there is at least one."""
    groups = [Clause(admits_rule(group), Reason.QUOTA, group.pointer) for group in survey.groups]
    return [*survey.gate, *groups] or [Clause(TRUE, Reason.ADMITTED, "")]


def _bits(rows: Rows, registers: Numbers, members: Numbers) -> NDArray[np.int8]:
    """Whether a register holds for a member, for each of as many registers as members."""
    bits: NDArray[np.int8] = (registers == _ALWAYS).astype(np.int8)
    asked = np.flatnonzero(registers >= 0)
    place = members[asked]
    words = rows[registers[asked], place >> 6] >> (place & 63).astype(np.uint64)
    bits[asked] = words & np.uint64(1)
    return bits
