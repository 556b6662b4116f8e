"""Which predicates on one attribute an answer decides, without trying each of them."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from matcher.rules import InRanges, OneOf, StartsWith, Unusable
from profiles.schema import is_negative_code, number_in

AnswerPredicate: TypeAlias = OneOf | StartsWith | InRanges | Unusable
"""A predicate that is decided by one answer that it is about, whatever the others are.

Such an answer makes it true; `Unusable`, which is about usable answers, is made false.
"""

AnswerPredicates: TypeAlias = frozenset[AnswerPredicate]
_NONE: AnswerPredicates = frozenset()


class PredicateIndex:
    """Finds the predicates, among those of one attribute, that an answer decides.

    It remembers `most` answers.
    """

    def __init__(self, predicates: Iterable[AnswerPredicate], most: int) -> None:
        self._most = most
        by_value: defaultdict[str, set[AnswerPredicate]] = defaultdict(set)
        by_prefix: defaultdict[str, set[AnswerPredicate]] = defaultdict(set)
        self._ranged: list[InRanges] = []
        self._unusable: list[Unusable] = []
        for predicate in predicates:
            match predicate:
                case OneOf(_, values):
                    for value in values:
                        by_value[value].add(predicate)
                case StartsWith(_, prefixes):
                    for prefix in prefixes:
                        by_prefix[prefix].add(predicate)
                case InRanges():
                    self._ranged.append(predicate)
                case Unusable():
                    self._unusable.append(predicate)
        self._by_value = {value: frozenset(found) for value, found in by_value.items()}
        self._by_prefix = {prefix: frozenset(found) for prefix, found in by_prefix.items()}
        self._lengths = sorted({len(prefix) for prefix in by_prefix})
        pairs = (pair for predicate in self._ranged for pair in predicate.ranges)
        self._ends = sorted({end for pair in pairs for end in pair})
        self._between: dict[tuple[int, bool], AnswerPredicates] = {}
        self._known: dict[str | float, AnswerPredicates] = {}

    def decided(self, value: str | float) -> AnswerPredicates:
        """The predicates that are about this answer."""
        found = self._known.get(value)
        if found is None:
            if len(self._known) >= self._most:
                self._known.clear()
            found = self._known[value] = _NONE.union(*self._find(value))
        return found

    def _find(self, value: str | float) -> Iterator[AnswerPredicates]:
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
            usable = (each for each in self._unusable if value not in each.codes)
            yield frozenset(usable)

    def _in_ranges(self, number: float) -> AnswerPredicates:
        """The ranges around a number: the same for all numbers between two neighbouring ends."""
        place = bisect_left(self._ends, number)
        at_end = place < len(self._ends) and self._ends[place] == number
        found = self._between.get((place, at_end))
        if found is None:
            found = self._between[place, at_end] = frozenset(
                predicate
                for predicate in self._ranged
                if any(low <= number <= high for low, high in predicate.ranges)
            )
        return found
