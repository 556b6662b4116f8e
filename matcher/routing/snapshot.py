"""A router as bytes: its plan, with what marketplaces said last, and the seats taken since."""

from __future__ import annotations

from typing import Any

import orjson

from matcher.plan import Plan
from matcher.routing.notes import Note, Notes
from matcher.routing.seats import Count, Ledger, Reservation, Seat, Session
from profiles.errors import InputError

FORMAT = "quota-matcher router"
VERSION = 1


def write_router(plan: Plan, ledger: Ledger, notes: Notes) -> bytes:
    """A router as bytes that `read_router` reads back; surveys as marketplaces said they are."""
    return orjson.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "plan": plan.to_bytes().decode(),
            "number": ledger.number,
            "sessions": [_session_line(each) for each in ledger.sessions.values()],
            "counts": [
                [name, seat, count.told, count.held, count.used]
                for name, counts in ledger.counts.items()
                for seat, count in counts.items()
            ],
            "notes": [
                [name, seat, note.live, note.remaining, note.at]
                for name, noted in notes.by_survey.items()
                for seat, note in noted.items()
            ],
        }
    )


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
    ]


def read_router(data: bytes) -> tuple[Plan, Ledger, Notes]:
    """What `write_router` wrote; raises InputError for anything else."""
    try:
        document = orjson.loads(data)
        if document["format"] != FORMAT:
            raise InputError("not a router")
        if document["version"] != VERSION:
            raise InputError(f"a router of version {document['version']}, not {VERSION}")
        plan = Plan.from_bytes(document["plan"].encode())
        ledger = Ledger(number=int(document["number"]))
        for name, seat, told, held, used in document["counts"]:
            counts = ledger.counts.setdefault(str(name), {})
            counts[_seat(seat)] = Count(int(told), int(held), int(used))
        for line in document["sessions"]:
            ledger.add(_session(line, ledger))
        notes = Notes()
        for name, seat, live, remaining, at in document["notes"]:
            note = Note(
                None if live is None else bool(live),
                None if remaining is None else int(remaining),
                float(at),
            )
            notes.by_survey.setdefault(str(name), {})[_seat(seat)] = note
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError("not a router") from None
    return plan, ledger, notes


def _session(line: list[Any], ledger: Ledger) -> Session:
    id_, member_id, survey, quota_ids, expires, seats, completed = line
    session = Session(
        Reservation(
            str(id_), str(member_id), str(survey), tuple(map(str, quota_ids)), float(expires)
        ),
        tuple(map(_seat, seats)),
        bool(completed),
    )
    for seat in session.seats:
        _ = ledger.counts[session.reservation.survey][seat]
    return session


def _seat(raw: list[Any]) -> Seat:
    return tuple((str(id_), int(number)) for id_, number in raw)
