"""A member made up to meet demands on rules: proof that there could be one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeAlias

from matcher.rules import Member, TookPart
from profiles.schema import Answers, Participation, took_part_in

IdListName: TypeAlias = tuple[str, str]
"""A marketplace, and the name of one of its lists of ids."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A member who meets demands: answers by attribute, lists that he is on or not, history.

    An attribute left out has no answer; of a list left out it is not known.
    """

    answers: Mapping[str, Answers]
    lists: Mapping[IdListName, bool]
    history: tuple[Participation, ...] = ()

    def member(self) -> Member:
        """The witness as the evaluator takes it."""
        took_part = partial(took_part_in, self.history)
        return Member("", self.answers, lambda *name: self.lists.get(name), took_part)


def history_of(took: Collection[TookPart], never: Collection[TookPart]) -> Iterator[Participation]:
    """For each leaf that is to hold one participation, such that none holds that must not.

    Where there is none, the leaf goes without; so one witness is not found who may exist, where
    leaves are about the same ids.
    """
    for leaf in took:
        rows = (_participation(leaf, id_, outcome) for id_ in leaf.ids for outcome in leaf.outcomes)
        yield from islice((row for row in rows if not _holds_any(row, never)), 1)


def _holds_any(row: Participation, leaves: Collection[TookPart]) -> bool:
    return any(
        took_part_in([row], each.marketplace, each.scope, each.ids, each.outcomes)
        for each in leaves
    )


def _participation(leaf: TookPart, id_: str, outcome: str) -> Participation:
    one = partial(Participation, "", leaf.marketplace, outcome)
    match leaf.scope:
        case "survey":
            return one(survey_id=id_)
        case "wave":
            survey_id, _, wave_id = id_.rpartition("/")
            return one(survey_id=survey_id, wave_id=wave_id)
        case "project":
            return one(project_id=id_)
        case _:
            return one(category_ids=(id_,))
