"""The router: one member, the whole inventory as it is now, and the seats in it.

Readers take the inventory as it is when they ask, and never wait; whoever changes it makes the
next one beside it, and puts it in place in one step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import date
from math import inf, isfinite
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

from matcher.plan import Plan
from matcher.routing.answer import Routed
from matcher.routing.inventory import Inventory, LayerMaker, Rank
from matcher.routing.next_question import Question, best_question
from matcher.routing.overlay import Overlay
from matcher.routing.respondent import HistoryOf, MemberRow, RespondentReader
from matcher.routing.seats import Ledger, Reservation, with_seats_left
from matcher.routing.snapshot import read_router, write_router
from matcher.support import no_garbage_collection
from matcher.surveys import Choice, ChoiceStrategy, Survey, make_choice
from profiles.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from matcher.explanation import Explanation
    from matcher.routing.apply import Applied, UpdatedInventory, Updater

Worth: TypeAlias = Callable[[Survey], float | None]
"""What a survey is worth to whoever routes members to it; None: not known, which is least."""


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
        choose: ChoiceStrategy | str | Choice = ChoiceStrategy.FIRST,
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
        self._choice = _choice(ChoiceStrategy(choose), seed) if isinstance(choose, str) else choose
        self._worth = worth or _pay
        self._clock = clock
        self._applying = Lock()
        self._lock = Lock()
        self._reader = RespondentReader(plan.mapping, as_of or self._today(), history)
        self._midnight = _midnight(self._reader.as_of) if as_of is None else inf
        self._ledger = Ledger()
        self._notes: dict[str, Overlay] = {}
        self._set_due()
        self._updater: Updater | None = None
        self._maker = LayerMaker(self._reader.place)
        with no_garbage_collection():
            self._arrived = 0
            surveys = {survey.name: survey for survey in plan.surveys}
            self._inventory = Inventory(()).changed(surveys, self._next_rank, self._maker)

    def match(
        self, member: MemberRow, context: MemberRow | None = None, *, limit: int | None = None
    ) -> Routed:
        """The surveys that a member may be sent to, best first.

        `member` is a row of the panel: values by column. `context` holds what only the session
        knows, by attribute (device, country, language); it goes before the member's own and the
        panel's constants. `limit` is the most surveys of each list. Raises InputError where a
        value does not fit its attribute.
        """
        self._catch_up()
        return Routed(self._inventory, self._reader, member, context, self._choice, limit)

    def next_question(self, member: MemberRow, context: MemberRow | None = None) -> Question | None:
        """The attribute whose answer may open most value to a member; None: nothing is to ask."""
        routed = self.match(member, context, limit=0)
        surveys = (survey for survey, _ in routed.uncertain_surveys(None))
        return best_question(surveys, routed.respondent)

    def explain(
        self,
        member: MemberRow,
        survey: str,
        context: MemberRow | None = None,
        *,
        uncertain: bool = False,
    ) -> Explanation:
        """Why a member may or may not take a survey, clause by clause.

        With `uncertain` a member who only may be eligible is given quotas, too. Raises InputError
        where there is no survey of that name.
        """
        # Imported here so that a router starts, and routes, without what reads payloads.
        from matcher.explanation import explain

        routed = self.match(member, context, limit=0)
        found = self._inventory.survey(survey)
        if found is None:
            hint = did_you_mean(survey, [each.name for each in self.surveys])
            raise InputError(f"no survey `{survey}`" + (f"; {hint}" if hint else ""))
        mapping = self._reader.mapping
        return explain(found, routed.respondent, mapping, self._choice, uncertain=uncertain)

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
        router._set_due()
        return router

    @property
    def surveys(self) -> tuple[Survey, ...]:
        """The surveys as they are now, with the seats now left, in the order they came."""
        self._catch_up()
        return self._inventory.surveys()

    def apply(
        self,
        changes: object,
        *,
        marketplace: str | None = None,
        refresh: str | Collection[str] = (),
        at: float | None = None,
    ) -> Applied:
        """Take in a batch of changes, all of it in one step.

        `changes`: one, or a list, of what marketplaces send: Dynata opportunities, Toluna GetQuotas
        answers and quota notifications, RFG projects; and changes of seats (`{"survey":
        "dynata:13231", "quota_ids": ["…"], "remaining": 5}`). JSON text, or what it holds.
        `marketplace` overrides recognition by shape. `refresh` names marketplaces of which the
        batch is the whole inventory: their other surveys are closed. `at`, in seconds since 1970,
        is when the batch was so, as far as it does not say itself (default: now). What is malformed
        is set aside. Raises InputError where there is no such marketplace, or `at` is no time.
        """
        if at is not None and not isfinite(at):
            raise InputError(f"`{at}` is no time, in seconds since 1970")
        refreshed = {refresh} if isinstance(refresh, str) else refresh
        with self._applying, no_garbage_collection():
            if self._updater is None:
                # Imported here so that a router starts, and routes, without what reads payloads.
                from matcher.routing.apply import Updater

                self._updater = Updater(self._reader.mapping, self._inventory)
            read = self._updater.read(changes, marketplace)
            with self._lock:
                self._release_expired()
                now = self._clock() if at is None else at
                return self._take_in(
                    self._updater.update(
                        read, refreshed, self._inventory, self._ledger, self._notes, now
                    )
                )

    def _take_in(self, update: UpdatedInventory) -> Applied:
        """Put what a batch makes of the inventory in its place; the lock is held."""
        told = update.surveys
        counts = {name: self._ledger.counts_when_told(each) for name, each in told.items()}
        left = {name: with_seats_left(each, counts[name]) for name, each in told.items()}
        self._inventory = self._inventory.changed(left, self._next_rank, self._maker)
        self._ledger.counts.update({name: each for name, each in counts.items() if each})
        for name, notes in update.notes.items():
            if notes:
                self._notes[name] = notes
            else:
                self._notes.pop(name, None)
        return update.applied

    def reserve(
        self, member_id: str, survey: str, quota_ids: Sequence[str], ttl: float
    ) -> Reservation | None:
        """Hold a seat for a session in every quota that the member was given, for `ttl` seconds.

        None where one of them is no longer open, or he has completed the survey here. A member
        who holds these seats already holds them longer; other seats of the survey are given back.
        """
        if not 0 < ttl < inf:
            raise InputError(f"seats are held for more than 0 seconds, and not for ever: `{ttl}`")
        with self._lock:
            self._release_expired()
            ledger = self._ledger
            expires = self._clock() + ttl
            mine = ledger.held_by(member_id, survey)
            if mine is not None and mine.completed:
                return None
            if mine is not None and mine.reservation.quota_ids == tuple(quota_ids):
                return ledger.prolong(mine, expires)  # nothing is due sooner
            now = self._inventory.survey(survey)
            if now is None:
                return None
            reservation = ledger.hold(now, member_id, quota_ids, expires)
            if reservation is not None:
                self._settle([survey])
                self._set_due()
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
            if found is None:
                continue
            place, number = found
            survey = self._inventory.layers[place].survey(number)
            assert survey is not None, "a survey that is found is there"
            changed.setdefault(place, {})[number] = self._ledger.as_left(survey)
        layers = list(self._inventory.layers)
        for place, surveys in changed.items():
            layers[place] = layers[place].changed(surveys)
        self._inventory = Inventory(layers)

    def _catch_up(self) -> None:
        """Do what time alone makes due, unless another thread is changing something."""
        if self._clock() < self._due or not self._lock.acquire(blocking=False):
            return
        try:
            self._release_expired()
            if self._clock() >= self._midnight:
                old = self._reader
                self._reader = RespondentReader(old.mapping, self._today(), old.history)
                self._midnight = _midnight(self._reader.as_of)
            self._set_due()
        finally:
            self._lock.release()

    def _set_due(self) -> None:
        """Note when time alone makes something due next; the lock is held."""
        self._due = min(self._ledger.next_expiry, self._midnight)

    def _today(self) -> date:
        return date.fromtimestamp(self._clock())

    def _next_rank(self, survey: Survey) -> Rank:
        """The rank of a survey that comes now."""
        self._arrived += 1
        return self._rank(survey, self._arrived)

    def _rank(self, survey: Survey, number: int) -> Rank:
        worth = self._worth(survey)
        if worth is None or worth != worth:
            return True, 0.0, number
        return False, -worth, number


def _pay(survey: Survey) -> float | None:
    return survey.pay


def _choice(how: ChoiceStrategy, seed: int) -> Choice:
    if how is ChoiceStrategy.SCARCEST:
        raise InputError("a router cannot choose the scarcest quota: it does not count the panel")
    return make_choice(how, seed)


def _midnight(day: date) -> float:
    """When the next day begins, in seconds since 1970."""
    return time.mktime((day.year, day.month, day.day + 1, 0, 0, 0, 0, 0, -1))
