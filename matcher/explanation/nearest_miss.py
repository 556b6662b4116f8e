"""The nearest miss: the fewest conditions and closed quotas that would have to change.

Changes only ever make a condition true or open what is closed. A condition that appears in several
places changes in all of them; different conditions are taken as independent, though one answer
may decide several.

What is needed is a tree over numbered changes: all, or any, of its parts. From the bottom up,
sets of changes that would do are combined, each a whole number with a bit a change. A set is
dropped where another does in every context as well: it is no larger even if the rest of the
survey needs all that the dropped one shares with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from matcher.explanation.explanation import (
    AnswerChange,
    Condition,
    ExplainedClause,
    ExplainedGroup,
    ExplainedPart,
    ExplainedQuota,
    Opening,
)
from matcher.rules import UNKNOWN, Rule, Truth
from matcher.surveys import Regime, Survey

KEPT = 64
"""Of more sets of changes than this, none of which is surely the best, the smallest are kept."""


@dataclass(frozen=True, slots=True)
class _All:
    parts: Sequence[_Need]


@dataclass(frozen=True, slots=True)
class _Any:
    parts: Sequence[_Need]


_Need: TypeAlias = _All | _Any | int
_NOTHING = _All(())


def nearest_miss(
    survey: Survey, gate: Sequence[ExplainedClause], groups: Sequence[ExplainedGroup]
) -> tuple[AnswerChange, ...] | None:
    """The fewest changes that make the survey's parts all true; None: no change would do."""
    needs = _Needs(survey)
    parts: list[_Need] = [] if survey.open else [needs.opens(Opening(""))]
    parts += [needs.part(clause.part) for clause in gate]
    parts += [needs.group(group) for group in groups]
    return needs.least(_All(parts))


class _Needs:
    """What the parts of one survey need, in changes that are numbered as they come up.

    A guard is a number that costs nothing: the mark of a closed quota that must open wherever the
    changes chosen let the member match it, or possibly match it. So is the mark of a quota that no
    changes chosen may let the member match, because groups nested in it need not admit them.
    """

    def __init__(self, survey: Survey) -> None:
        self._places: dict[Rule, list[str]] = {}
        for rule, pointer in survey.origins:
            if rule is not UNKNOWN:
                self._places.setdefault(rule, []).append(pointer)
        self._same: dict[str, str] = {}
        for first, *others in self._places.values():
            for other in others:
                if self._first(other) != self._first(first):
                    self._same[self._first(other)] = self._first(first)
        self._numbers: dict[object, int] = {}
        self._changes: list[AnswerChange] = []
        self._guards: dict[int, ExplainedQuota] = {}
        self._avoided: dict[int, ExplainedQuota] = {}
        self._free = 0
        self._false = 0
        self._guarded = 0

    def opens(self, opening: Opening) -> int:
        """The bit of something that opens."""
        return self._bit(opening, opening)

    def part(self, part: ExplainedPart) -> _Need:
        """What makes a rule true."""
        if part.truth is Truth.TRUE:
            return _NOTHING
        if isinstance(part, Condition):
            return self._becomes_true(part)
        parts = [self.part(each) for each in part.parts]
        return _Any(parts) if part.any_of else _All(parts)

    def group(self, group: ExplainedGroup) -> _Need:
        """What makes a group admit."""
        if group.regime is Regime.ANY_OPEN:
            return _Any([self._takes(quota) for quota in group.quotas])
        parts = [self._clear(quota) for quota in group.quotas if quota.groups or not quota.open]
        if group.required:
            parts.append(_Any([self._matches(quota) for quota in group.quotas]))
        return _All(parts)

    def least(self, need: _Need) -> tuple[AnswerChange, ...] | None:
        """The fewest changes that do."""
        often = _most_often(need)
        shared = sum(bit for bit, times in often.items() if times > 1)
        found = [self._closed(each) for each in self._sets(need, shared) if self._avoids(each)]
        if not found:
            return None
        best = min(found, key=self._order) & ~self._free
        return tuple(change for number, change in enumerate(self._changes) if best >> number & 1)

    def _takes(self, quota: ExplainedQuota) -> _Need:
        parts = [self.part(quota.part), *map(self.group, quota.groups)]
        return _All(parts if quota.open else [self.opens(Opening(quota.pointer, quota.id)), *parts])

    def _matches(self, quota: ExplainedQuota) -> _Need:
        nested = [
            _Any([self._matches(inner) for inner in group.quotas])
            for group in quota.groups
            if group.needs_match
        ]
        return _All([self.part(quota.part), *nested])

    def _becomes_true(self, condition: Condition) -> int:
        """One number for a condition in all its places; what is unknown has one for each place.

        A cell may mean one thing in filters and another in quotas; it is one condition still.
        """
        rule, own = condition.rule, condition.pointers
        places = self._places.get(rule, [])
        if rule is UNKNOWN:
            return self._bit(own[0], condition)
        pointers = tuple(dict.fromkeys((*own, *places)))
        key = self._first(places[0]) if places else rule
        return self._bit(key, replace(condition, pointers=pointers))

    def _first(self, pointer: str) -> str:
        """The first of all places of the same condition."""
        while pointer in self._same:
            pointer = self._same[pointer]
        return pointer

    def _clear(self, quota: ExplainedQuota) -> _Need:
        """What keeps a quota from being closed for a member who matches it."""
        if not quota.groups:
            return self._mark(self._guards, quota)
        opens = [] if quota.open else [self.opens(Opening(quota.pointer, quota.id))]
        admits = _All([*opens, *map(self.group, quota.groups)])
        if self._may_match(quota, 0):
            return admits
        return _Any([self._mark(self._avoided, quota), admits])

    def _mark(self, marks: dict[int, ExplainedQuota], quota: ExplainedQuota) -> int:
        bit = self._bit(("mark", quota.pointer), Opening(quota.pointer, quota.id))
        marks[bit] = quota
        self._free |= bit
        self._guarded |= sum(_most_often(self._matches(quota)))
        return bit

    def _bit(self, key: object, change: AnswerChange) -> int:
        number = self._numbers.setdefault(key, len(self._changes))
        if number == len(self._changes):
            self._changes.append(change)
            if isinstance(change, Condition) and change.truth is Truth.FALSE:
                self._false |= 1 << number
        return 1 << number

    def _sets(self, need: _Need, shared: int) -> list[int]:
        """Sets of changes that do, of which one is the best whatever else must change."""
        if isinstance(need, int):
            return [need]
        if isinstance(need, _Any):
            either = (each for part in need.parts for each in self._sets(part, shared))
            return self._best(either, shared)
        found = [0]
        for part in need.parts:
            more = self._sets(part, shared)
            found = self._best((one | other for one in found for other in more), shared)
        return found

    def _best(self, sets: Iterable[int], shared: int) -> list[int]:
        """Those that no other is as good as; one that has nothing to avoid is always among them."""
        kept: list[int] = []
        sure = False
        avoided = sum(self._avoided)
        for each in sorted(set(sets), key=self._order):
            if len(kept) >= KEPT and sure:
                break
            if len(kept) >= KEPT and each & avoided:
                continue
            if not any(self._does_as_well(other, each, shared) for other in kept):
                kept.append(each)
                sure = sure or not each & avoided
        return kept

    def _does_as_well(self, one: int, other: int, shared: int) -> bool:
        if one & ~other & (self._free | self._guarded):
            return False
        return self._cost(one) + self._cost(other & shared & ~one) <= self._cost(other)

    def _cost(self, changes: int) -> int:
        return (changes & ~self._free).bit_count()

    def _order(self, changes: int) -> tuple[int, int, int]:
        """Few before many; what opens or is not known before what is false; then payload order."""
        return self._cost(changes), (changes & self._false).bit_count(), changes

    def _closed(self, changes: int) -> int:
        """The changes, and the openings of the guarded quotas that they let the member match."""
        opened = changes
        for guard, quota in self._guards.items():
            if changes & guard and self._may_match(quota, changes):
                opened |= self.opens(Opening(quota.pointer, quota.id))
        return opened

    def _avoids(self, changes: int) -> bool:
        """Whether the changes let the member match no quota that they are to avoid."""
        return not any(
            changes & bit and self._may_match(quota, changes)
            for bit, quota in self._avoided.items()
        )

    def _may_match(self, quota: ExplainedQuota, changes: int) -> bool:
        return self._may_hold(quota.part, changes) and all(
            any(self._may_match(inner, changes) for inner in group.quotas)
            for group in quota.groups
            if group.needs_match
        )

    def _may_hold(self, part: ExplainedPart, changes: int) -> bool:
        if part.truth is not Truth.FALSE:
            return True
        if isinstance(part, Condition):
            return bool(self._becomes_true(part) & changes)
        holds = (self._may_hold(each, changes) for each in part.parts)
        return any(holds) if part.any_of else all(holds)


def _most_often(need: _Need) -> Mapping[int, int]:
    """How often one set of changes may need each bit: all parts of a whole, one of several."""
    if isinstance(need, int):
        return {need: 1}
    often: Counter[int] = Counter()
    for part in map(_most_often, need.parts):
        often = Counter(often | Counter(part)) if isinstance(need, _Any) else often + Counter(part)
    return often
