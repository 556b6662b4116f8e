"""What the router says of one member: worked out of one inventory, whatever comes after it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from matcher.routing.disjuncts import Offer
from matcher.routing.inventory import Inventory, Layer, Rank
from matcher.routing.respondent import MemberRow, Respondent, RespondentReader
from matcher.rules import Truth
from matcher.surveys import Choice, First, Judgement, Survey, Verdict, judge, unanswered


@dataclass(frozen=True, slots=True)
class UncertainSurvey:
    """A survey that a member may be eligible for, and the unanswered attributes in between.

    `quota_ids`: the quotas he is given if he may go all the same.
    """

    survey: str
    ask: tuple[str, ...]
    quota_ids: tuple[str, ...]


class Routed:
    """What is to be said of one member, of the inventory as it was when the router was asked.

    `eligible`: the surveys he may be sent to, best first, each with the quotas he is given.
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

    @property
    def member_id(self) -> str:
        """The member's id, as text; blank where the row has none."""
        return self.respondent.id

    @property
    def respondent(self) -> Respondent:
        """The member, of whom more may be asked."""
        if self._respondent is None:
            self._respondent = Respondent(self._reader, self._member, self._keys)
        return self._respondent

    @property
    def uncertain(self) -> list[UncertainSurvey]:
        """The surveys he may be eligible for, best first; worked out each time it is asked."""
        return [
            UncertainSurvey(survey.name, unanswered(survey, self.respondent), judged.quota_ids)
            for survey, judged in self.uncertain_surveys(self._limit)
        ]

    def uncertain_surveys(self, limit: int | None) -> list[tuple[Survey, Judgement]]:
        """The surveys he may be eligible for, best first, as they were, each with its judgement."""
        near = self._inventory.near(partial(self._reader.locale, self._keys))
        doubtful = (islice(self._doubtful(layer), limit) for layer in near)
        found = heapq.merge(*doubtful, key=lambda pair: pair[0])
        return [doubt for _, doubt in islice(found, limit)]

    def _doubtful(self, layer: Layer) -> Iterator[tuple[Rank, tuple[Survey, Judgement]]]:
        segment = layer.segment
        last = -1
        for way in segment.possible(self._keys, self._reader, layer.live):
            number = segment.numbers[way]
            if number == last:
                continue
            last = number
            survey = _survey_of(layer, way)
            judged = judge(survey, self.respondent, self._choice, uncertain=True)
            if judged.verdict is Verdict.UNCERTAIN:
                yield layer.ranks[number], (survey, judged)

    def _eligible(self) -> list[Offer]:
        """The surveys he is eligible for, best first."""
        found: list[tuple[Rank, Offer]] = []
        near = self._inventory.near(partial(self._reader.locale, self._keys))
        for layer in near:
            segment = layer.segment
            judged: dict[int, Judgement] = {}
            holds = partial(self._holds, layer, judged) if segment.asking else None
            ways = segment.admitted(self._keys, self._reader, layer.live, holds, self._limit)
            if judged or self._choice.__class__ is not First:
                offers = [self._offer(layer, judged, way) for way in ways]
            else:
                offers = [segment.offers[way] for way in ways]
            if len(near) == 1:
                return offers
            ranks = [layer.ranks[segment.numbers[way]] for way in ways]
            found += zip(ranks, offers, strict=True)
        found.sort(key=lambda pair: pair[0])
        return [offer for _, offer in found[: self._limit]]

    def _holds(self, layer: Layer, judged: dict[int, Judgement], way: int) -> bool:
        """Whether all holds that a way asks for besides conditions."""
        rest = layer.segment.asking[way]
        if rest is not None:
            return all(self.respondent.truth(rule) is Truth.TRUE for rule in rest)
        return self._judge(layer, judged, way).verdict is Verdict.ELIGIBLE

    def _offer(self, layer: Layer, judged: dict[int, Judgement], way: int) -> Offer:
        offer = layer.segment.offers[way]
        if isinstance(self._choice, First) and way not in judged:
            return offer
        return Offer(offer.survey, self._judge(layer, judged, way).quota_ids)

    def _judge(self, layer: Layer, judged: dict[int, Judgement], way: int) -> Judgement:
        if way not in judged:
            judged[way] = judge(_survey_of(layer, way), self.respondent, self._choice)
        return judged[way]


def _survey_of(layer: Layer, way: int) -> Survey:
    survey = layer.survey(layer.segment.numbers[way])
    assert survey is not None, "a survey that was replaced has no way that is open"
    return survey
