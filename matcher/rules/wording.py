"""What a rule asks, in words: the marketplace's attribute ids and answers, the panel's beside.

A rule speaks in the panel's values; the mapping is read backwards to name what the marketplace
calls them. Long lists are shortened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias, assert_never

from matcher.rules.rule import (
    And,
    Answered,
    Const,
    InIds,
    InRanges,
    Not,
    OneOf,
    Or,
    Predicate,
    Rule,
    StartsWith,
    TookPart,
    Truth,
    Unusable,
)
from profiles.schema import INFINITY, OUTCOMES, AttributeMapping, MarketplaceMapping, Range

NAMED = 5
"""Of a longer list only the first values are named."""

_SHOWN = 3
_MEMBER = "the member"
_NOT_KNOWN = "something not mapped or not known here"
_PLURALS = {"category": "categories"}

Phrase: TypeAlias = tuple[str, str]
"""What is spoken of, and what is said of it."""


class Wording:
    """Puts rules in the words of one marketplace; without a mapping, in those of the panel."""

    def __init__(self, mapping: MarketplaceMapping | None = None) -> None:
        self._named: dict[str, list[tuple[str, AttributeMapping]]] = {}
        for attribute_id, mapped in mapping.attributes.items() if mapping else ():
            self._named.setdefault(mapped.attribute.name, []).append((attribute_id, mapped))

    def of(self, rule: Rule) -> str:
        """What a rule asks: `attribute 80 (age) is between 18 and 24`."""
        return " ".join(filter(None, self._phrase(rule, negated=False)))

    def values(self, leaf: Rule) -> list[str]:
        """Every value that a list names, or what was taken part in; none for other rules."""
        match leaf:
            case OneOf(attribute, values):
                return self._codes(attribute, values)[1]
            case InRanges(attribute, ranges):
                return self._named_ranges(attribute, ranges)[1]
            case StartsWith(_, texts) | TookPart(_, _, texts, _):
                return list(texts)
        return []

    def _phrase(self, rule: Rule, *, negated: bool) -> Phrase:
        match rule:
            case Not(inner):
                return self._phrase(inner, negated=not negated)
            case And(rules) | Or(rules):
                return self._joined(rules, isinstance(rule, And) is not negated, negated)
            case Const(truth):
                if truth is Truth.UNKNOWN:
                    return "", _NOT_KNOWN
                return "", "anyone" if (truth is Truth.TRUE) is not negated else "nobody"
            case _:
                return self._leaf(rule, negated)

    def _joined(self, rules: Sequence[Rule], all_: bool, negated: bool) -> Phrase:
        """Several rules of which all, or any, must hold; what all speak of is named once."""
        if not rules:
            return "", "anyone" if all_ else "nobody"
        phrases = [self._phrase(part, negated=negated) for part in rules]
        word = " and " if all_ else " or "
        subjects = {subject for subject, _ in phrases} - {""}
        if len(subjects) == 1:
            told = (said if subject else f"is {said}" for subject, said in phrases)
            return subjects.pop(), word.join(told)
        return "", word.join(" ".join(filter(None, phrase)) for phrase in phrases)

    def _leaf(self, leaf: Predicate, negated: bool) -> Phrase:
        not_ = "not " if negated else ""
        match leaf:
            case OneOf(attribute, values):
                subject, labels = self._codes(attribute, values)
                return subject, f"is {_one_of(labels, negated)}"
            case InRanges(attribute, ranges):
                return self._numbers(attribute, ranges, negated)
            case StartsWith(attribute, prefixes):
                return self._subject(attribute), f"begins with {_one_of(prefixes, negated)}"
            case Answered(attribute):
                return self._subject(attribute), f"is {not_}answered"
            case Unusable(attribute, _):
                told = "is a usable answer" if negated else "is no usable answer"
                return self._subject(attribute), told
            case InIds(_, name):
                return _MEMBER, f"is {not_}on the list `{name}`"
            case TookPart(_, scope, ids, outcomes):
                return _MEMBER, f"has {not_}taken part in {_parts(scope, ids, outcomes)}"
            case _:
                assert_never(leaf)

    def _subject(self, attribute: str, attribute_id: str | None = None) -> str:
        ids = [attribute_id] if attribute_id else [each for each, _ in self._of(attribute)]
        return f"attribute {' or '.join(ids)} ({attribute})" if ids else attribute

    def _of(self, attribute: str) -> list[tuple[str, AttributeMapping]]:
        return self._named.get(attribute, [])

    def _codes(self, attribute: str, values: Collection[str]) -> tuple[str, list[str]]:
        """What is spoken of, and its values as answers of the marketplace that names most."""
        wanted = set(values)
        named = [(id_, *_answers(mapped, wanted)) for id_, mapped in self._of(attribute)]
        if not named:
            return attribute, list(values)
        attribute_id, labels, covered = max(named, key=lambda each: len(each[2]))
        left = [value for value in values if value not in covered]
        return self._subject(attribute, attribute_id if covered else None), labels + left

    def _numbers(self, attribute: str, ranges: Collection[Range], negated: bool) -> Phrase:
        attribute_id, labels = self._named_ranges(attribute, ranges)
        if attribute_id is None and len(ranges) == 1:
            not_ = "not " if negated else ""
            return self._subject(attribute), f"is {not_}{_range_in_words(*next(iter(ranges)))}"
        return self._subject(attribute, attribute_id), f"is {_one_of(labels, negated)}"

    def _named_ranges(
        self, attribute: str, ranges: Collection[Range]
    ) -> tuple[str | None, list[str]]:
        """Ranges as answers of the first marketplace attribute that names them all, with its id."""
        wanted = set(ranges)
        for attribute_id, mapped in self._of(attribute):
            labels, covered = _answers(mapped, wanted)
            if ranges and covered == wanted:
                return attribute_id, labels
        return None, [spelt_range(*each) for each in ranges]


def why_unknown(leaf: Predicate | Const) -> str:
    """Why a leaf is unknown, where that is not for want of an answer; else blank."""
    match leaf:
        case InIds(_, name):
            return f"the list `{name}` has not been downloaded, or does not tell"
        case TookPart():
            return "no history is known"
        case Const():
            return "not mapped in the panel file, or not known here"
        case _:
            return ""


def _answers(
    mapped: AttributeMapping, wanted: set[str] | set[Range]
) -> tuple[list[str], set[str | Range]]:
    """The marketplace's answers that stand for wanted values alone, and the values they cover.

    An answer whose values a larger one covers is left out.
    """
    covered: set[str | Range] = set()
    labels: dict[str, str] = {}
    answers = mapped.answers or {}
    for code in sorted(answers, key=lambda code: -len(answers[code])):
        target = answers[code]
        if wanted.issuperset(target) and not covered.issuperset(target):
            covered.update(target)
            labels[code] = _label(code, target)
    return [labels[code] for code in answers if code in labels], covered


def _label(code: str, target: Iterable[str | Range]) -> str:
    stands_for = ", ".join(each if isinstance(each, str) else spelt_range(*each) for each in target)
    return code if stands_for == code else f"{code} ({stands_for})"


def _one_of(labels: Sequence[str], negated: bool) -> str:
    if len(labels) == 1:
        return f"not {labels[0]}" if negated else labels[0]
    word = "none of" if negated else "one of"
    return f"{word} {listed(labels)}"


def listed(labels: Sequence[str]) -> str:
    """`1, 2`; of many the number and the first: `1,000 values: 1, 2, 3, …`."""
    if len(labels) > NAMED:
        return f"{len(labels):,} values: {', '.join(labels[:_SHOWN])}, …"
    return ", ".join(labels) or "no values"


def _parts(scope: str, ids: Sequence[str], outcomes: Collection[str]) -> str:
    """`survey 7`, `one of 2 projects: 1, 2 (complete)`."""
    limited = "" if set(outcomes) >= set(OUTCOMES) else f" ({', '.join(outcomes)})"
    if len(ids) == 1:
        return f"{scope} {ids[0]}{limited}"
    shown = ", ".join(ids[:NAMED]) + (", …" if len(ids) > NAMED else "")
    return f"one of {len(ids):,} {_PLURALS.get(scope, scope + 's')}: {shown}{limited}"


def spelt_range(low: float, high: float) -> str:
    """A range as the panel file spells it: `18-24`, `65-`, `-17`, `25`."""
    if low == high:
        return f"{low:.15g}"
    ends = ("" if abs(end) == INFINITY else f"{end:.15g}" for end in (low, high))
    return "-".join(ends)


def _range_in_words(low: float, high: float) -> str:
    if low == high:
        return f"{low:.15g}"
    if high == INFINITY:
        return "any number" if low == -INFINITY else f"at least {low:.15g}"
    if low == -INFINITY:
        return f"at most {high:.15g}"
    return f"between {low:.15g} and {high:.15g}"
