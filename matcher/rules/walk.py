"""The predicates in rules, and the attributes that they ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from matcher.rules.rule import And, Const, InIds, Not, Or, Predicate, Rule, TookPart


def predicates_of(rules: Iterable[Rule]) -> Iterator[Predicate]:
    """The distinct predicates in rules, from left to right."""
    seen: set[Rule] = set()
    stack = list(rules)[::-1]
    while stack:
        rule = stack.pop()
        if rule in seen:
            continue
        seen.add(rule)
        match rule:
            case And(parts) | Or(parts):
                stack.extend(reversed(parts))
            case Not(inner):
                stack.append(inner)
            case Const():
                pass
            case _:
                yield rule


def attributes_of(rules: Iterable[Rule]) -> dict[str, None]:
    """The distinct attributes that rules ask for, from left to right."""
    return dict.fromkeys(
        predicate.attribute
        for predicate in predicates_of(rules)
        if not isinstance(predicate, InIds | TookPart)
    )
