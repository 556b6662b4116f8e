"""What a member may still have answered, attribute by attribute, as demands on rules restrict it.

Few answers stand for all: one of each sort that the rules can tell apart
(`matcher.linting.representatives`), and the reference evaluator gives each predicate's truth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias

from matcher.linting.representatives import can_represent, holds_several, representatives
from matcher.linting.witness import IdListName, Witness, history_of
from matcher.rules import (
    InIds,
    Member,
    OneOf,
    Predicate,
    Rule,
    StartsWith,
    TookPart,
    Truth,
    Unusable,
    evaluate,
    predicates_of,
)
from profiles.schema import Answers, Schema

DomainKey: TypeAlias = str | IdListName | TookPart
"""What is not decided yet: the answers to an attribute, whether the member is on a list of ids, or
took part."""


class Required(IntEnum):
    """The truth values that a rule may have, as bits: 1 false, 2 unknown, 4 true."""

    FALSE = 0b001
    NOT_TRUE = 0b011
    NOT_FALSE = 0b110
    TRUE = 0b100

    @property
    def opposite(self) -> Required:
        """What is required of a rule when this is required of its negation."""
        return _OPPOSITE[self]

    @property
    def high(self) -> bool:
        """Whether truth is required, rather than falsehood."""
        return self >= Required.TRUE

    def allows(self, truth: Truth) -> bool:
        """Whether a truth value is among those required."""
        return bool(self >> truth & 1)


_OPPOSITE: Final = {
    Required.FALSE: Required.TRUE,
    Required.TRUE: Required.FALSE,
    Required.NOT_FALSE: Required.NOT_TRUE,
    Required.NOT_TRUE: Required.NOT_FALSE,
}


class Domain(NamedTuple):
    """What one attribute may still be answered with.

    No answer; the empty list; or answers out of `allowed` (a bit each), at least one of them in
    every mask of `needed`.
    """

    absent: bool
    empty: bool
    allowed: int
    needed: frozenset[int] = frozenset()


class _Effect(NamedTuple):
    """The answers that meet a demand on one predicate; `needed` 0: no mask."""

    absent: bool
    empty: bool
    allowed: int
    needed: int


@dataclass(frozen=True, slots=True)
class _Variable:
    """All that one key may be, as members who differ in nothing else; `members` answer once.

    `texts`: all that their answers begin with, the whole answers among them.
    """

    members: tuple[Member, ...]
    absent: Member
    empty: Member
    several: bool
    start: Domain
    texts: frozenset[str] = frozenset()


class Domains:
    """The answers that members may give to the attributes of some rules.

    `several`: number attributes to which a member may give more than one answer. With more than
    `pairs` pairs of an answer and a predicate an attribute is not looked into.
    """

    def __init__(
        self, rules: Iterable[Rule], schema: Schema, several: Collection[str], pairs: int
    ) -> None:
        self._pairs = pairs
        self._schema = schema
        self._several = several
        self._predicates: defaultdict[DomainKey, list[Predicate]] = defaultdict(list)
        for predicate in predicates_of(rules):
            self._predicates[_key(predicate)].append(predicate)
        self._variables: dict[DomainKey, _Variable] = {}
        self._effects: dict[tuple[Predicate, Required], _Effect | None] = {}

    def restrict(
        self, domains: dict[DomainKey, Domain], predicate: Predicate, required: Required
    ) -> bool:
        """Take from domains what a demand on a predicate excludes; false where one is empty then.

        A key that is not in `domains` may still be anything. Where a predicate has no exact effect,
        nothing is taken.
        """
        effect = self._effect(predicate, required)
        if effect is None:
            return True
        key = _key(predicate)
        before = domains.get(key) or self._variable(key).start
        allowed = before.allowed & effect.allowed
        needed = before.needed
        if effect.needed and not any(mask & ~effect.needed == 0 for mask in needed):
            needed = needed | {effect.needed}
        if not allowed or any(not mask & allowed for mask in needed):
            allowed, needed = 0, frozenset()
        after = Domain(
            before.absent and effect.absent, before.empty and effect.empty, allowed, needed
        )
        if after != before:
            domains[key] = after
        return after.absent or after.empty or after.allowed != 0

    def witness(self, domains: Mapping[DomainKey, Domain]) -> Witness:
        """A member out of the domains, who has answered no more than they must."""
        answers: dict[str, Answers] = {
            name: (self._schema.attribute(name).fold(constant),)
            for name, constant in self._schema.constants.items()
        }
        lists: dict[IdListName, bool] = {}
        took: dict[bool, list[TookPart]] = {True: [], False: []}
        for key, domain in domains.items():
            if domain.absent:
                continue
            members = self._variable(key).members
            needed = () if domain.empty else domain.needed or (domain.allowed,)
            chosen = sorted({_lowest(mask & domain.allowed) for mask in needed})
            if isinstance(key, str):
                answers[key] = _joined(members[place].answers[key] for place in chosen)
            elif isinstance(key, TookPart):
                took[evaluate(key, members[chosen[0]]) is Truth.TRUE].append(key)
            else:
                lists[key] = members[chosen[0]].on_list(*key) is True
        return Witness(answers, lists, tuple(history_of(took[True], took[False])))

    def _effect(self, predicate: Predicate, required: Required) -> _Effect | None:
        if (predicate, required) not in self._effects:
            self._effects[predicate, required] = self._find_effect(predicate, required)
        return self._effects[predicate, required]

    def _find_effect(self, predicate: Predicate, required: Required) -> _Effect | None:
        key = _key(predicate)
        if isinstance(key, str):
            attribute = self._schema.attribute(key)
            if not can_represent(predicate, attribute, self._predicates[key]):
                return None
        variable = self._variable(key)
        if len(variable.members) * len(self._predicates[key]) > self._pairs:
            return None
        short = _shortened(predicate, variable.texts)
        allowed = sum(
            1 << number
            for number, member in enumerate(variable.members)
            if required.allows(evaluate(short, member))
        )
        absent = required.allows(evaluate(short, variable.absent))
        empty = required.allows(evaluate(short, variable.empty))
        # Of several answers, all must be such for `Unusable` to hold, and for others not to.
        every = isinstance(predicate, Unusable) is required.high
        if every or not variable.several:
            return _Effect(absent, empty, allowed, 0)
        return _Effect(absent, empty, variable.start.allowed if allowed else 0, allowed)

    def _variable(self, key: DomainKey) -> _Variable:
        variable = self._variables.get(key)
        if variable is None:
            match key:
                case str():
                    variable = self._attribute(key)
                case TookPart():
                    variable = _participation()
                case _:
                    variable = _id_list()
            self._variables[key] = variable
        return variable

    def _attribute(self, name: str) -> _Variable:
        attribute = self._schema.attribute(name)
        several = holds_several(attribute, self._several)
        constant = self._schema.constants.get(name)
        answers = (
            representatives(attribute, self._predicates[name])
            if constant is None
            else [(attribute.fold(constant),)]
        )
        return _Variable(
            tuple(Member("", {name: answer}) for answer in answers),
            Member("", {}),
            Member("", {name: ()}),
            several,
            Domain(constant is None, several, (1 << len(answers)) - 1),
            frozenset(
                text[:end]
                for answer in answers
                for text in answer
                if isinstance(text, str)
                for end in range(len(text) + 1)
            ),
        )


def _id_list() -> _Variable:
    on = Member("", {}, lambda *_: True)
    off = Member("", {}, lambda *_: False)
    unknown = Member("", {})
    return _Variable((on, off), unknown, unknown, False, Domain(True, False, 0b11))


def _participation() -> _Variable:
    took, never = (
        Member("", {}, took_part=lambda *_, holds=holds: holds) for holds in (True, False)
    )
    return _Variable((took, never), never, never, False, Domain(False, False, 0b11))


def _shortened(predicate: Predicate, texts: frozenset[str]) -> Predicate:
    """Without what none of the texts is or begins with, a predicate holds of the same of them."""
    match predicate:
        case OneOf(attribute, values):
            return OneOf(attribute, tuple(text for text in values if text in texts))
        case StartsWith(attribute, prefixes):
            return StartsWith(attribute, tuple(text for text in prefixes if text in texts))
    return predicate


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _joined(answers: Iterable[Answers]) -> Answers:
    return tuple(value for answer in answers for value in answer)  # type: ignore[return-value]


def _key(predicate: Predicate) -> DomainKey:
    match predicate:
        case InIds(marketplace, name):
            return marketplace, name
        case TookPart():
            return predicate
        case _:
            return predicate.attribute
