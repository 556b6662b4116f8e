"""Which leaves on one attribute an answer decides, without asking each of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import TypeAlias

from matcher.rule import InRanges, OneOf, StartsWith, Unusable
from profiles.values import is_negative_code, number_in

AnyAnswer: TypeAlias = OneOf | StartsWith | InRanges | Unusable
"""A leaf that is decided by one answer that it asks for, whatever the others are.

It holds for whoever gives such an answer; `Unusable`, which asks for a usable one, does not.
"""

_MOST = 1 << 14
"""So many values are remembered before all are forgotten."""


class LeafIndex:
    """Finds the leaves, among those of one attribute, that an answer decides."""

    def __init__(self, leaves: Iterable[AnyAnswer]) -> None:
        self._by_value: dict[str, list[AnyAnswer]] = {}
        self._by_prefix: dict[str, list[AnyAnswer]] = {}
        self._ranged: list[InRanges] = []
        self._unusable: list[Unusable] = []
        for leaf in leaves:
            match leaf:
                case OneOf(_, values):
                    for value in values:
                        self._by_value.setdefault(value, []).append(leaf)
                case StartsWith(_, prefixes):
                    for prefix in prefixes:
                        self._by_prefix.setdefault(prefix, []).append(leaf)
                case InRanges():
                    self._ranged.append(leaf)
                case Unusable():
                    self._unusable.append(leaf)
        self._lengths = sorted({len(prefix) for prefix in self._by_prefix})
        ends = {end for leaf in self._ranged for pair in leaf.ranges for end in pair}
        self._ends = sorted(ends)
        self._between: dict[tuple[int, bool], tuple[AnyAnswer, ...]] = {}
        self._known: dict[str | float, frozenset[AnyAnswer]] = {}

    def decided(self, value: str | float) -> frozenset[AnyAnswer]:
        """The leaves that ask for this answer."""
        found = self._known.get(value)
        if found is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[value] = frozenset(self._look(value))
        return found

    def _look(self, value: str | float) -> Iterable[AnyAnswer]:
        if isinstance(value, float):
            text, number = str(value), value if self._ends else None
        else:
            text, number = value, number_in(value) if self._ends else None
            yield from self._by_value.get(value, ())
        for length in self._lengths:
            yield from self._by_prefix.get(text[:length], ()) if length <= len(text) else ()
        if number is not None:
            yield from self._in_ranges(number)
        if self._unusable and not is_negative_code(value):
            yield from (leaf for leaf in self._unusable if value not in leaf.codes)

    def _in_ranges(self, number: float) -> tuple[AnyAnswer, ...]:
        """The ranges around a number: the same for all between two ends that anyone asks for."""
        place = bisect_left(self._ends, number)
        at_end = place < len(self._ends) and self._ends[place] == number
        found = self._between.get((place, at_end))
        if found is None:
            found = tuple(
                leaf
                for leaf in self._ranged
                if any(low <= number <= high for low, high in leaf.ranges)
            )
            self._between[place, at_end] = found
        return found
