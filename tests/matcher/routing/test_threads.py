"""One writer and four readers at once: every answer is right for the inventory it was made from.

`ROUTER_STRESS_SECONDS` says for how long (default 5; 60 in CI's nightly run).
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import matcher
from matcher.loading import ChangeReader
from matcher.routing import Routed, Router, RouterSizes
from matcher.routing.inventory import Inventory
from matcher.rules.evaluate import read_member
from matcher.surveys import Survey, Verdict, judge
from profiles.schema import PanelMapping
from profiles.schema.panel_file import parse_panel
from tests.support.strategies import AS_OF, Json

SECONDS = float(os.environ.get("ROUTER_STRESS_SECONDS", "5"))
READERS = 4
TOGETHER = 40
"""Surveys that every batch changes together."""
SEATED = 3
"""Surveys whose seats are taken, and the id of the first."""
FIRST_SEATED = 1000
SEATS = 6
SIZES = RouterSizes(page=8, first_block=8, row_bytes=0, fewest_rows=2)
"""Blocks are small, and rows are forgotten often."""


@pytest.fixture
def mapping(tmp_path: Path) -> PanelMapping:
    tables = {
        "panel": {"source": "members.parquet"},
        "attributes": {"gender": {"type": "single", "column": "sex"}, "age": {"type": "number"}},
        "marketplaces": {
            "dynata": {"attributes": {"1": {"attribute": "gender"}, "2": {"attribute": "age"}}}
        },
    }
    return parse_panel(tables, tmp_path / "panel.toml").mapping


@pytest.fixture(autouse=True)
def _often() -> Iterator[None]:
    """Threads take turns often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def opportunity(id_: int, gender: str, age: int, seats: int, cost: int, version: int) -> Json:
    """Two groups of quotas: by gender and by age; the quotas' ids say which version it is."""
    cells = [
        {"tag": "g", "attribute_id": "1", "kind": "VALUE", "value": gender},
        {"tag": "a", "attribute_id": "2", "kind": "RANGE", "range": {"from": age}},
    ]
    rest = {"count": seats, "status": "OPEN"}
    return {
        "id": id_,
        "status": "OPEN",
        "cells": cells,
        "quotas": [
            [{"id": f"g{version}", "cells": ["g"], **rest}],
            [
                {"id": f"a{version}", "cells": ["a"], **rest},
                {"id": f"b{version}", "cells": [], **rest},
            ],
        ],
        "cost_per_interview": cost,
        "incidence_rate": 50,
        "length_of_interview": 10,
    }


def batch(version: int) -> list[Json]:
    """All surveys that change together: their rules at every second time, prices at every third."""
    gender = "MF"[version // 2 % 2]
    return [
        opportunity(id_, gender, 18 + version // 2 % 5, 1000, 1 + (id_ + version // 3) % 7, version)
        for id_ in range(TOGETHER)
    ]


def seated(id_: int) -> Json:
    return opportunity(FIRST_SEATED + id_, "MF"[id_ % 2], 30, SEATS, 50, 0)


def member(number: int) -> dict[str, Any]:
    ages = [None, 17, 18, 19, 20, 21, 22, 35, 60]
    sex = ["M", "F", None][number % 3]
    return {"member_id": f"m{number}", "sex": sex, "age": ages[number % len(ages)]}


def router_of(mapping: PanelMapping, clock: Callable[[], float] = time.time) -> Router:
    read = ChangeReader(mapping).read(batch(0) + [seated(id_) for id_ in range(SEATED)])
    surveys = [update.survey for update in read.said if hasattr(update, "survey")]
    plan = matcher.compile(matcher.Surveys(tuple(surveys), (), (), mapping))
    return Router(plan, as_of=AS_OF, clock=clock, sizes=SIZES)


def inventory_of(routed: Routed) -> Inventory:
    """The inventory that an answer was made from."""
    return routed._inventory


def check(routed: Routed, row: dict[str, Any], mapping: PanelMapping) -> None:
    """An answer, whatever has happened since, is the reference's of its inventory."""
    surveys = sorted(
        inventory_of(routed).surveys(), key=lambda each: (each.pay is None, -(each.pay or 0.0))
    )
    who = read_member(mapping, row, AS_OF)
    judged = [(each.name, judge(each, who)) for each in surveys]
    assert [(each.survey, each.quota_ids) for each in routed.eligible] == [
        (name, each.quota_ids) for name, each in judged if each.verdict is Verdict.ELIGIBLE
    ]
    assert [each.survey for each in routed.uncertain] == [
        name for name, each in judged if each.verdict is Verdict.UNCERTAIN
    ]


def seats_left(surveys: Iterable[Survey]) -> Iterator[int]:
    return (q.remaining for survey in surveys for group in survey.groups for q in group.quotas)


Held: TypeAlias = tuple[str, str, tuple[str, ...]]
"""A session: its id, its survey, and the quotas it was given."""


class Stress:
    """One writer and readers who also take seats, until they are stopped."""

    def __init__(self, router: Router, mapping: PanelMapping) -> None:
        self.router = router
        self.mapping = mapping
        self.stop = threading.Event()
        self.answers = self.batches = 0
        self.taken: Counter[tuple[str, str]] = Counter()
        self.most: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def write(self) -> None:
        for version in count(1):
            if self.stop.is_set():
                return
            assert len(self.router.apply(batch(version)).changed) == TOGETHER
            self.batches += 1

    def read(self, number: int) -> None:
        draw = random.Random(number)
        held: list[Held] = []
        while not self.stop.is_set():
            row = member(draw.randrange(1 << 20))
            routed = self.router.match(row)
            self._see_a_batch_as_a_whole(routed)
            if draw.random() < 0.05:
                check(routed, row, self.mapping)
                assert min(seats_left(inventory_of(routed).surveys())) >= 0
            if draw.random() < 0.5:
                held += self._reserve(routed, draw)
            if held and draw.random() < 0.4:
                self._settle(held.pop(draw.randrange(len(held))), draw)

    def _see_a_batch_as_a_whole(self, routed: Routed) -> None:
        together = [each for each in routed.eligible if int(each.survey[7:]) < FIRST_SEATED]
        assert len(together) in (0, TOGETHER)
        assert len({each.quota_ids[0][1:] for each in together}) <= 1
        with self._lock:
            self.answers += 1

    def _reserve(self, routed: Routed, draw: random.Random) -> Iterator[Held]:
        offers = [each for each in routed.eligible if int(each.survey[7:]) >= FIRST_SEATED]
        if not offers:
            return
        offer = draw.choice(offers)
        member_id = f"{routed.member_id}/{draw.random()}"
        reservation = self.router.reserve(member_id, offer.survey, offer.quota_ids, 60.0)
        if reservation is not None:
            self._count(offer.survey, offer.quota_ids, 1)
            yield reservation.id, offer.survey, offer.quota_ids

    def _settle(self, session: Held, draw: random.Random) -> None:
        id_, survey, ids = session
        if draw.random() < 0.3:
            assert self.router.complete(id_)
            if draw.random() < 0.7:
                self._count(survey, ids, -1)
                assert self.router.reverse(id_)
                assert not self.router.reverse(id_)
        else:
            self._count(survey, ids, -1)
            assert self.router.release(id_)
        assert not self.router.complete(id_)

    def _count(self, survey: str, ids: tuple[str, ...], seats: int) -> None:
        """Counted after seats were given, and before they are given back: never too many."""
        with self._lock:
            for id_ in ids:
                self.taken[survey, id_] += seats
                self.most[survey, id_] = max(self.most[survey, id_], self.taken[survey, id_])


def test_every_answer_is_of_one_moment_and_no_seat_is_given_twice(mapping: PanelMapping) -> None:
    stress = Stress(router_of(mapping), mapping)
    with ThreadPoolExecutor(READERS + 1) as pool:
        threads = [pool.submit(stress.write)]
        threads += [pool.submit(stress.read, number) for number in range(READERS)]
        wait(threads, timeout=SECONDS, return_when=FIRST_EXCEPTION)
        stress.stop.set()
        for thread in threads:
            thread.result()
    assert stress.answers > 100
    assert stress.batches > 3
    assert max(stress.most.values()) == SEATS, "some quota was full"
    left = {
        (survey.name, quota.id): quota.remaining
        for survey in stress.router.surveys
        for group in survey.groups
        for quota in group.quotas
        if int(survey.id) >= FIRST_SEATED
    }
    assert left == {key: SEATS - stress.taken[key] for key in left}


def test_a_last_seat_goes_to_one_of_many_at_once(mapping: PanelMapping) -> None:
    router = router_of(mapping)
    router.apply({"survey": "dynata:1000", "quota_ids": ["g0"], "remaining": 3})
    start = threading.Barrier(8)

    def take(number: int) -> int:
        start.wait()
        found = [router.reserve(f"{number}/{n}", "dynata:1000", ("g0", "b0"), 60) for n in range(5)]
        return sum(each is not None for each in found)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 3
    assert "dynata:1000" not in [each.survey for each in router.match(member(7)).eligible]


def test_readers_never_wait(mapping: PanelMapping) -> None:
    """A change of the inventory may take any time, even when sessions expire."""
    now = [0.0]
    router = router_of(mapping, lambda: now[0])
    assert router.reserve("m1", "dynata:1000", ("g0", "b0"), 5)
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with router._lock:
            inside.set()
            leave.wait(60)

    with ThreadPoolExecutor(2) as pool:
        holding = pool.submit(hold)
        assert inside.wait(10)
        try:
            now[0] = 10.0
            routed = pool.submit(lambda: (router.match(member(0)), router.surveys)).result(10)
            assert len(routed[0].uncertain) + len(routed[0].eligible) > 0
        finally:
            leave.set()
        holding.result(10)
    assert remaining(router, "dynata:1000") == [SEATS, SEATS, SEATS]


def test_readers_see_the_old_inventory_until_the_new_one_stands(mapping: PanelMapping) -> None:
    """The batch waits for what a survey is worth, and readers are answered meanwhile."""
    inside, leave = threading.Event(), threading.Event()

    def worth(survey: Survey) -> float | None:
        if survey.id == "7777":
            inside.set()
            assert leave.wait(60)
        return survey.pay

    plan = matcher.compile(matcher.Surveys((), (), (), mapping))
    router = Router(plan, as_of=AS_OF, worth=worth, sizes=SIZES)
    new = [opportunity(id_, "M", 18, 5, 10, 0) for id_ in (7775, 7776, 7777)]
    with ThreadPoolExecutor(1) as pool:
        applying = pool.submit(router.apply, new)
        assert inside.wait(10)
        assert router.match({"member_id": "m", "sex": "M", "age": 30}).eligible == []
        leave.set()
        assert len(applying.result(10).added) == 3
    assert len(router.match({"member_id": "m", "sex": "M", "age": 30}).eligible) == 3


def test_many_readers_may_see_sessions_expire_at_once(mapping: PanelMapping) -> None:
    now = [0.0]
    router = router_of(mapping, lambda: now[0])
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            router.match(member(1), limit=1)

    with ThreadPoolExecutor(READERS) as pool:
        readers = [pool.submit(read) for _ in range(READERS)]
        for number in range(300):
            assert router.reserve(f"m{number}", "dynata:1000", ("g0", "b0"), 1)
            now[0] += 2
        stop.set()
        for reader in readers:
            reader.result()
    assert remaining(router, "dynata:1000") == [SEATS, SEATS, SEATS]


def remaining(router: Router, name: str) -> list[int]:
    return list(seats_left(survey for survey in router.surveys if survey.name == name))
