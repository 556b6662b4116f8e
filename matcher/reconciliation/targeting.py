"""Whether members fit what surveys are targeted at, for many pairs of member and survey at once.

A survey that is closed today may have been open when a member was sent, and seats and participation
were others then. So targeting is what can be judged later on: filters, locale and devices, and
quotas as if all of them were open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matcher.compiler import Compound, Program
from matcher.engine import bind, combine, empty_rows, possible_rows
from matcher.plan import Plan
from matcher.rules import TRUE, Const, InIds, OneOf, TookPart, Truth, attributes_of
from matcher.surveys import Clause, Group, Quota, Reason, Survey, admits_rule
from profiles.encoding import BitRow, BitRows, Numbers, pack
from profiles.panel import Shard
from profiles.schema import PanelMapping

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


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What is said of pairs of member and survey, in the order in which they were asked for.

    `truth`: how true it is that the member fits; `reason`: the place in `REASONS` of the part that
    decided. `rests`: by attribute, the pairs of which that would not be known if it were not known
    what the member has answered. Who fits because he holds any value at all that marketplaces have
    answers for does not rest on it.
    """

    truth: NDArray[np.int8]
    reason: NDArray[np.int8]
    rests: Mapping[str, BitRow]


class Targeting:
    """Judges pairs of member and survey as `evaluate.judge` does with `targeting_of` the survey.

    Each part of a survey, a clause or a group, is compiled by itself, so that the one that decides
    is known.
    """

    def __init__(self, surveys: Sequence[Survey], mapping: PanelMapping) -> None:
        parts = [_parts(targeting_of(survey)) for survey in surveys]
        alone = (
            replace(survey, gate=(part,), groups=(), live=True, remaining=None)
            for survey, mine in zip(surveys, parts, strict=True)
            for part in mine
        )
        self.plan = Plan(tuple(alone))
        asked = [set(attributes_of(part.rule for part in mine)) for mine in parts]
        self.asking: dict[str, NDArray[np.bool_]] = {
            name: np.array([name in each for each in asked], np.bool_)
            for name in sorted(self.plan.attributes)
        }
        """By attribute that decides anything, which surveys ask for it."""
        gates = [compiled.gate for compiled in self.plan.program.surveys]
        registers = [(_NEVER,) if gate is None else gate or (_ALWAYS,) for gate in gates]
        self._reason = np.array(
            [REASONS.index(part.reason) for mine in parts for part in mine], np.int8
        )
        self._parts = _Lists(map(len, parts))
        self._registers = _Lists(map(len, registers))
        self._register = np.array([each for mine in registers for each in mine], np.int64)
        anything = {name: _mapped(mapping, name) for name in self.asking}
        self._about = {
            Truth.TRUE: _about(self.plan.program, anything),
            Truth.FALSE: _about(self.plan.program, {}),
        }

    def judge(self, shard: Shard, surveys: Numbers) -> Verdicts:
        """What is said of each of the first members of a shard and the survey of that number."""
        program = self.plan.program
        bound = bind(program, shard, empty_rows(program, shard.size))
        rows = (bound.true, possible_rows(bound, shard))
        everyone = np.arange(len(surveys))
        truth, reason = self._judge_all(rows, everyone, surveys)
        rests = {}
        for name, asking in self.asking.items():
            flags = np.zeros(shard.size, np.bool_)
            for known, about in self._about.items():
                some = np.flatnonzero(asking[surveys] & (truth == known))
                if len(some) and name in about:
                    with about[name].unknown(rows):
                        again, _ = self._judge_all(rows, some, surveys[some])
                    flags[some] = again == Truth.UNKNOWN
            rests[name] = pack(flags)
        return Verdicts(truth, reason, rests)

    def _judge_all(
        self, rows: tuple[BitRows, BitRows], members: Numbers, surveys: Numbers
    ) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        truths, reasons = np.empty((2, len(surveys)), np.int8)
        for start in range(0, len(surveys), _AT_A_TIME):
            some = slice(start, start + _AT_A_TIME)
            truths[some], reasons[some] = self._judge(rows, members[some], surveys[some])
        return truths, reasons

    def _judge(
        self, rows: tuple[BitRows, BitRows], members: Numbers, surveys: Numbers
    ) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        pair, part = self._parts.items(surveys)
        of, item = self._registers.items(part)
        register, member = self._register[item], members[pair[of]]
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


def _mapped(mapping: PanelMapping, attribute: str) -> frozenset[str] | None:
    """All values that marketplaces' answers stand for; None where values stand as they are."""
    values: set[str] = set()
    for marketplace in mapping.marketplaces.values():
        for mapped in marketplace.attributes.values():
            if mapped.attribute.name == attribute:
                if mapped.answers is None or mapped.attribute.numeric:
                    return None
                values.update(str(value) for target in mapped.answers.values() for value in target)
    return frozenset(values)


@dataclass(frozen=True, slots=True)
class _About:
    """Registers about an attribute: literals, and compounds of them, by number in order."""

    literals: list[int]
    compounds: dict[int, Compound]

    @contextmanager
    def unknown(self, rows: tuple[BitRows, BitRows]) -> Iterator[None]:
        """Let the literals be unknown for everyone, as long as this lasts."""
        numbers = [*self.literals, *self.compounds]
        saved = [each[numbers] for each in rows]
        for each, unknown in zip(rows, (np.uint64(0), ~np.uint64(0)), strict=True):
            each[self.literals] = unknown
            for number, compound in self.compounds.items():
                combine(compound, each, each[number])
        yield
        for each, before in zip(rows, saved, strict=True):
            each[numbers] = before


def _about(program: Program, anything: Mapping[str, frozenset[str] | None]) -> Mapping[str, _About]:
    """By attribute what is about it, but for literals that hold for `anything`."""
    found: defaultdict[str, _About] = defaultdict(lambda: _About([], {}))
    names: list[set[str]] = []
    for register in program.registers:
        number = len(names)
        names.append(set())
        if isinstance(register, Compound):
            names[number].update(*(names[part] for part in register.registers))
            for name in names[number]:
                found[name].compounds[number] = register
        elif not isinstance(leaf := register.predicate, InIds | TookPart | Const):
            every = anything.get(leaf.attribute)
            if not (every and isinstance(leaf, OneOf) and every <= {*leaf.values}):
                names[number].add(leaf.attribute)
                found[leaf.attribute].literals.append(number)
    return found


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


def _bits(rows: BitRows, registers: Numbers, members: Numbers) -> NDArray[np.int8]:
    """Whether a register holds for a member, for each of as many registers as members."""
    bits: NDArray[np.int8] = (registers == _ALWAYS).astype(np.int8)
    asked = np.flatnonzero(registers >= 0)
    place = members[asked]
    words = rows[registers[asked], place >> 6] >> (place & 63).astype(np.uint64)
    bits[asked] = words & np.uint64(1)
    return bits
