"""One answer of every sort that rules can tell apart, so that trying these few is trying all.

Answers are an open world: there are values that no rule mentions, too.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from decimal import Decimal
from itertools import count, pairwise
from typing import assert_never

from matcher.rules import (
    Answered,
    InIds,
    InRanges,
    Member,
    OneOf,
    Predicate,
    StartsWith,
    TookPart,
    Truth,
    Unusable,
    evaluate,
)
from profiles.schema import (
    ANY_CHILD,
    Answers,
    Attribute,
    Kind,
    UnreadableError,
    as_text,
    is_negative_code,
    read_answers,
)

OLDEST = 130
_ANY_DAY = date(2000, 1, 1)


def holds_several(attribute: Attribute, several: Collection[str] = ()) -> bool:
    """Whether a member may give several answers; `several` names the numbers that are lists."""
    return attribute.kind in (Kind.MULTI, Kind.CHILDREN) or attribute.name in several


def can_represent(
    predicate: Predicate, attribute: Attribute, predicates: Iterable[Predicate]
) -> bool:
    """Whether the representatives of an attribute tell apart all that a predicate does.

    Prefixes of numbers and of children are not looked into, nor prefixes together with ranges;
    hardly any survey uses them.
    """
    if not isinstance(predicate, StartsWith):
        return True
    if attribute.numeric or attribute.kind is Kind.CHILDREN:
        return False
    return not any(isinstance(other, InRanges) for other in predicates)


def representatives(attribute: Attribute, predicates: Sequence[Predicate]) -> list[Answers]:
    """One answer of every sort that the predicates on an attribute tell apart.

    One child counts as one answer, of two codes.
    """
    match attribute.kind:
        case Kind.BIRTH_DATE:
            return [(float(age),) for age in _ages(_ends(predicates))]
        case Kind.NUMBER:
            return [(number,) for number in _numbers(_ends(predicates))]
        case Kind.CHILDREN:
            return _Sorts(attribute, predicates).distinct(_children(_mentioned(predicates)))
        case Kind.SINGLE | Kind.MULTI | Kind.TEXT:
            return _Sorts(attribute, predicates).distinct(_codes(attribute, predicates))
        case _:
            assert_never(attribute.kind)


class _Sorts:
    """Tells answers apart by the predicates that mention them, so that few need be evaluated."""

    def __init__(self, attribute: Attribute, predicates: Sequence[Predicate]) -> None:
        self._attribute = attribute
        self._mentions: defaultdict[str, int] = defaultdict(int)
        self._prefixes: defaultdict[str, int] = defaultdict(int)
        self._ranges: list[InRanges] = []
        for number, predicate in enumerate(predicates):
            match predicate:
                case OneOf(_, texts) | Unusable(_, texts):
                    for text in texts:
                        self._mentions[text] |= 1 << number
                case StartsWith(_, texts):
                    for text in texts:
                        self._prefixes[text] |= 1 << number
                case InRanges():
                    self._ranges.append(predicate)
                case Answered() | InIds() | TookPart():
                    pass
                case _:
                    assert_never(predicate)
        self._lengths = sorted({len(prefix) for prefix in self._prefixes})

    def distinct(self, answers: Iterable[tuple[str, ...]]) -> list[Answers]:
        """The first answer of every sort."""
        first: dict[object, Answers] = {}
        for answer in answers:
            first.setdefault(tuple(self._sort(text) for text in answer), answer)
        return list(first.values())

    def _sort(self, text: str) -> object:
        mentions = self._mentions.get(text, 0)
        for length in self._lengths:
            mentions |= self._prefixes.get(text[:length], 0)
        member = Member("", {self._attribute.name: (text,)})
        inside = tuple(evaluate(ranged, member) is Truth.TRUE for ranged in self._ranges)
        return mentions, is_negative_code(text), inside


def _mentioned(predicates: Iterable[Predicate]) -> set[str]:
    texts: set[str] = set()
    for predicate in predicates:
        if isinstance(predicate, OneOf):
            texts.update(predicate.values)
        elif isinstance(predicate, Unusable):
            texts.update(predicate.codes)
    return texts


def _ends(predicates: Iterable[Predicate]) -> list[float]:
    """The finite ends of all ranges, and 0, below which codes are negative."""
    ends = {0.0}
    for predicate in predicates:
        if isinstance(predicate, InRanges):
            ends.update(end for pair in predicate.ranges for end in pair if math.isfinite(end))
    return sorted(ends)


def _ages(ends: Iterable[float]) -> list[int]:
    """Whole ages: every end and the first age after it."""
    ages = {age for end in ends for age in (math.ceil(end), math.floor(end) + 1)}
    return sorted(age for age in {*ages, 0} if 0 <= age <= OLDEST)


def _numbers(ends: list[float]) -> list[float]:
    """Every end, a number between any two, and one beyond either side."""
    between = [low / 2 + high / 2 for low, high in pairwise(ends)]
    beyond = min(2 * max(abs(ends[0]), abs(ends[-1])) + 1, 1.7e308)
    return sorted({-beyond, *ends, *between, beyond})


def _codes(attribute: Attribute, predicates: Sequence[Predicate]) -> Iterable[tuple[str, ...]]:
    """Every value mentioned, one beyond every prefix, numbers in all ways, and an unknown value."""
    mentioned = _mentioned(predicates)
    starts = [predicate for predicate in predicates if isinstance(predicate, StartsWith)]
    prefixes = {prefix for predicate in starts for prefix in predicate.prefixes}
    mark = _unused(mentioned | prefixes)
    texts = [*sorted(mentioned), *(prefix + mark for prefix in sorted(prefixes)), mark]
    texts += [f"-{digit}{mark}" for digit in range(10)]
    if any(isinstance(predicate, InRanges) for predicate in predicates):
        for number in _numbers(_ends(predicates)):
            texts.append(_written(abs(number), "-" if number < 0 else "", mentioned))
        texts.append(_written(0.0, "-", mentioned))
    return ((text,) for text in texts if _can_hold(attribute, text))


def _can_hold(attribute: Attribute, text: str) -> bool:
    """Whether a member can hold a code, as panels are read: not a blank one, say."""
    raw = [text] if attribute.kind is Kind.MULTI else text
    try:
        return read_answers(attribute, raw, _ANY_DAY) == (text,)
    except UnreadableError:
        return False


def _unused(texts: Iterable[str]) -> str:
    """A character that is in none of the texts, and that is read as it is."""
    used = set("".join(texts))
    characters = map(chr, count(ord("~")))
    return next(mark for mark in characters if mark not in used and as_text(mark) == mark)


def _written(number: float, sign: str, mentioned: set[str]) -> str:
    """A number as a code that no rule mentions: leading zeros make another code of it."""
    digits = format(Decimal(number), "f")
    while sign + digits in mentioned:
        digits = "0" + digits
    return sign + digits


def _children(mentioned: set[str]) -> Iterable[tuple[str, ...]]:
    """A child of every gender and age mentioned, and of others."""
    parts = [text.partition(":") for text in mentioned]
    ages = {int(age) for _, _, age in parts if age.isascii() and age.isdigit() and len(age) < 4300}
    genders = {gender for gender, colon, _ in parts if colon and gender == gender.strip()}
    genders -= {ANY_CHILD}
    mark = _unused(genders)
    for gender in sorted(genders | {mark, f"-9{mark}"}):
        for age in sorted(ages | {max(ages, default=0) + 1}):
            yield f"{gender}:{age}", f"{ANY_CHILD}:{age}"
