"""The reference evaluator: what every rule means, for one member, in plain Python.

Everything faster is measured against this module and must agree with it, member by member. It
may be slow; it may not be clever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Protocol, assert_never

from matcher.rules.rule import (
    And,
    Answered,
    Const,
    InIds,
    InRanges,
    Not,
    OneOf,
    Or,
    Rule,
    StartsWith,
    TookPart,
    Truth,
    Unusable,
)
from profiles.schema import (
    Answers,
    IdListReader,
    PanelMapping,
    Participation,
    is_negative_code,
    number_in,
    read_row,
    took_part_in,
)


class MemberView(Protocol):
    """What is known of one member, as `Member` has it."""

    @property
    def id(self) -> str:
        """The member's id, as text."""

    @property
    def answers(self) -> Mapping[str, Answers]:
        """Answers by attribute; absent where none is given."""

    def on_list(self, marketplace: str, name: str, /) -> bool | None:
        """Whether he is on a list of ids; None: not known."""

    def took_part(
        self, marketplace: str, scope: str, ids: tuple[str, ...], outcomes: tuple[str, ...], /
    ) -> bool | None:
        """Whether he took part so; None: not known."""

    def truth(self, rule: Rule, /) -> Truth:
        """The truth of a rule for him."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member: answers by attribute (absent: none given), lists of ids, participation.

    `on_list` takes a marketplace and a list's name; None: the list has not been downloaded, or
    the marketplace's id of the member is not known. `took_part` takes the fields of a `TookPart`;
    None: no history is known.
    """

    id: str
    answers: Mapping[str, Answers]
    on_list: Callable[[str, str], bool | None] = field(default=lambda _marketplace, _name: None)
    took_part: Callable[[str, str, tuple[str, ...], tuple[str, ...]], bool | None] = field(
        default=lambda _marketplace, _scope, _ids, _outcomes: None
    )

    def truth(self, rule: Rule) -> Truth:
        """The truth of a rule for him."""
        return evaluate(rule, self)


def read_member(
    mapping: PanelMapping,
    row: Mapping[str, object],
    as_of: date,
    history: Iterable[Participation] | None = None,
    read_ids: IdListReader | None = None,
) -> Member:
    """A member from panel columns; raises UnreadableError where a value does not fit its type.

    `history`: what all members took part in; None: not known. `read_ids` reads lists of ids (as
    `matcher.marketplaces.read_id_list` does); None: who is on them is not known.
    """
    member_id = str(row[mapping.schema.member_id])

    def on_list(marketplace: str, name: str) -> bool | None:
        if read_ids is None:
            return None
        return mapping.is_listed(row, member_id, marketplace, name, as_of, read_ids)

    answers = read_row(mapping.schema, row, as_of)
    if history is None:
        return Member(member_id, answers, on_list)
    taken = [each for each in history if each.member_id == member_id.strip()]
    return Member(member_id, answers, on_list, partial(took_part_in, taken))


def evaluate(rule: Rule, member: MemberView) -> Truth:
    """The truth of a rule for a member."""
    match rule:
        case Const(truth):
            return truth
        case And(rules):
            return min((evaluate(part, member) for part in rules), default=Truth.TRUE)
        case Or(rules):
            return max((evaluate(part, member) for part in rules), default=Truth.FALSE)
        case Not(inner):
            return Truth(Truth.TRUE - evaluate(inner, member))
        case Answered(attribute):
            return truth_of(attribute in member.answers)
        case Unusable(attribute, codes):
            answers = member.answers.get(attribute, ())
            return truth_of(
                len(answers) > 0
                and all(is_negative_code(answer) or answer in codes for answer in answers)
            )
        case InIds(marketplace, name):
            listed = member.on_list(marketplace, name)
            return Truth.UNKNOWN if listed is None else truth_of(listed)
        case TookPart(marketplace, scope, ids, outcomes):
            took_part = member.took_part(marketplace, scope, ids, outcomes)
            return Truth.UNKNOWN if took_part is None else truth_of(took_part)
        case OneOf(attribute, values):
            return _any_answer(member, attribute, lambda answer: answer in values)
        case StartsWith(attribute, prefixes):
            return _any_answer(member, attribute, lambda answer: str(answer).startswith(prefixes))
        case InRanges(attribute, ranges):
            return _any_answer(member, attribute, lambda answer: _in_ranges(answer, ranges))
        case _:
            assert_never(rule)


def truth_of(holds: bool) -> Truth:
    """True or false, never unknown."""
    return Truth.TRUE if holds else Truth.FALSE


def _any_answer(member: MemberView, attribute: str, holds: Callable[[str | float], bool]) -> Truth:
    answers = member.answers.get(attribute)
    return Truth.UNKNOWN if answers is None else truth_of(any(holds(answer) for answer in answers))


def _in_ranges(answer: str | float, ranges: Iterable[tuple[float, float]]) -> bool:
    number = answer if isinstance(answer, float) else number_in(answer)
    return number is not None and any(low <= number <= high for low, high in ranges)
