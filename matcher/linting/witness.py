"""A member made up to meet demands on rules: proof that there could be one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice, product
from typing import TypeAlias

from matcher.rules import Member, TookPart
from profiles.schema import Answers, Participation, took_part_in

IdListName: TypeAlias = tuple[str, str]
"""A marketplace, and the name of one of its lists of ids."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A member who meets demands: answers by attribute, membership of lists of ids, history.

    An attribute left out has no answer; membership of a list left out is not known.
    """

    answers: Mapping[str, Answers]
    lists: Mapping[IdListName, bool]
    history: tuple[Participation, ...] = ()

    def member(self) -> Member:
        """The witness as the evaluator takes it."""
        took_part = partial(took_part_in, self.history)
        return Member("", self.answers, lambda *name: self.lists.get(name), took_part)


def history_of(took: Collection[TookPart], never: Collection[TookPart]) -> Iterator[Participation]:
    """For each predicate that must hold a participation that makes no other hold that must not.

    A predicate for which there is none goes without; so where predicates are about the same ids, a
    witness who may exist is not found.
    """
    for predicate in took:
        pairs = product(predicate.ids, predicate.outcomes)
        rows = (_participation(predicate, id_, outcome) for id_, outcome in pairs)
        yield from islice((row for row in rows if not _holds_any(row, never)), 1)


def _holds_any(row: Participation, predicates: Collection[TookPart]) -> bool:
    return any(
        took_part_in([row], other.marketplace, other.scope, other.ids, other.outcomes)
        for other in predicates
    )


def _participation(predicate: TookPart, id_: str, outcome: str) -> Participation:
    one = partial(Participation, "", predicate.marketplace, outcome)
    match predicate.scope:
        case "survey":
            return one(survey_id=id_)
        case "wave":
            survey_id, _, wave_id = id_.rpartition("/")
            return one(survey_id=survey_id, wave_id=wave_id)
        case "project":
            return one(project_id=id_)
        case _:
            return one(category_ids=(id_,))
