"""The answer for one member: worked out of one inventory, whatever comes after it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from matcher.routing.brief import brief, brief_ids
from matcher.routing.disjuncts import Offer
from matcher.routing.inventory import Inventory, Layer, Rank
from matcher.routing.respondent import MemberRow, Respondent, RespondentReader
from matcher.rules import Truth
from matcher.surveys import (
    Choice,
    First,
    Judgement,
    Survey,
    Verdict,
    further_seats,
    judge,
    unanswered,
)


@dataclass(frozen=True, slots=True)
class UncertainSurvey:
    """A survey that a member may be eligible for, and the unanswered attributes in `ask`.

    `quota_ids`: the quotas that the member is given if sent all the same.
    """

    survey: str
    ask: tuple[str, ...]
    quota_ids: tuple[str, ...]

    def __repr__(self) -> str:
        return f"UncertainSurvey({brief(self.survey)}, ask: {brief_ids(self.ask) or 'nothing'})"


class Routed:
    """The surveys for one member, of the inventory as it was when the member was matched.

    `eligible`: the surveys that the member may be sent to, best first, each with the quotas that
    the member is given. They are what there is to iterate over, and what `len` counts.
    """

    __slots__ = (
        *("_choice", "_inventory", "_keys", "_limit", "_member", "_reader", "_respondent"),
        *("eligible",),
    )

    def __init__(
        self,
        inventory: Inventory,
        reader: RespondentReader,
        member: MemberRow,
        context: MemberRow | None,
        choice: Choice,
        limit: int | None,
    ) -> None:
        self._inventory = inventory
        self._reader = reader
        self._member = member
        self._keys = reader.keys(member, context)
        self._choice = choice
        self._limit = limit
        self._respondent: Respondent | None = None
        self.eligible: list[Offer] = self._eligible()

    def __repr__(self) -> str:
        return f"Routed({brief(self.member_id)}, {len(self.eligible):,} eligible)"

    def __len__(self) -> int:
        return len(self.eligible)

    def __iter__(self) -> Iterator[Offer]:
        return iter(self.eligible)

    @property
    def member_id(self) -> str:
        """The member's id, as text; blank where the row has none."""
        return self.respondent.id

    @property
    def respondent(self) -> Respondent:
        """The member as the evaluator takes them."""
        if self._respondent is None:
            self._respondent = Respondent(self._reader, self._member, self._keys)
        return self._respondent

    @property
    def uncertain(self) -> list[UncertainSurvey]:
        """The surveys that they may be eligible for, best first; worked out on each access."""
        return [
            UncertainSurvey(survey.name, unanswered(survey, self.respondent), judged.quota_ids)
            for survey, judged in self.uncertain_surveys(self._limit)
        ]

    def uncertain_surveys(self, limit: int | None) -> list[tuple[Survey, Judgement]]:
        """The surveys that they may be eligible for, best first, each with its judgement."""
        near = self._inventory.near(partial(self._reader.locale, self._keys))
        uncertain = (islice(self._uncertain(layer), limit) for layer in near)
        found = heapq.merge(*uncertain, key=lambda pair: pair[0])
        return [survey for _, survey in islice(found, limit)]

    def _uncertain(self, layer: Layer) -> Iterator[tuple[Rank, tuple[Survey, Judgement]]]:
        segment = layer.segment
        last = -1
        for disjunct in segment.possible(self._keys, self._reader, layer.live):
            number = segment.numbers[disjunct]
            if number == last:
                continue
            last = number
            survey = _survey_of(layer, disjunct)
            judged = judge(survey, self.respondent, self._choice, uncertain=True)
            if judged.verdict is Verdict.UNCERTAIN:
                yield layer.ranks[number], (survey, judged)

    def _eligible(self) -> list[Offer]:
        """The surveys that they are eligible for, best first."""
        found: list[tuple[Rank, Offer]] = []
        near = self._inventory.near(partial(self._reader.locale, self._keys))
        for layer in near:
            segment = layer.segment
            judged: dict[int, Judgement] = {}
            holds = partial(self._holds, layer, judged) if segment.rest else None
            disjuncts = segment.admitted(self._keys, self._reader, layer.live, holds, self._limit)
            if judged or self._choice.__class__ is not First:
                offers = [self._offer(layer, judged, disjunct) for disjunct in disjuncts]
            else:
                offers = [segment.offers[disjunct] for disjunct in disjuncts]
            if len(near) == 1:
                return offers
            ranks = [layer.ranks[segment.numbers[disjunct]] for disjunct in disjuncts]
            found += zip(ranks, offers, strict=True)
        found.sort(key=lambda pair: pair[0])
        return [offer for _, offer in found[: self._limit]]

    def _holds(self, layer: Layer, judged: dict[int, Judgement], disjunct: int) -> bool:
        """Whether all that a disjunct requires besides conditions is true."""
        rest = layer.segment.rest[disjunct]
        if rest is not None:
            return all(self.respondent.truth(rule) is Truth.TRUE for rule in rest)
        return self._judge(layer, judged, disjunct).verdict is Verdict.ELIGIBLE

    def _offer(self, layer: Layer, judged: dict[int, Judgement], disjunct: int) -> Offer:
        offer = layer.segment.offers[disjunct]
        if isinstance(self._choice, First) and disjunct not in judged:
            return offer
        quota_ids = self._judge(layer, judged, disjunct).quota_ids
        if layer.segment.rest.get(disjunct, ()) is not None:
            return Offer(offer.survey, quota_ids)
        survey = _survey_of(layer, disjunct)
        return Offer(offer.survey, quota_ids, further_seats(survey, self.respondent, self._choice))

    def _judge(self, layer: Layer, judged: dict[int, Judgement], disjunct: int) -> Judgement:
        if disjunct not in judged:
            judged[disjunct] = judge(_survey_of(layer, disjunct), self.respondent, self._choice)
        return judged[disjunct]


def _survey_of(layer: Layer, disjunct: int) -> Survey:
    survey = layer.survey(layer.segment.numbers[disjunct])
    assert survey is not None, "a survey that was replaced has no open disjunct"
    return survey
