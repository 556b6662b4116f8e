"""How two rules differ, condition by condition: of a long combination only what changed.

A rule is split into its single conditions (a cell, a question, a datapoint), which the survey's
origins name. Equal ones are matched wherever they are; those left are paired by their topics.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from matcher.comparison.result import ClauseText
from matcher.comparison.rule_wording import WordingPair, distinguishing_texts
from matcher.rules import (
    FALSE,
    TRUE,
    And,
    InIds,
    Or,
    Predicate,
    Rule,
    Simplifier,
    TookPart,
    Wording,
    predicates_of,
)

TextPair: TypeAlias = tuple[ClauseText | None, ClauseText | None]
"""The texts before and after; None: there is none."""

Connective: TypeAlias = type[And] | type[Or]
Topic = TypeVar("Topic")


class Unordered:
    """Makes one rule of rules that only differ in the order of their parts."""

    def __init__(self) -> None:
        self._simplifier = Simplifier()
        self._ordered: dict[Rule, Rule] = {}

    def of(self, rule: Rule) -> Rule:
        """The one rule for all that differ in order only."""
        while (ordered := self._in_order(self._simplifier.simplify(rule))) is not rule:
            rule = ordered
        return rule

    def _in_order(self, rule: Rule) -> Rule:
        """Put parts in a fixed order: equal rules are one object, and are kept here."""
        found = self._ordered.get(rule)
        if found is None:
            found = rule
            if isinstance(rule, And | Or):
                found = type(rule)(tuple(sorted(map(self._in_order, rule.rules), key=id)))
            self._ordered[rule] = self._ordered[found] = found
        return found


@dataclass(frozen=True, slots=True)
class RulePart:
    """A single condition; or parts of which all must hold (any of them, where the rule is an Or).

    `rule` is as it was lowered, `ordered` the form it is compared by.
    """

    rule: Rule
    ordered: Rule
    pointer: str
    parts: tuple[RulePart, ...] = ()

    def split(self, kind: Connective) -> Iterator[RulePart]:
        """The parts of a combination of this kind; itself where it is none."""
        if self.parts and isinstance(self.rule, kind):
            for part in self.parts:
                yield from part.split(kind)
        else:
            yield self


class RuleParts:
    """Splits rules of one survey; `origins` says where its conditions are."""

    def __init__(self, origins: Iterable[tuple[Rule, str]], unordered: Unordered) -> None:
        self._unordered = unordered
        self._places: dict[Rule, list[str]] = {}
        for rule, pointer in origins:
            self._places.setdefault(rule, []).append(pointer)

    def of(self, rule: Rule, at: str) -> RulePart:
        """A rule at a pointer; conditions within it keep their own pointers."""
        ordered = self._unordered.of(rule)
        if places := self._places.get(rule):
            within = (place for place in places if f"{place}/".startswith(f"{at}/"))
            return RulePart(rule, ordered, next(within, places[0]))
        if isinstance(rule, And | Or):
            return RulePart(rule, ordered, at, tuple(self.of(part, at) for part in rule.rules))
        return RulePart(rule, ordered, at)


class Differ:
    """Finds how two versions of a rule differ, in the words of either side."""

    def __init__(self, wordings: WordingPair) -> None:
        self._wordings = wordings

    def between(self, before: Iterable[RulePart], after: Iterable[RulePart]) -> Iterator[TextPair]:
        """What differs, where all of the parts must hold; in the order of the new side."""
        return self._differences(before, after, And)

    def _differences(
        self, before: Iterable[RulePart], after: Iterable[RulePart], kind: Connective
    ) -> Iterator[TextPair]:
        olds, news = list(before), list(after)
        removed, added = _without(olds, news, kind), _without(news, olds, kind)
        for old, new in _paired(removed, added):
            if old is not None and new is not None:
                yield from self._changed(old, new)
            else:
                before_in, after_in = self._wordings
                yield self._alone(old, before_in, kind), self._alone(new, after_in, kind)

    def _changed(self, old: RulePart, new: RulePart) -> Iterator[TextPair]:
        """Only what changed in combinations that share a part; else both as a whole."""
        kinds: tuple[Connective, ...] = (Or, And)
        for kind in kinds:
            if _ordered_parts([old], kind) & _ordered_parts([new], kind):
                yield from self._differences([old], [new], kind)
                return
        before, after = distinguishing_texts(old.rule, new.rule, self._wordings)
        yield ClauseText(old.pointer, before), ClauseText(new.pointer, after)

    def _alone(self, part: RulePart | None, words: Wording, kind: Connective) -> ClauseText | None:
        """A part that only one side has; an alternative is marked as one."""
        if part is None:
            return None
        return ClauseText(part.pointer, ("or " if kind is Or else "") + words.of(part.rule))


def _ordered_parts(parts: Iterable[RulePart], kind: Connective) -> set[Rule]:
    return {part.ordered for whole in parts for part in whole.split(kind)}


def _without(
    parts: Iterable[RulePart], others: Iterable[RulePart], kind: Connective
) -> list[RulePart]:
    """The parts without what others have too; those that share nothing stay whole."""
    known = _ordered_parts(others, kind) | {TRUE if kind is And else FALSE}
    left: dict[Rule, RulePart] = {}
    for whole in parts:
        split = list(whole.split(kind))
        fresh = [part for part in split if part.ordered not in known]
        for part in [whole] if len(fresh) == len(split) else fresh:
            left.setdefault(part.ordered, part)
    return list(left.values())


def _paired(
    removed: Sequence[RulePart], added: Sequence[RulePart]
) -> Iterator[tuple[RulePart | None, RulePart | None]]:
    """Pairs those that are most alike; a part without counterpart is alone."""
    found = [
        (likeness, place_old, place_new)
        for place_old, old in enumerate(removed)
        for place_new, new in enumerate(added)
        if (likeness := _likeness(old, new)) > (0.0, 0.0)
    ]
    found.sort(key=lambda match: (-match[0][0], -match[0][1], match[1], match[2]))
    partner: dict[int, int] = {}
    paired: set[int] = set()
    for _, place_old, place_new in found:
        if place_old not in paired and place_new not in partner:
            partner[place_new] = place_old
            paired.add(place_old)
    for place, new in enumerate(added):
        yield removed[partner[place]] if place in partner else None, new
    for place, old in enumerate(removed):
        if place not in paired:
            yield old, None


def _likeness(old: RulePart, new: RulePart) -> tuple[float, float]:
    """How many topics both share, and how many conditions, as fractions.

    A part without topics (an attribute that is not mapped, say) is like the one at its pointer.
    """
    olds, news = set(predicates_of([old.ordered])), set(predicates_of([new.ordered]))
    if not (olds and news):
        return float(old.pointer == new.pointer), 0.0
    topics = _shared(set(map(_topic, olds)), set(map(_topic, news)))
    return topics, _shared(olds, news)


def _topic(predicate: Predicate) -> Hashable:
    match predicate:
        case TookPart(_, scope):
            return TookPart, scope
        case InIds():
            return InIds
        case _:
            return predicate.attribute


def _shared(some: set[Topic], others: set[Topic]) -> float:
    return len(some & others) / len(some | others)
