"""The router: one member, the whole inventory as it is now, and the seats in it.

Readers take the inventory as it is when they ask, and never wait; whoever changes it makes the
next one beside it, and puts it in place in one step.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

from matcher.choice import Choice, First, How, make_choice
from matcher.evaluate import Judgement, Verdict, judge
from matcher.plan import Plan
from matcher.routing.inventory import Inventory, Layer, LayerMaker, Rank
from matcher.routing.notes import Notes
from matcher.routing.questions import Question, best_question
from matcher.routing.respondent import HistoryOf, Respondent, RespondentReader, Row
from matcher.routing.seats import Ledger, Reservation
from matcher.routing.segment import Key
from matcher.routing.snapshot import read_router, write_router
from matcher.routing.ways import Offer
from matcher.rule import Truth
from matcher.survey import Survey
from matcher.unanswered import unanswered
from profiles.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from matcher.explanation import Explanation
    from matcher.routing.updating import Applied, Updater

Worth: TypeAlias = Callable[[Survey], float | None]
"""What a survey is worth to whoever routes members to it; None: not known, which is least."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A survey that a member may be eligible for, and the unanswered attributes in between."""

    survey: str
    ask: tuple[str, ...]


class Routed:
    """What the router says of one member, of the inventory as it was when it was asked.

    `eligible`: the surveys he may be sent to, best first, each with the quotas he is given.
    """

    __slots__ = ("_limit", "_look", "eligible", "member_id")

    def __init__(self, look: _Look, limit: int | None) -> None:
        self._look = look
        self._limit = limit
        self.member_id = look.respondent.id
        self.eligible = look.eligible(limit)

    @property
    def uncertain(self) -> list[Doubt]:
        """The surveys he may be eligible for, best first; worked out each time it is asked."""
        respondent = self._look.respondent
        return [
            Doubt(survey.name, unanswered(survey, respondent))
            for survey in self._look.uncertain(self._limit)
        ]


class Router:
    """Routes one member at a time through an inventory that changes. For any number of threads.

    `choose` and `seed` say which quota of a group a member is given. `as_of` is the day on which
    ages count; None: today, whenever that is. `worth` orders the surveys (default: what they pay
    per expected minute); it is asked once for every survey, and again when its rules or its pay
    change. `history` gives what a member, by id, took part in. `clock` gives the time in seconds
    since 1970. Raises InputError for a plan that does not know the panel's mapping, or asks for
    history where none is given.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        choose: How | str | Choice = How.FIRST,
        seed: int = 0,
        as_of: date | None = None,
        worth: Worth | None = None,
        history: HistoryOf | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if plan.mapping is None:
            raise InputError("a router needs a plan that knows the panel's mapping")
        if plan.mapping.history and history is None:
            raise InputError("the panel names a history: a router needs `history`, too")
        self._choice = _choice(How(choose), seed) if isinstance(choose, str) else choose
        self._as_of = as_of
        self._worth = worth or _pay
        self._clock = clock
        self._lock = Lock()
        self._reader = RespondentReader(plan.mapping, as_of or date.today(), history)
        self._midnight = _midnight(self._reader.as_of)
        self._ledger = Ledger()
        self._notes = Notes()
        self._updater: Updater | None = None
        self._maker = LayerMaker(self._reader.place)
        ranked = [(self._rank(survey, n), survey) for n, survey in enumerate(plan.surveys)]
        self._arrived = len(ranked)
        self._inventory = Inventory((self._maker.layer(ranked),))

    def match(self, member: Row, context: Row | None = None, *, limit: int | None = None) -> Routed:
        """The surveys that a member may be sent to, best first.

        `member` is a row of the panel: values by column. `context` holds what only the session
        knows, by attribute (device, country, language); it goes before the member's own and the
        panel's constants. `limit` is the most surveys of each list. Raises InputError where a
        value does not fit its attribute.
        """
        return Routed(self._look(member, context), limit)

    def next_question(self, member: Row, context: Row | None = None) -> Question | None:
        """The attribute whose answer may open most value to a member; None: nothing is to ask."""
        look = self._look(member, context)
        return best_question(look.uncertain(None), look.respondent)

    def explain(
        self, member: Row, survey: str, context: Row | None = None, *, uncertain: bool = False
    ) -> Explanation:
        """Why a member may or may not take a survey, clause by clause.

        With `uncertain` a member who only may be eligible is given quotas, too. Raises InputError
        where there is no survey of that name.
        """
        # Imported here so that a router starts, and routes, without what reads payloads.
        from matcher.explain import explain

        look = self._look(member, context)
        found = look.inventory.survey(survey)
        if found is None:
            hint = did_you_mean(survey, [each.name for each in self.surveys])
            raise InputError(f"no survey `{survey}`" + (f"; {hint}" if hint else ""))
        mapping = look.reader.mapping
        return explain(found, look.respondent, mapping, self._choice, uncertain=uncertain)

    def to_bytes(self) -> bytes:
        """The inventory, its seats and sessions as bytes, for `Router.from_bytes`."""
        with self._lock:
            told = tuple(map(self._ledger.as_told, self._inventory.surveys()))
            return write_router(Plan(told, self._reader.mapping), self._ledger, self._notes)

    @classmethod
    def from_bytes(cls, data: bytes, **options: Any) -> Router:
        """The router that `to_bytes` wrote; `options` are those of `Router`.

        Raises InputError for anything else.
        """
        plan, ledger, notes = read_router(data)
        router = cls(plan, **options)
        router._ledger, router._notes = ledger, notes
        router._settle(list(ledger.counts))
        return router

    @property
    def surveys(self) -> tuple[Survey, ...]:
        """The surveys as they are now, with the seats now left, in the order they came."""
        return self._inventory.surveys()

    def apply(
        self,
        changes: object,
        *,
        marketplace: str | None = None,
        refresh: Collection[str] = (),
        at: float | None = None,
    ) -> Applied:
        """Take in a batch of changes, all of it in one step.

        `changes`: one, or a list, of what marketplaces send: Dynata opportunities, Toluna GetQuotas
        answers and quota notifications, RFG projects; and changes of seats (`{"survey":
        "dynata:13231", "quota_ids": ["…"], "remaining": 5}`). JSON text, or what it holds.
        `marketplace` overrides recognition by shape. `refresh` names marketplaces of which the
        batch is the whole inventory: their other surveys are closed. `at`, in seconds since 1970,
        is when the batch was so, as far as it does not say itself (default: now). What is malformed
        is set aside. Raises InputError where there is no such marketplace.
        """
        with self._lock:
            self._release_expired()
            if self._updater is None:
                # Imported here so that a router starts, and routes, without what reads payloads.
                from matcher.routing.updating import Updater

                self._updater = Updater(self._reader.mapping, self._inventory)
            read = self._updater.read(changes, marketplace)
            now = self._clock() if at is None else at
            told, applied = self._updater.update(
                read, refresh, self._inventory, self._ledger, self._notes, now
            )
            for survey in told.values():
                self._ledger.told(survey)
            left = {name: self._ledger.as_left(survey) for name, survey in told.items()}
            self._inventory = self._inventory.changed(left, self._next_rank, self._maker)
            return applied

    def reserve(
        self, member_id: str, survey: str, quota_ids: Sequence[str], ttl: float
    ) -> Reservation | None:
        """Hold a seat for a session in every quota that the member was given, for `ttl` seconds.

        None where one of them is no longer open, or he has completed the survey here. A member
        who holds these seats already holds them longer; other seats of the survey are given back.
        """
        if not ttl > 0:
            raise InputError(f"seats are held for more than {ttl} seconds")
        with self._lock:
            self._release_expired()
            ledger = self._ledger
            expires = self._clock() + ttl
            mine = ledger.held_by(member_id, survey)
            if mine is not None and mine.completed:
                return None
            if mine is not None and mine.reservation.quota_ids == tuple(quota_ids):
                return ledger.prolong(mine, expires)
            now = self._inventory.survey(survey)
            if now is None:
                return None
            reservation = ledger.hold(now, member_id, quota_ids, expires)
            if reservation is not None:
                if mine is not None:
                    ledger.give_back(mine.reservation.id, completed=False)
                self._settle([survey])
            return reservation

    def complete(self, reservation_id: str) -> bool:
        """Use up the seats of a session; False where it holds none (any more)."""
        with self._lock:
            self._release_expired()
            session = self._ledger.complete(reservation_id)
            return session is not None

    def release(self, reservation_id: str) -> bool:
        """Give back the seats that a session holds; False where it holds none (any more)."""
        return self._give_back(reservation_id, completed=False)

    def reverse(self, reservation_id: str) -> bool:
        """Give back the seats of a session that was completed; False where it was not."""
        return self._give_back(reservation_id, completed=True)

    def _give_back(self, reservation_id: str, *, completed: bool) -> bool:
        with self._lock:
            self._release_expired()
            session = self._ledger.give_back(reservation_id, completed=completed)
            if session is not None:
                self._settle([session.reservation.survey])
            return session is not None

    def _release_expired(self) -> None:
        """Give back the seats of sessions that were not settled in time; the lock is held."""
        surveys = []
        for id_ in self._ledger.expired(self._clock()):
            session = self._ledger.give_back(id_, completed=False)
            assert session is not None, "an expired session holds seats"
            surveys.append(session.reservation.survey)
        if surveys:
            self._settle(surveys)

    def _settle(self, names: Sequence[str]) -> None:
        """Show the seats now left in some surveys; the lock is held."""
        changed: dict[int, dict[int, Survey | None]] = {}
        for name in names:
            found = self._inventory.find(name)
            survey = self._inventory.survey(name)
            if found is not None and survey is not None:
                changed.setdefault(found[0], {})[found[1]] = self._ledger.as_left(survey)
        layers = list(self._inventory.layers)
        for place, surveys in changed.items():
            layers[place] = layers[place].changed(surveys)
        self._inventory = Inventory(tuple(layers))

    def _look(self, member: Row, context: Row | None) -> _Look:
        """What is to be known for one question."""
        if self._clock() >= min(self._ledger.next_expiry, self._midnight):
            self._catch_up()
        reader, inventory = self._reader, self._inventory
        keys = reader.keys(member, context)
        return _Look(inventory, reader, keys, reader.respondent(member, keys), self._choice)

    def _catch_up(self) -> None:
        """Do what time alone makes due, unless another thread is changing something."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._release_expired()
            if self._as_of is None and self._clock() >= self._midnight:
                old = self._reader
                self._reader = RespondentReader(old.mapping, date.today(), old.history)
                self._midnight = _midnight(self._reader.as_of)
        finally:
            self._lock.release()

    def _next_rank(self, survey: Survey) -> Rank:
        """The rank of a survey that comes now."""
        self._arrived += 1
        return self._rank(survey, self._arrived)

    def _rank(self, survey: Survey, number: int) -> Rank:
        worth = self._worth(survey)
        return worth is None, -(worth or 0.0), number


@dataclass(frozen=True, slots=True)
class _Look:
    """One member before one inventory."""

    inventory: Inventory
    reader: RespondentReader
    keys: list[Key]
    respondent: Respondent
    choice: Choice

    def eligible(self, limit: int | None) -> list[Offer]:
        """The surveys he is eligible for, best first."""
        found: list[tuple[Rank, Offer]] = []
        for layer in self.inventory.layers:
            judged: dict[int, Judgement] = {}
            holds = partial(self._holds, layer, judged)
            ways = layer.segment.admitted(self.keys, self.reader, layer.live, holds, limit)
            if len(self.inventory.layers) == 1:
                return [self._offer(layer, judged, way) for way in ways]
            found += [
                (layer.ranks[layer.segment.numbers[way]], self._offer(layer, judged, way))
                for way in ways
            ]
        found.sort(key=lambda pair: pair[0])
        return [offer for _, offer in found[:limit]]

    def uncertain(self, limit: int | None) -> list[Survey]:
        """The surveys he may be eligible for, best first."""
        layers = (islice(self._uncertain(layer), limit) for layer in self.inventory.layers)
        found = heapq.merge(*layers, key=lambda pair: pair[0])
        return [survey for _, survey in islice(found, limit)]

    def _uncertain(self, layer: Layer) -> Iterator[tuple[Rank, Survey]]:
        segment = layer.segment
        last = -1
        for way in segment.possible(self.keys, self.reader, layer.live):
            number = segment.numbers[way]
            if number == last:
                continue
            last = number
            survey = layer.survey(number)
            assert survey is not None, "a survey that was replaced has no way that is open"
            if judge(survey, self.respondent).verdict is Verdict.UNCERTAIN:
                yield layer.ranks[number], survey

    def _holds(self, layer: Layer, judged: dict[int, Judgement], way: int) -> bool:
        """Whether all holds that a way asks for besides conditions."""
        rest = layer.segment.asking[way]
        if rest is not None:
            return all(self.respondent.truth(rule) is Truth.TRUE for rule in rest)
        return self._judge(layer, judged, way).verdict is Verdict.ELIGIBLE

    def _offer(self, layer: Layer, judged: dict[int, Judgement], way: int) -> Offer:
        segment = layer.segment
        if isinstance(self.choice, First) and segment.asking.get(way, ()) is not None:
            return segment.offers[way]
        return Offer(segment.offers[way].survey, self._judge(layer, judged, way).quota_ids)

    def _judge(self, layer: Layer, judged: dict[int, Judgement], way: int) -> Judgement:
        if way not in judged:
            survey = layer.survey(layer.segment.numbers[way])
            assert survey is not None, "a survey that was replaced has no way that is open"
            judged[way] = judge(survey, self.respondent, self.choice)
        return judged[way]


def _pay(survey: Survey) -> float | None:
    return survey.pay


def _choice(how: How, seed: int) -> Choice:
    if how is How.SCARCEST:
        raise InputError("a router cannot choose the scarcest quota: it does not count the panel")
    return make_choice(how, seed)


def _midnight(day: date) -> float:
    """When the next day begins, in seconds since 1970."""
    return time.mktime((day.year, day.month, day.day + 1, 0, 0, 0, 0, 0, -1))
