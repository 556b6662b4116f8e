"""What a member sought may still have answered, attribute by attribute, as demands narrow it.

Answers are represented by few: one of each sort that the rules can tell apart
(`matcher.linting.representatives`), and what a leaf makes of each is asked of the reference
evaluator.
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
"""What is open: the answers to an attribute, whether the member is on a list of ids, or took part.
"""


MOST_TRIED = 300_000
"""With more pairs of an answer and a leaf than that, an attribute's leaves are not looked into."""


class Required(IntEnum):
    """The truth values asked of a rule, as bits: 1 false, 2 unknown, 4 true."""

    FALSE = 0b001
    NOT_TRUE = 0b011
    NOT_FALSE = 0b110
    TRUE = 0b100

    @property
    def opposite(self) -> Required:
        """What is asked of a rule when this is asked of its negation."""
        return _OPPOSITE[self]

    @property
    def high(self) -> bool:
        """Whether truth is asked for, rather than falsehood."""
        return self >= Required.TRUE

    def allows(self, truth: Truth) -> bool:
        """Whether a truth value is among those asked for."""
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
    """What a demand on one leaf leaves of its attribute's answers; `needed` 0: no mask."""

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
    """The answers that members may give to what some rules ask.

    `several`: number attributes to which a member may give more than one answer.
    """

    def __init__(self, rules: Iterable[Rule], schema: Schema, several: Collection[str]) -> None:
        self._schema = schema
        self._several = several
        self._leaves: defaultdict[DomainKey, list[Predicate]] = defaultdict(list)
        for leaf in predicates_of(rules):
            self._leaves[_key(leaf)].append(leaf)
        self._variables: dict[DomainKey, _Variable] = {}
        self._effects: dict[tuple[Predicate, Required], _Effect | None] = {}

    def restrict(self, left: dict[DomainKey, Domain], leaf: Predicate, wanted: Required) -> bool:
        """Take from what is left what a demand on a leaf excludes; false where nothing is left.

        A key that is not in `left` may still be anything. Where a leaf has no exact effect,
        nothing is taken.
        """
        effect = self._effect(leaf, wanted)
        if effect is None:
            return True
        key = _key(leaf)
        before = left.get(key) or self._variable(key).start
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
            left[key] = after
        return after.absent or after.empty or after.allowed != 0

    def witness(self, left: Mapping[DomainKey, Domain]) -> Witness:
        """A member out of what is left; he answers no more than he must."""
        answers: dict[str, Answers] = {
            name: (self._schema.attribute(name).fold(constant),)
            for name, constant in self._schema.constants.items()
        }
        lists: dict[IdListName, bool] = {}
        took: dict[bool, list[TookPart]] = {True: [], False: []}
        for key, each in left.items():
            if each.absent:
                continue
            members = self._variable(key).members
            needed = () if each.empty else each.needed or (each.allowed,)
            chosen = sorted({_lowest(mask & each.allowed) for mask in needed})
            if isinstance(key, str):
                answers[key] = _joined(members[place].answers[key] for place in chosen)
            elif isinstance(key, TookPart):
                took[evaluate(key, members[chosen[0]]) is Truth.TRUE].append(key)
            else:
                lists[key] = members[chosen[0]].on_list(*key) is True
        return Witness(answers, lists, tuple(history_of(took[True], took[False])))

    def _effect(self, leaf: Predicate, wanted: Required) -> _Effect | None:
        if (leaf, wanted) not in self._effects:
            self._effects[leaf, wanted] = self._find_effect(leaf, wanted)
        return self._effects[leaf, wanted]

    def _find_effect(self, leaf: Predicate, wanted: Required) -> _Effect | None:
        key = _key(leaf)
        if isinstance(key, str):
            attribute = self._schema.attribute(key)
            if not can_represent(leaf, attribute, self._leaves[key]):
                return None
        variable = self._variable(key)
        if len(variable.members) * len(self._leaves[key]) > MOST_TRIED:
            return None
        short = _shortened(leaf, variable.texts)
        fits = sum(
            1 << number
            for number, member in enumerate(variable.members)
            if wanted.allows(evaluate(short, member))
        )
        absent = wanted.allows(evaluate(short, variable.absent))
        empty = wanted.allows(evaluate(short, variable.empty))
        # Of several answers, all must be such for `Unusable` to hold, and for others not to.
        every = isinstance(leaf, Unusable) is wanted.high
        if every or not variable.several:
            return _Effect(absent, empty, fits, 0)
        return _Effect(absent, empty, variable.start.allowed if fits else 0, fits)

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
            representatives(attribute, self._leaves[name])
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


def _shortened(leaf: Predicate, texts: frozenset[str]) -> Predicate:
    """Without what none of the texts is or begins with, a leaf holds of the same of them."""
    match leaf:
        case OneOf(attribute, values):
            return OneOf(attribute, tuple(text for text in values if text in texts))
        case StartsWith(attribute, prefixes):
            return StartsWith(attribute, tuple(text for text in prefixes if text in texts))
    return leaf


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _joined(answers: Iterable[Answers]) -> Answers:
    return tuple(value for answer in answers for value in answer)  # type: ignore[return-value]


def _key(leaf: Predicate) -> DomainKey:
    match leaf:
        case InIds(marketplace, name):
            return marketplace, name
        case TookPart():
            return leaf
        case _:
            return leaf.attribute
