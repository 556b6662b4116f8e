"""The router: one member, the whole inventory as it is now, and the seats in it.

Readers take the inventory as it is at that moment, and never wait; a change makes the next one
beside it, and puts it in place in one step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import date
from math import inf, isfinite
from threading import Lock
from typing import TYPE_CHECKING, Any

from matcher.plan import Plan
from matcher.routing.answer import Routed
from matcher.routing.inventory import Inventory, LayerMaker
from matcher.routing.names import check_quotas, check_seats, unknown_survey
from matcher.routing.next_question import Question, best_question
from matcher.routing.overlay import Overlay
from matcher.routing.ranking import Ranking, Worth, choice_of
from matcher.routing.respondent import HistoryOf, MemberRow, RespondentReader
from matcher.routing.seats import Ledger, Reservation, with_seats_left
from matcher.routing.sizes import DEFAULT_SIZES, RouterSizes
from matcher.routing.snapshot import read_router, write_router
from matcher.support import no_garbage_collection
from matcher.surveys import Choice, ChoiceStrategy, Survey
from profiles.as_of import AsOf, day_of
from profiles.errors import InputError
from profiles.plural import plural

if TYPE_CHECKING:
    from matcher.explanation import Explanation
    from matcher.routing.apply import Applied, UpdatedInventory, Updater


class Router:
    """Routes one member at a time through an inventory that changes. For any number of threads.

    >>> import matcher, profiles
    >>> panel = profiles.open_panel("fixtures/demo/panel.toml", "2026-11-21")
    >>> surveys = matcher.load_surveys(["fixtures/demo/payloads"], panel.mapping)
    >>> history = panel.member_history()
    >>> plan = matcher.compile(surveys)
    >>> router = matcher.Router(plan, as_of="2026-11-21", history=history.of)
    >>> router
    Router(46 surveys, 109 disjuncts)
    >>> member = panel.find("m0000003")
    >>> [offer.survey for offer in router.match(member, limit=2)]
    ['dynata:20105', 'toluna:2510012/791012']
    >>> router.explain(member, "dynata:20101").reason
    <Reason.DEVICE: 'device'>
    >>> offer = router.match(member).eligible[1]
    >>> held = router.reserve("m0000003", offer.survey, offer.quota_ids, ttl=1800)
    >>> held
    Reservation(1, m0000003, toluna:2510012/791012: 1200121, 10512100)
    >>> router.complete(held.id)
    True

    `choose` and `seed` decide which quota of a group a member is given. `as_of` is the day on which
    ages count: a date, a datetime or ISO text; None: today, whenever that is. `worth` orders the
    surveys (default: what they pay per expected minute); it is called once for every survey, and
    again when its rules or its pay change. `history` gives what a member, by id, took part in.
    `clock` gives the time in seconds since 1970; `sizes` decide about speed and memory alone.
    Raises InputError for a plan that does not know the panel's mapping or needs history where none
    is given, and for a `choose` or `as_of` that there is not.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        choose: ChoiceStrategy | str | Choice = ChoiceStrategy.FIRST,
        seed: int = 0,
        as_of: AsOf | None = None,
        worth: Worth | None = None,
        history: HistoryOf | None = None,
        clock: Callable[[], float] = time.time,
        sizes: RouterSizes = DEFAULT_SIZES,
    ) -> None:
        if plan.mapping is None:
            raise InputError("a router needs a plan that knows the panel's mapping")
        if plan.mapping.history and history is None:
            raise InputError("the panel names a history: a router needs `history`, too")
        self._choice = choice_of(choose, seed)
        self._rank = Ranking(worth)
        self._clock = clock
        self._applying = Lock()
        self._lock = Lock()
        day = self._today() if as_of is None else day_of(as_of)
        self._reader = RespondentReader(plan.mapping, day, history, sizes.known_answers)
        self._midnight = _midnight(self._reader.as_of) if as_of is None else inf
        self._ledger = Ledger()
        self._overlays: dict[str, Overlay] = {}
        self._set_due()
        self._updater: Updater | None = None
        self._maker = LayerMaker(self._reader.place, sizes)
        with no_garbage_collection():
            surveys = {survey.name: survey for survey in plan.surveys}
            self._inventory = Inventory(()).changed(surveys, self._rank, self._maker)

    def __repr__(self) -> str:
        inventory = self._inventory
        disjuncts = plural(inventory.disjuncts, "disjunct")
        return f"Router({plural(len(inventory), 'survey')}, {disjuncts})"

    def __len__(self) -> int:
        """How many surveys there are, open and closed."""
        return len(self._inventory)

    def match(
        self, member: MemberRow, context: MemberRow | None = None, *, limit: int | None = None
    ) -> Routed:
        """The surveys that a member may be sent to, best first.

        `member` is a row of the panel: values by column. `context` holds what only the session
        knows, by attribute (device, country, language); it takes precedence over the member's own
        answers and the panel's constants. `limit` is the most surveys of each list. Raises
        InputError where a value does not fit its attribute.

        >>> import profiles
        >>> panel = profiles.open_panel("fixtures/demo/panel.toml", "2026-11-21")
        >>> router = Router(Plan((), panel.mapping), history=lambda member_id: ())
        >>> router.match({"member_id": "m1", "gender": "F"}, {"device": "mobile"})
        Routed(m1, 0 eligible)
        """
        self._catch_up()
        return Routed(self._inventory, self._reader, member, context, self._choice, limit)

    def next_question(self, member: MemberRow, context: MemberRow | None = None) -> Question | None:
        """The attribute whose answer may open most value to a member; None: there is none."""
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
        found = self._survey(survey)
        mapping = self._reader.mapping
        return explain(found, routed.respondent, mapping, self._choice, uncertain=uncertain)

    def to_bytes(self) -> bytes:
        """The inventory, its seats and sessions as bytes, for `Router.from_bytes`."""
        with self._lock:
            reported = tuple(map(self._ledger.as_reported, self._inventory.surveys()))
            plan = Plan(reported, self._reader.mapping)
            return write_router(plan, self._ledger, self._overlays)

    @classmethod
    def from_bytes(cls, data: bytes, **options: Any) -> Router:
        """The router that `to_bytes` wrote; `options` are those of `Router`.

        Raises InputError for anything else.
        """
        plan, ledger, overlays = read_router(data)
        router = cls(plan, **options)
        router._ledger, router._overlays = ledger, overlays
        router._settle(list(ledger.counts))
        router._set_due()
        return router

    @property
    def surveys(self) -> tuple[Survey, ...]:
        """The surveys as they are now, with the seats now left, in the order of arrival."""
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
        answers and notifications, RFG projects; and changes of seats (`{"survey":
        "dynata:13231", "quota_ids": ["…"], "remaining": 5}`). JSON text, or what it holds.
        `marketplace` overrides recognition by shape. `refresh` names marketplaces of which the
        batch is the whole inventory: their other surveys are closed. `at`, in seconds since 1970,
        is the time of what gives none itself (default: now). What is malformed is set aside. Raises
        InputError where there is no such marketplace, or `at` is no time.

        >>> import pathlib, profiles
        >>> panel = profiles.open_panel("fixtures/demo/panel.toml", "2026-11-21")
        >>> router = Router(Plan((), panel.mapping), history=lambda member_id: ())
        >>> router.apply(pathlib.Path("fixtures/demo/payloads/dynata.json").read_bytes())
        Applied(19 added, 1 set aside)
        >>> router.apply({"survey": "dynata:20105", "status": "closed"})
        Applied(1 changed)
        """
        if at is not None and not isfinite(at):
            raise InputError(f"`{at}` is no time in seconds since 1970")
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
                        read, refreshed, self._inventory, self._ledger, self._overlays, now
                    )
                )

    def _take_in(self, update: UpdatedInventory) -> Applied:
        """Put what a batch makes of the inventory in its place; the lock is held."""
        counts = {
            name: self._ledger.counts_when_reported(survey)
            for name, survey in update.surveys.items()
        }
        left = {
            name: with_seats_left(survey, counts[name]) for name, survey in update.surveys.items()
        }
        self._inventory = self._inventory.changed(left, self._rank, self._maker)
        self._ledger.counts.update({name: count for name, count in counts.items() if count})
        for name, overlay in update.overlays.items():
            if overlay:
                self._overlays[name] = overlay
            else:
                self._overlays.pop(name, None)
        return update.applied

    def reserve(
        self,
        member_id: str,
        survey: str,
        quota_ids: Sequence[str | int],
        ttl: float,
        seats: Sequence[Sequence[str | int]] = (),
    ) -> Reservation | None:
        """Hold a seat for a session in every quota that the member was given, for `ttl` seconds.

        `seats` are those of the offer: the other quotas that the session takes a seat in. Without
        them it takes none there, and marketplaces that count so are sent too many.

        None: no seat is free for the member, because the survey or one of these quotas is closed or
        full, or because they have completed the survey here. A member who holds these seats already
        holds them longer; other seats of the survey are given back. Raises InputError where there
        is no such survey, where its members are not given such quotas, and for no usable `ttl`.
        """
        path = (quota_ids,) if isinstance(quota_ids, str) else tuple(map(str, quota_ids))
        further = tuple(tuple(map(str, each)) for each in seats)
        if not 0 < ttl < inf:
            raise InputError(f"seats are held for more than 0 seconds, and not for ever: `{ttl}`")
        with self._lock:
            self._release_expired()
            ledger = self._ledger
            expires = self._clock() + ttl
            held = ledger.held_by(member_id, survey)
            if held is not None and held.completed:
                return None
            same = held is not None and held.reservation.quota_ids == path
            if held is not None and same and further in ((), held.reservation.seats):
                return ledger.prolong(held, expires)  # nothing is due sooner
            found = self._survey(survey)
            check_quotas(found, path)
            check_seats(found, further)
            reservation = ledger.hold(found, member_id, path, further, expires)
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

    def _survey(self, name: str) -> Survey:
        """A survey as it is now; raises InputError where there is none of that name."""
        found = self._inventory.survey(name)
        if found is None:
            raise unknown_survey(name, (survey.name for survey in self._inventory.surveys()))
        return found

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
        """Put the seats now left in some surveys into the inventory; the lock is held."""
        self._inventory = self._inventory.reseated(names, self._ledger.as_left)

    def _catch_up(self) -> None:
        """Do what time alone makes due, unless another thread is changing something."""
        if self._clock() < self._due or not self._lock.acquire(blocking=False):
            return
        try:
            self._release_expired()
            if self._clock() >= self._midnight:
                old = self._reader
                self._reader = RespondentReader(old.mapping, self._today(), old.history, old.most)
                self._midnight = _midnight(self._reader.as_of)
            self._set_due()
        finally:
            self._lock.release()

    def _set_due(self) -> None:
        """Set when time alone makes something due next; the lock is held."""
        self._due = min(self._ledger.next_expiry, self._midnight)

    def _today(self) -> date:
        return date.fromtimestamp(self._clock())


def _midnight(day: date) -> float:
    """When the next day begins, in seconds since 1970."""
    return time.mktime((day.year, day.month, day.day + 1, 0, 0, 0, 0, 0, -1))
