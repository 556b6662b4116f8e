"""Two rules in words that show how they differ."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator
from dataclasses import fields
from typing import NamedTuple

from matcher.rules import (
    NAMED,
    And,
    Const,
    InRanges,
    Not,
    OneOf,
    Or,
    Predicate,
    Rule,
    StartsWith,
    TookPart,
    Wording,
    listed,
    predicates_of,
)


class WordingPair(NamedTuple):
    """The words of either side."""

    before: Wording
    after: Wording


_PANEL = WordingPair(Wording(), Wording())


def distinguishing_texts(before: Rule, after: Rule, wordings: WordingPair) -> tuple[str, str]:
    """Two different rules in words that differ.

    Long lists show what was added and dropped; where the marketplace's words are the same, the
    panel's are added; and where these are the same too, every detail.
    """
    old, new = _in_words(before, after, wordings)
    if old == new:
        panel_old, panel_new = _in_words(before, after, _PANEL)
        old, new = f"{old} (in the panel: {panel_old})", f"{new} (in the panel: {panel_new})"
    if old == new:
        old, new = f"{old} ({_exactly(before)})", f"{new} ({_exactly(after)})"
    return old, new


def _in_words(before: Rule, after: Rule, wordings: WordingPair) -> tuple[str, str]:
    new = [wordings.after.of(after), *_list_changes(before, after, wordings)]
    return wordings.before.of(before), "; ".join(new)


def _list_changes(before: Rule, after: Rule, wordings: WordingPair) -> Iterator[str]:
    """`adds 5, 7`, `drops 3`: for lists too long to be named in full, one of each kind a side."""
    olds, news = _lists(before), _lists(after)
    for kind, new in news.items():
        if kind not in olds or len(olds[kind]) > 1 or len(new) > 1:
            continue
        old_values = wordings.before.values(olds[kind][0])
        new_values = wordings.after.values(new[0])
        if max(len(old_values), len(new_values)) > NAMED:
            yield from _one_list("adds", new_values, old_values)
            yield from _one_list("drops", old_values, new_values)


def _lists(rule: Rule) -> dict[Hashable, list[Predicate]]:
    """The lists in a rule, by what they are about."""
    found: dict[Hashable, list[Predicate]] = {}
    for predicate in predicates_of([rule]):
        match predicate:
            case OneOf(about) | StartsWith(about) | InRanges(about) | TookPart(_, about):
                found.setdefault((type(predicate), about), []).append(predicate)
    return found


def _one_list(verb: str, values: list[str], without: list[str]) -> Iterator[str]:
    left_out = set(without)
    if changed := [value for value in values if value not in left_out]:
        yield f"{verb} {listed(changed)}"


def _exactly(rule: Rule) -> str:
    """A rule in every detail, as JSON: `["unusable", "gender", ["refused"]]`."""
    return json.dumps(_spelt(rule), ensure_ascii=False)


def _spelt(rule: Rule) -> list[object]:
    match rule:
        case And(rules) | Or(rules):
            return [_name(rule), *map(_spelt, rules)]
        case Not(inner):
            return [_name(rule), _spelt(inner)]
        case Const(truth):
            return [truth.name.lower()]
        case _:
            return [_name(rule), *(getattr(rule, field.name) for field in fields(rule))]


def _name(rule: Rule) -> str:
    """`one of`, `took part`: what a kind of rule is called."""
    return re.sub(r"\B(?=[A-Z])", " ", type(rule).__name__).lower()
