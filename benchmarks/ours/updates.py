"""What a marketplace sends, applied by a router: how long it takes, how long members wait then."""

import gc
import itertools
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from benchmarks.cases.matching import NOTIFIED, Body
from benchmarks.cases.routing import (
    LOWERED,
    Kind,
    Row,
    dynata_bodies,
    lower,
)
from benchmarks.ours.routing import LIMIT, percentile
from matcher import Router, Survey
from matcher.surveys import Quota
from profiles.schema import PanelMapping

BATCHES = 40
EVERY = 0.1
"""Seconds from one batch to the next while readers are watched."""

PACE = 0.002
"""Seconds from one member to the next, where they do not come as fast as they are served."""

MIXED = {"new": 10, "changed": 10, "closed": 10, "seats": 20}
"""The 50 notifications of a batch, by what they tell of an opportunity."""

WORST = {"changed": 50}
"""The worst batch: 50 opportunities with other filters, cells and quotas."""


@dataclass
class Notifier:
    """Tells of opportunities, ever later; `bodies` is how they are now, by id."""

    bodies: dict[int, Body]
    others: Sequence[Body]
    rng: random.Random = field(default_factory=lambda: random.Random(17))
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(10_000_000))
    now: datetime = field(default_factory=lambda: datetime.fromisoformat(NOTIFIED))

    def batch(self, mix: Mapping[str, int]) -> bytes:
        """Return a payload that updates some opportunities."""
        self.now += timedelta(seconds=1)
        ids = self.rng.sample(sorted(self.bodies), sum(mix.values()))
        changes = [change for change, count in mix.items() for _ in range(count)]
        bodies = [self._updated(change, id_) for change, id_ in zip(changes, ids, strict=True)]
        self.bodies |= {body["id"]: body for body in bodies}
        return orjson.dumps(bodies)

    def _updated(self, change: str, id_: int) -> Body:
        notified = {"notified": self.now.isoformat()}
        if change in ("new", "changed"):
            new_id = next(self.ids) if change == "new" else id_
            return self.rng.choice(self.others) | notified | {"id": new_id}
        body = self.bodies[id_] | notified
        if change == "closed":
            return body | {"status": "CLOSED"}
        seats = [quota | {"count": self.rng.randrange(500)} for quota in body["quotas"][0]]
        return body | {"quotas": [seats]}


class Reader(threading.Thread):
    """Routes one member after the other until it is stopped; `waited` is in nanoseconds.

    Without a pace members come as fast as they are served, and wait from when they are routed; with
    one they come so many seconds apart, and wait from when they were due.
    """

    def __init__(self, router: Router, rows: Sequence[Row], pace: float = 0.0) -> None:
        super().__init__()
        self.waited: list[int] = []
        self._router = router
        self._rows = itertools.cycle(rows)
        self._pace = int(pace * 1e9)
        self._stopping = False

    def run(self) -> None:
        """Route members until it is stopped."""
        clock = time.perf_counter_ns
        due = clock()
        while not self._stopping:
            due = due + self._pace if self._pace else clock()
            early = due - clock()
            if early > 0:
                time.sleep(early / 1e9)
            _ = self._router.match(next(self._rows), limit=LIMIT).eligible
            self.waited.append(clock() - due)

    def stop(self) -> list[int]:
        """Return what members waited."""
        self._stopping = True
        self.join()
        return self.waited


def watch_updates(
    router: Router, kind: Kind, folder: Path, mapping: PanelMapping, rows: Sequence[Row]
) -> dict[str, float]:
    """Apply batches at rest and while members are routed; the router ends with the last updates.

    Seconds of a batch are in milliseconds, what readers wait in microseconds.
    """
    known = {body["id"]: body for body in dynata_bodies(kind, LOWERED)}
    notifier = Notifier(known, dynata_bodies(kind, LOWERED, seed=23))
    found: dict[str, float] = {}
    for name, mix in {"mixed": MIXED, "worst": WORST}.items():
        taken = [_apply(router, notifier.batch(mix)) for _ in range(BATCHES)]
        found |= {f"{name}_p50": percentile(taken, 50) / 1e3, f"{name}_max": max(taken) / 1e6}
    for name, pace in {"busy": 0.0, "paced": PACE}.items():
        rest = _watch(router, rows, pace, [])
        batches = [notifier.batch(MIXED) for _ in range(BATCHES)]
        moved = _watch(router, rows, pace, batches)
        found |= {f"{name}_rest": percentile(rest, 99), f"{name}_moved": percentile(moved, 99)}
    _check(router, notifier, folder, mapping)
    return found


def watch_notices(router: Router) -> dict[str, float]:
    """Apply batches of 50 Toluna quota notifications; at the end quotas are as last notified.

    Seconds of a batch are in milliseconds.
    """
    rng = random.Random(19)
    surveys = router.surveys
    _apply(router, b"[]")
    live: dict[tuple[str, str], bool] = {}
    taken = []
    for number in range(BATCHES):
        keys = sorted((survey.id, _outer(survey)[0].id) for survey in rng.sample(surveys, 50))
        live |= {key: rng.random() < 0.5 for key in keys}
        at = f"2030-01-01T00:{number:02}:00Z"
        batch = [_notice(*key, live=live[key], at=at) for key in keys]
        taken.append(_apply(router, orjson.dumps(batch)))
    found = {
        (survey.id, quota.id): quota.live for survey in router.surveys for quota in _outer(survey)
    }
    assert live.items() <= found.items()
    return {"notices_p50": percentile(taken, 50) / 1e3, "notices_max": max(taken) / 1e6}


def _outer(survey: Survey) -> Sequence[Quota]:
    return survey.groups[0].quotas


def _notice(survey_id: str, quota_id: str, *, live: bool, at: str) -> Body:
    survey, _, wave = survey_id.partition("/")
    ids = {"QuotaID": quota_id, "SurveyID": survey, "WaveID": wave}
    return ids | {"IsLive": live, "UpdateDateTimeUTC": at}


def _apply(router: Router, batch: bytes) -> int:
    """Apply a batch; return the nanoseconds that took."""
    began = time.perf_counter_ns()
    router.apply(batch)
    return time.perf_counter_ns() - began


def _watch(router: Router, rows: Sequence[Row], pace: float, batches: Sequence[bytes]) -> list[int]:
    """Return what members wait while batches are applied, or at rest for as long."""
    gc.collect()
    reader = Reader(router, rows, pace)
    reader.start()
    due = time.perf_counter()
    for number in range(BATCHES):
        due += EVERY
        time.sleep(max(due - time.perf_counter(), 0))
        if batches:
            router.apply(batches[number])
    return reader.stop()


def _check(router: Router, notifier: Notifier, folder: Path, mapping: PanelMapping) -> None:
    """Assert that the router's surveys are those of the last updates."""
    wanted = lower(list(notifier.bodies.values()), mapping, folder / "updated.json")
    held = {survey.name: survey for survey in router.surveys}
    for survey in wanted:
        if survey.live:
            found = held[survey.name]
            assert found.live
            assert (found.gate, found.groups) == (survey.gate, survey.groups)
        else:
            assert survey.name not in held or not held[survey.name].live
