"""A router as bytes: its plan, as marketplaces last reported it, and the seats taken since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from matcher.plan import Plan
from matcher.routing.overlay import NEVER, Overlay, PartialUpdate
from matcher.routing.seats import (
    Count,
    Ledger,
    Reservation,
    Seat,
    Session,
)
from profiles.envelope import Envelope
from profiles.errors import InputError

_ENVELOPE = Envelope("quota-matcher router", 1, "a router")


def write_router(plan: Plan, ledger: Ledger, overlays: Mapping[str, Overlay]) -> bytes:
    """A router as bytes that `read_router` reads back; surveys as marketplaces reported them."""
    return orjson.dumps(
        {
            **_ENVELOPE.head,
            "plan": plan.to_bytes().decode(),
            "number": ledger.number,
            "sessions": [_session_line(session) for session in ledger.sessions.values()],
            "counts": [
                [name, seat, count.reported, count.held, count.used]
                for name, counts in ledger.counts.items()
                for seat, count in counts.items()
            ],
            "notes": [
                [name, seat, *_partial_line(partial)]
                for name, overlay in overlays.items()
                for seat, partial in overlay.items()
            ],
        }
    )


def _partial_line(partial: PartialUpdate) -> list[Any]:
    """A partial update, without times where nothing was reported."""
    live_at = None if partial.live is None else partial.live_at
    return [
        partial.live,
        live_at,
        partial.remaining,
        None if partial.remaining is None else partial.remaining_at,
    ]


def _session_line(session: Session) -> list[Any]:
    reservation = session.reservation
    return [
        reservation.id,
        reservation.member_id,
        reservation.survey,
        reservation.quota_ids,
        reservation.expires,
        session.seats,
        session.completed,
        reservation.seats,
    ]


def read_router(data: bytes) -> tuple[Plan, Ledger, dict[str, Overlay]]:
    """What `write_router` wrote; raises InputError for anything else."""
    try:
        document = orjson.loads(data)
        _ENVELOPE.check(document)
        plan = Plan.from_bytes(document["plan"].encode())
        ledger = Ledger(number=int(document["number"]))
        for name, seat, reported, held, used in document["counts"]:
            counts = ledger.counts.setdefault(str(name), {})
            counts[_seat(seat)] = Count(int(reported), int(held), int(used))
        for line in document["sessions"]:
            ledger.add(_session(line, ledger))
        overlays: dict[str, dict[Seat, PartialUpdate]] = {}
        for name, seat, *line in document["notes"]:
            overlays.setdefault(str(name), {})[_seat(seat)] = _partial(*line)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError("not a router") from None
    return plan, ledger, dict(overlays)


def _session(line: list[Any], ledger: Ledger) -> Session:
    id_, member_id, survey, quota_ids, expires, seats, completed, *further = line
    paths = further[0] if further else ()  # there is none in what earlier versions wrote
    session = Session(
        Reservation(
            str(id_),
            str(member_id),
            str(survey),
            tuple(map(str, quota_ids)),
            float(expires),
            tuple(tuple(map(str, path)) for path in paths),
        ),
        tuple(map(_seat, seats)),
        bool(completed),
    )
    for seat in session.seats:
        _ = ledger.counts[session.reservation.survey][seat]
    return session


def _seat(raw: list[Any]) -> Seat:
    return tuple((str(id_), int(number)) for id_, number in raw)


def _partial(live: Any, live_at: Any, remaining: Any, remaining_at: Any) -> PartialUpdate:
    return PartialUpdate(
        None if live is None else bool(live),
        NEVER if live_at is None else float(live_at),
        None if remaining is None else int(remaining),
        NEVER if remaining_at is None else float(remaining_at),
    )
