"""Seats: what the marketplace reports as left, less what sessions here hold and have used up.

A session holds a seat in every quota of its path, in the further ones that it is said to take one
in, and in the survey where that has seats of its own. A completed session has used its seat, until
it is reversed; what the marketplace reports later counts what was completed before.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from matcher.routing.brief import brief, brief_ids
from matcher.surveys import Group, Quota, Survey

Seat: TypeAlias = tuple[tuple[str, int], ...]
"""A quota of a survey: its id, and how many of that id come before it, after those of the quotas
that it is nested in. Empty: the survey itself."""

Paths: TypeAlias = tuple[tuple[str, ...], ...]
"""Quotas, each by its id after those of the quotas that it is nested in."""


@dataclass(slots=True)
class Count:
    """Seats of one quota: left when it was last reported, and of these held and used up since."""

    reported: int
    held: int = 0
    used: int = 0

    @property
    def left(self) -> int:
        """Seats that a session may still be given."""
        return max(self.reported - self.held - self.used, 0)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A session's seats, held until `expires` (seconds since 1970) or until it is settled.

    `seats`: the quotas in which it has a seat besides those given, each by its path of ids.
    """

    id: str
    member_id: str
    survey: str
    quota_ids: tuple[str, ...]
    expires: float
    seats: Paths = ()

    def __repr__(self) -> str:
        seats = f"{brief(self.survey)}: {brief_ids(self.quota_ids)}"
        return f"Reservation({brief(self.id)}, {brief(self.member_id)}, {seats})"


@dataclass(frozen=True, slots=True)
class Session:
    """A reservation, the seats it is for, and whether it has been completed."""

    reservation: Reservation
    seats: tuple[Seat, ...]
    completed: bool = False


@dataclass
class Ledger:
    """Sessions, and the seats that they have taken. Not for several threads at once."""

    sessions: dict[str, Session] = field(default_factory=dict)
    counts: dict[str, dict[Seat, Count]] = field(default_factory=dict)
    number: int = 0
    _held: dict[tuple[str, str], str] = field(default_factory=dict)
    _expiring: list[tuple[float, str]] = field(default_factory=list)

    def held_by(self, member_id: str, survey: str) -> Session | None:
        """The session in which a member has seats of a survey, completed or not."""
        found = self._held.get((member_id, survey))
        return None if found is None else self.sessions[found]

    def hold(
        self,
        survey: Survey,
        member_id: str,
        quota_ids: Sequence[str],
        further: Paths,
        expires: float,
    ) -> Reservation | None:
        """Hold a seat in every quota of a path and in further ones; None where one has none.

        Other seats of the survey that the member holds are given back for them.
        """
        held = self.held_by(member_id, survey.name)
        if held is not None:
            self.give_back(held.reservation.id, completed=False)
            survey = self.as_left(survey)
        seats = open_seats(survey, quota_ids, further)
        if seats is None:
            if held is not None:
                self._take(held, survey)
            return None
        self.number += 1
        reservation = Reservation(
            str(self.number), member_id, survey.name, tuple(quota_ids), expires, further
        )
        self._take(Session(reservation, seats), survey)
        return reservation

    def _take(self, session: Session, survey: Survey) -> None:
        self.add(session)
        counts = self.counts.setdefault(survey.name, {})
        reported = dict(seats_of(survey))
        for seat in session.seats:
            counts.setdefault(seat, Count(reported.get(seat, 0))).held += 1

    def add(self, session: Session) -> None:
        """Take in a session whose seats are counted already."""
        reservation = session.reservation
        self.sessions[reservation.id] = session
        self._held[reservation.member_id, reservation.survey] = reservation.id
        if not session.completed:
            heapq.heappush(self._expiring, (reservation.expires, reservation.id))

    def prolong(self, session: Session, expires: float) -> Reservation:
        """Hold a session's seats until another time, if that is later."""
        reservation = replace(
            session.reservation, expires=max(expires, session.reservation.expires)
        )
        self.add(replace(session, reservation=reservation))
        return reservation

    def complete(self, id_: str) -> Session | None:
        """Use up the seats that a session holds."""
        session = self.sessions.get(id_)
        if session is None or session.completed:
            return None
        self.sessions[id_] = replace(session, completed=True)
        for count in self._counts(session):
            count.held -= 1
            count.used += 1
        return session

    def give_back(self, id_: str, *, completed: bool) -> Session | None:
        """End a session that holds seats, or has used them up, as if it had never begun."""
        session = self.sessions.get(id_)
        if session is None or session.completed is not completed:
            return None
        del self.sessions[id_]
        del self._held[session.reservation.member_id, session.reservation.survey]
        for count in self._counts(session):
            if completed:
                count.used -= 1
            else:
                count.held -= 1
        return session

    def expired(self, now: float) -> Iterator[str]:
        """Sessions that have not been settled in time."""
        while self._expiring and self._expiring[0][0] <= now:
            expires, id_ = heapq.heappop(self._expiring)
            session = self.sessions.get(id_)
            if session and not session.completed and session.reservation.expires == expires:
                yield id_

    @property
    def next_expiry(self) -> float:
        """When a session may expire next, in seconds since 1970."""
        first = self._expiring[:1]  # read once: another thread may take it out meanwhile
        return first[0][0] if first else float("inf")

    def counts_when_reported(self, survey: Survey) -> dict[Seat, Count]:
        """The counts of a survey that its marketplace reports now.

        Where other seats are left than it reported before, those used up since are counted in.
        """
        counts = self.counts.get(survey.name)
        if counts is None:
            return {}
        reported = dict(seats_of(survey))
        return {
            seat: replace(count)
            if reported.get(seat, 0) == count.reported
            else Count(reported.get(seat, 0), count.held)
            for seat, count in counts.items()
        }

    def as_reported(self, survey: Survey) -> Survey:
        """A survey with the seats that the marketplace last reported as left."""
        counts = self.counts.get(survey.name, {})
        return with_seats(survey, {seat: count.reported for seat, count in counts.items()})

    def as_left(self, survey: Survey) -> Survey:
        """A survey with the seats that sessions here leave."""
        return with_seats_left(survey, self.counts.get(survey.name, {}))

    def _counts(self, session: Session) -> Iterator[Count]:
        counts = self.counts.get(session.reservation.survey, {})
        return (counts[seat] for seat in session.seats)


def numbered(groups: Iterable[Group], within: Seat = ()) -> Iterator[tuple[Seat, Quota]]:
    """Every quota of some groups with its seat, each before those nested in it."""
    for _, quotas in _named(groups, within):
        for seat, quota in quotas:
            yield seat, quota
            yield from numbered(quota.groups, seat)


def _named(
    groups: Iterable[Group], within: Seat
) -> Iterator[tuple[Group, list[tuple[Seat, Quota]]]]:
    """Every group with its own quotas, and the seat of each."""
    times: dict[str, int] = {}
    for group in groups:
        quotas = []
        for quota in group.quotas:
            number = times.get(quota.id, 0)
            times[quota.id] = number + 1
            quotas.append(((*within, (quota.id, number)), quota))
        yield group, quotas


def seats_of(survey: Survey) -> Iterator[tuple[Seat, int]]:
    """Seats left in a survey, where it has some of its own, and in each of its quotas."""
    if survey.remaining is not None:
        yield (), survey.remaining
    for seat, quota in numbered(survey.groups):
        yield seat, quota.remaining


def open_seats(
    survey: Survey, quota_ids: Sequence[str], further: Paths = ()
) -> tuple[Seat, ...] | None:
    """The seats of a session that is given these quotas, and has seats in further ones.

    None where one is not open. Of several paths of the same ids it is the first; further ones that
    are named alike are different quotas.
    """
    if not survey.open:
        return None
    paths = _paths(survey.groups, tuple(quota_ids), 0, (), closed=False)
    seats = paths.get(len(quota_ids))
    if seats is None:
        return None
    taken = [*([()] if survey.remaining is not None else []), *seats]
    for path in further:
        opened = (seat for seat, quota in numbered(survey.groups) if quota.open)
        alike = (seat for seat in opened if ids_of(seat) == path and seat not in taken)
        found = next(alike, None)
        if found is None:
            return None
        taken.append(found)
    return tuple(taken)


def ids_of(seat: Seat) -> tuple[str, ...]:
    """The ids of a quota and of those that it is nested in, outermost first."""
    return tuple(id_ for id_, _ in seat)


def has_path(survey: Survey, quota_ids: Sequence[str]) -> bool:
    """Whether a member could be given these quotas, one of each group, were all of them open."""
    return len(quota_ids) in _paths(survey.groups, tuple(quota_ids), 0, (), closed=True)


def _paths(
    groups: Iterable[Group], ids: tuple[str, ...], start: int, within: Seat, *, closed: bool
) -> dict[int, tuple[Seat, ...]]:
    """Seats of one open quota of each group, by the ids from `start` on; by where the ids go on.

    A group that may admit without a quota may have none. `closed`: quotas may be closed.
    """
    paths: dict[int, tuple[Seat, ...]] = {start: ()}
    for group, quotas in _named(groups, within):
        longer: dict[int, tuple[Seat, ...]] = {}
        for seat, quota in quotas:
            for at, seats in paths.items():
                if (closed or quota.open) and ids[at : at + 1] == (quota.id,):
                    inner = _paths(quota.groups, ids, at + 1, seat, closed=closed)
                    for end, nested in inner.items():
                        longer.setdefault(end, (*seats, seat, *nested))
        if not group.needs_match:
            for at, seats in paths.items():
                longer.setdefault(at, seats)
        paths = longer
    return paths


def named_quota(survey: Survey, quota_ids: Sequence[str]) -> Seat | None:
    """The first quota that a path of ids leads to, outermost first; None: there is none."""
    path = tuple(quota_ids)
    found = (seat for seat, _ in numbered(survey.groups) if ids_of(seat) == path)
    return next(found, None)


def with_quota(survey: Survey, seat: Seat, live: bool | None, remaining: int | None) -> Survey:
    """A survey with another status, or other seats, of a quota or of the survey itself."""
    if seat:
        return replace(survey, groups=_with_edits(survey.groups, {seat: (live, remaining)}))
    return replace(
        survey,
        live=survey.live if live is None else live,
        remaining=survey.remaining if remaining is None else remaining,
    )


def with_seats_left(survey: Survey, counts: Mapping[Seat, Count]) -> Survey:
    """A survey with the seats that are left of those counted."""
    return with_seats(survey, {seat: count.left for seat, count in counts.items()})


def with_seats(survey: Survey, left: Mapping[Seat, int]) -> Survey:
    """A survey with other numbers of seats left in some of its quotas."""
    if not left:
        return survey
    remaining = survey.remaining
    if remaining is not None:
        remaining = left.get((), remaining)
    edits = {seat: (None, number) for seat, number in left.items()}
    return replace(survey, remaining=remaining, groups=_with_edits(survey.groups, edits))


Edits: TypeAlias = Mapping[Seat, tuple[bool | None, int | None]]
"""By quota, its status and the seats left; None: as they are."""


def _with_edits(groups: tuple[Group, ...], edits: Edits) -> tuple[Group, ...]:
    """Groups with some quotas edited; all others are the same objects."""
    around = {seat[:depth] for seat in edits for depth in range(1, len(seat) + 1)}
    return _edited(groups, edits, around, ())


def _edited(
    groups: tuple[Group, ...], edits: Edits, around: Set[Seat], within: Seat
) -> tuple[Group, ...]:
    made = []
    for group, named in _named(groups, within):
        quotas = []
        for seat, quota in named:
            if seat not in around:
                quotas.append(quota)
                continue
            nested = _edited(quota.groups, edits, around, seat)
            quotas.append(_edit(quota, nested, *edits.get(seat, (None, None))))
        same = all(new is old for new, old in zip(quotas, group.quotas, strict=True))
        made.append(group if same else replace(group, quotas=tuple(quotas)))
    return groups if all(n is o for n, o in zip(made, groups, strict=True)) else tuple(made)


def _edit(
    quota: Quota, nested: tuple[Group, ...], live: bool | None, remaining: int | None
) -> Quota:
    live = quota.live if live is None else live
    remaining = quota.remaining if remaining is None else remaining
    if live is quota.live and remaining == quota.remaining and nested == quota.groups:
        return quota
    return replace(quota, live=live, remaining=remaining, groups=nested)
