"""How two rules differ, condition by condition: of a long combination only what changed.

A rule is taken apart as far as its single conditions (a cell, a question, a datapoint), which the
survey's origins name. Equal ones are matched wherever they stand; those left are paired by what
they speak of.
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
"""What is said before and after; None: nothing of it."""

Connective: TypeAlias = type[And] | type[Or]
T = TypeVar("T")


class Unordered:
    """Rules that only differ in the order of what they are made of become one."""

    def __init__(self) -> None:
        self._simplifier = Simplifier()
        self._ordered: dict[Rule, Rule] = {}

    def of(self, rule: Rule) -> Rule:
        """The one rule for all that mean the same so."""
        while (ordered := self._in_order(self._simplifier.simplify(rule))) is not rule:
            rule = ordered
        return rule

    def _in_order(self, rule: Rule) -> Rule:
        """In any order that is always the same: equal rules are one object, and remembered here."""
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

    `rule` is as it was lowered, `meaning` what it is compared by.
    """

    rule: Rule
    meaning: Rule
    pointer: str
    parts: tuple[RulePart, ...] = ()

    def split(self, kind: Connective) -> Iterator[RulePart]:
        """The parts that this kind of combination is made of; itself where it is none."""
        if self.parts and isinstance(self.rule, kind):
            for part in self.parts:
                yield from part.split(kind)
        else:
            yield self


class RuleParts:
    """Takes rules of one survey apart; `origins` says where its conditions stand."""

    def __init__(self, origins: Iterable[tuple[Rule, str]], unordered: Unordered) -> None:
        self._unordered = unordered
        self._places: dict[Rule, list[str]] = {}
        for rule, pointer in origins:
            self._places.setdefault(rule, []).append(pointer)

    def of(self, rule: Rule, at: str) -> RulePart:
        """A rule that stands at a pointer; conditions that stand within it keep their own."""
        meaning = self._unordered.of(rule)
        if places := self._places.get(rule):
            within = (each for each in places if f"{each}/".startswith(f"{at}/"))
            return RulePart(rule, meaning, next(within, places[0]))
        if isinstance(rule, And | Or):
            return RulePart(rule, meaning, at, tuple(self.of(part, at) for part in rule.rules))
        return RulePart(rule, meaning, at)


class Differ:
    """Finds what two versions of a rule say otherwise, in the words of either side."""

    def __init__(self, speakers: WordingPair) -> None:
        self._speakers = speakers

    def between(self, before: Iterable[RulePart], after: Iterable[RulePart]) -> Iterator[TextPair]:
        """What differs, where all of the parts must hold; in the order of what is said now."""
        return self._apart(before, after, And)

    def _apart(
        self, before: Iterable[RulePart], after: Iterable[RulePart], kind: Connective
    ) -> Iterator[TextPair]:
        olds, news = list(before), list(after)
        lost, come = _without(olds, news, kind), _without(news, olds, kind)
        for old, new in _paired(lost, come):
            if old is not None and new is not None:
                yield from self._changed(old, new)
            else:
                say_before, say_after = self._speakers
                yield self._alone(old, say_before, kind), self._alone(new, say_after, kind)

    def _changed(self, old: RulePart, new: RulePart) -> Iterator[TextPair]:
        """Only what changed of combinations that have something in common; else both as a whole."""
        kinds: tuple[Connective, ...] = (Or, And)
        for kind in kinds:
            if _meanings([old], kind) & _meanings([new], kind):
                yield from self._apart([old], [new], kind)
                return
        before, after = distinguishing_texts(old.rule, new.rule, self._speakers)
        yield ClauseText(old.pointer, before), ClauseText(new.pointer, after)

    def _alone(self, part: RulePart | None, words: Wording, kind: Connective) -> ClauseText | None:
        """What only one side says; of alternatives, that it is one."""
        if part is None:
            return None
        return ClauseText(part.pointer, ("or " if kind is Or else "") + words.of(part.rule))


def _meanings(parts: Iterable[RulePart], kind: Connective) -> set[Rule]:
    return {part.meaning for whole in parts for part in whole.split(kind)}


def _without(
    parts: Iterable[RulePart], others: Iterable[RulePart], kind: Connective
) -> list[RulePart]:
    """What is left of some parts where others say the same; those of which all is left, whole."""
    said = _meanings(others, kind) | {TRUE if kind is And else FALSE}
    left: dict[Rule, RulePart] = {}
    for whole in parts:
        split = list(whole.split(kind))
        fresh = [part for part in split if part.meaning not in said]
        for part in [whole] if len(fresh) == len(split) else fresh:
            left.setdefault(part.meaning, part)
    return list(left.values())


def _paired(
    lost: Sequence[RulePart], come: Sequence[RulePart]
) -> Iterator[tuple[RulePart | None, RulePart | None]]:
    """Pairs those that are most alike; what has no counterpart is alone."""
    found = [
        (likeness, place_old, place_new)
        for place_old, old in enumerate(lost)
        for place_new, new in enumerate(come)
        if (likeness := _likeness(old, new)) > (0.0, 0.0)
    ]
    found.sort(key=lambda each: (-each[0][0], -each[0][1], each[1], each[2]))
    partner: dict[int, int] = {}
    paired: set[int] = set()
    for _, place_old, place_new in found:
        if place_old not in paired and place_new not in partner:
            partner[place_new] = place_old
            paired.add(place_old)
    for place, new in enumerate(come):
        yield lost[partner[place]] if place in partner else None, new
    for place, old in enumerate(lost):
        if place not in paired:
            yield old, None


def _likeness(old: RulePart, new: RulePart) -> tuple[float, float]:
    """How many things both speak of, and how many conditions they share, as fractions.

    What speaks of nothing (an attribute that is not mapped, say) is like what stands in its place.
    """
    leaves_old, leaves_new = set(predicates_of([old.meaning])), set(predicates_of([new.meaning]))
    if not (leaves_old and leaves_new):
        return float(old.pointer == new.pointer), 0.0
    topics = _shared(set(map(_topic, leaves_old)), set(map(_topic, leaves_new)))
    return topics, _shared(leaves_old, leaves_new)


def _topic(leaf: Predicate) -> Hashable:
    match leaf:
        case TookPart(_, scope):
            return TookPart, scope
        case InIds():
            return InIds
        case _:
            return leaf.attribute


def _shared(some: set[T], others: set[T]) -> float:
    return len(some & others) / len(some | others)
