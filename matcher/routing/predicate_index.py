"""Which leaves on one attribute an answer decides, without asking each of them."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from matcher.rules import InRanges, OneOf, StartsWith, Unusable
from profiles.schema import is_negative_code, number_in

AnswerPredicate: TypeAlias = OneOf | StartsWith | InRanges | Unusable
"""A leaf that is decided by one answer that it asks for, whatever the others are.

It holds for whoever gives such an answer; `Unusable`, which asks for a usable one, does not.
"""

AnswerPredicates: TypeAlias = frozenset[AnswerPredicate]
_NONE: AnswerPredicates = frozenset()

_MOST = 1 << 14
"""So many values are remembered before all are forgotten."""


class PredicateIndex:
    """Finds the leaves, among those of one attribute, that an answer decides."""

    def __init__(self, leaves: Iterable[AnswerPredicate]) -> None:
        by_value: defaultdict[str, set[AnswerPredicate]] = defaultdict(set)
        by_prefix: defaultdict[str, set[AnswerPredicate]] = defaultdict(set)
        self._ranged: list[InRanges] = []
        self._unusable: list[Unusable] = []
        for leaf in leaves:
            match leaf:
                case OneOf(_, values):
                    for value in values:
                        by_value[value].add(leaf)
                case StartsWith(_, prefixes):
                    for prefix in prefixes:
                        by_prefix[prefix].add(leaf)
                case InRanges():
                    self._ranged.append(leaf)
                case Unusable():
                    self._unusable.append(leaf)
        self._by_value = {value: frozenset(found) for value, found in by_value.items()}
        self._by_prefix = {prefix: frozenset(found) for prefix, found in by_prefix.items()}
        self._lengths = sorted({len(prefix) for prefix in by_prefix})
        self._ends = sorted({end for leaf in self._ranged for pair in leaf.ranges for end in pair})
        self._between: dict[tuple[int, bool], AnswerPredicates] = {}
        self._known: dict[str | float, AnswerPredicates] = {}

    def decided(self, value: str | float) -> AnswerPredicates:
        """The leaves that ask for this answer."""
        found = self._known.get(value)
        if found is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[value] = _NONE.union(*self._look(value))
        return found

    def _look(self, value: str | float) -> Iterator[AnswerPredicates]:
        if isinstance(value, str) and value in self._by_value:
            yield self._by_value[value]
        text = str(value)
        for length in self._lengths:
            if text[:length] in self._by_prefix:
                yield self._by_prefix[text[:length]]
        if self._ends:
            number = value if isinstance(value, float) else number_in(value)
            if number is not None:
                yield self._in_ranges(number)
        if self._unusable and not is_negative_code(value):
            yield frozenset(leaf for leaf in self._unusable if value not in leaf.codes)

    def _in_ranges(self, number: float) -> AnswerPredicates:
        """The ranges around a number: the same for all between two ends that anyone asks for."""
        place = bisect_left(self._ends, number)
        at_end = place < len(self._ends) and self._ends[place] == number
        found = self._between.get((place, at_end))
        if found is None:
            found = self._between[place, at_end] = frozenset(
                leaf
                for leaf in self._ranged
                if any(low <= number <= high for low, high in leaf.ranges)
            )
        return found
