"""A router that is updated, read and saved in any order, against a plain model of the updates.

The model keeps every survey as it was last reported whole, and every fact reported of a part of it
alone with its time; the newest of each counts. What is then left of the seats is counted from a
list of sessions, and the reference evaluator says who may be sent where.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import matcher
from matcher.marketplaces import marketplaces, read_id_list
from matcher.routing import Reservation, Router, RouterSizes
from matcher.rules import Member, Truth
from matcher.rules.evaluate import read_member
from matcher.surveys import (
    Choice,
    ChoiceStrategy,
    Group,
    Quota,
    Regime,
    Survey,
    Verdict,
    judge,
    make_choice,
    matches,
)
from profiles.errors import InputError
from profiles.schema import PanelMapping, Participation
from profiles.schema.panel_file import parse_panel
from profiles.schema.participation import read_participation
from tests.support.reference import of_member
from tests.support.strategies import (
    AS_OF,
    Json,
    Members,
    Variation,
    dynata,
    members_with_history,
    payload,
    rfg,
    toluna,
    variations,
    write_collections,
)

Key: TypeAlias = tuple[str, ...]
"""A quota by its id and those it is nested in; `a#1` is the second `a` beside another."""

Stamp: TypeAlias = tuple[float, int]
"""When something was so, and in which place it came."""

Offered: TypeAlias = tuple[str, str, tuple[str, ...], tuple[tuple[str, ...], ...]]
"""A member, a survey, the quotas given, and the other quotas that a session takes a seat in."""

START = 1_700_000_000.0
KEYS = {"dynata": "id", "toluna": "SurveyID", "rfg": "pid"}


def by_pid(raw: dict[str, Json]) -> dict[str, Json]:
    """A survey under the usual name of its id; suppliers of RFG see another."""
    return {"pid" if key == "rfg_id" else key: value for key, value in raw.items()}


SIZES = [
    RouterSizes(layer_ratio=ratio, page=page, first_block=block, recent_surveys=recent)
    for ratio, page, block, recent in [
        *((1, 1, 1, 1), (1, 2, 2, 2), (4, 256, 1 << 11, 1 << 11), (64, 3, 1, 1 << 11))
    ]
]
"""How seldom layers merge, surveys in a page, disjuncts in the first block, surveys kept."""


def quotas_of(groups: Sequence[Group], within: Key = ()) -> Iterator[tuple[Key, Quota]]:
    """Every quota with its key, each before those nested in it."""
    seen: Counter[str] = Counter()
    for group in groups:
        for quota in group.quotas:
            key = (*within, f"{quota.id}#{seen[quota.id]}")
            seen[quota.id] += 1
            yield key, quota
            yield from quotas_of(quota.groups, key)


def paths_of(
    groups: Sequence[Group], within: Key = (), *, closed: bool = False
) -> list[tuple[tuple[str, ...], list[Key]]]:
    """Every choice of one open quota of each group, as ids and keys; some groups need none.

    `closed`: quotas may be closed.
    """
    keys = iter([key for key, _ in quotas_of(groups, within) if len(key) == len(within) + 1])
    paths: list[tuple[tuple[str, ...], list[Key]]] = [((), [])]
    for group in groups:
        choices: list[tuple[tuple[str, ...], list[Key]]] = []
        for quota in group.quotas:
            key = next(keys)
            if closed or (quota.live and quota.remaining > 0):
                nested = paths_of(quota.groups, key, closed=closed)
                choices += [((quota.id, *ids), [key, *more]) for ids, more in nested]
        if group.regime is Regime.ALL_OPEN and not group.required:
            choices.append(((), []))
        paths = [(a + b, k + more) for a, k in paths for b, more in choices]
    return paths


def all_seats(survey: Survey, member: Member) -> list[tuple[str, ...]]:
    """Every quota that a member matches in groups in which none of these may be closed."""
    return sorted(
        (quota.id,)
        for group in survey.groups
        if group.regime is Regime.ALL_OPEN
        for quota in group.quotas
        if matches(quota, member) is Truth.TRUE
    )


Facts: TypeAlias = dict[tuple[Key, str], tuple[Any, Stamp]]
"""By part and field (`live`, `remaining`), what was reported of it alone, and when."""


def with_facts(survey: Survey, facts: Mapping[tuple[Key, str], Any]) -> Survey:
    """A survey with other fields of some of its parts."""

    def edited(groups: Sequence[Group], within: Key = ()) -> tuple[Group, ...]:
        keys = iter([key for key, _ in quotas_of(groups, within) if len(key) == len(within) + 1])
        made = []
        for group in groups:
            quotas = []
            for quota in group.quotas:
                key = next(keys)
                quotas.append(
                    replace(
                        quota,
                        live=facts.get((key, "live"), quota.live),
                        remaining=facts.get((key, "remaining"), quota.remaining),
                        groups=edited(quota.groups, key),
                    )
                )
            made.append(replace(group, quotas=tuple(quotas)))
        return tuple(made)

    return replace(
        survey,
        live=facts.get(((), "live"), survey.live),
        remaining=facts.get(((), "remaining"), survey.remaining),
        groups=edited(survey.groups),
    )


def seats_in(survey: Survey) -> dict[Key, int]:
    """The seats of a survey's quotas, and of itself where it has some."""
    own = {} if survey.remaining is None else {(): survey.remaining}
    return own | {key: quota.remaining for key, quota in quotas_of(survey.groups)}


def timeless(survey: Survey) -> Survey:
    """What was reported, without when."""
    return replace(survey, updated_at=None)


@dataclass
class Session:
    """Seats that a member holds or has used up."""

    id: str
    member: str
    survey: str
    ids: tuple[str, ...]
    keys: list[Key]
    expires: float
    completed: bool = False
    further: tuple[tuple[str, ...], ...] = ()


@dataclass
class Counts:
    """What a batch comes to."""

    added: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    set_aside: set[str] = field(default_factory=set)
    repeated: int = 0
    stale: int = 0
    unknown: int = 0


@dataclass
class Model:
    """What was reported to a router, and the sessions in it."""

    whole: dict[str, tuple[Survey, Stamp]] = field(default_factory=dict)
    facts: dict[str, Facts] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    used: Counter[tuple[str, Key]] = field(default_factory=Counter)
    place: int = 0

    def reported(self, name: str) -> Survey:
        """A survey as it was reported, by itself."""
        survey, stamp = self.whole[name]
        newer = {part: value for part, (value, at) in self.facts[name].items() if at > stamp}
        return with_facts(survey, newer)

    def all_reported(self) -> list[Survey]:
        """All surveys as they were reported, in the order they came, with what they share."""
        reported = [self.reported(name) for name in self.whole]
        projects = [survey for survey in reported if survey.marketplace == "rfg"]
        linked = {survey.name: survey for survey in marketplaces()["rfg"].link(projects)}
        return [linked.get(survey.name, survey) for survey in reported]

    def held(self, name: str) -> Counter[Key]:
        """The seats that sessions hold in a survey."""
        held = [s for s in self.sessions.values() if s.survey == name and not s.completed]
        return Counter(key for session in held for key in session.keys)

    def surveys(self, *, but: str = "") -> list[Survey]:
        """The surveys with the seats left, as if one session held none."""
        return [self._left(survey, but) for survey in self.all_reported()]

    def _left(self, survey: Survey, but: str) -> Survey:
        held = self.held(survey.name)
        if but in self.sessions and self.sessions[but].survey == survey.name:
            held.subtract(self.sessions[but].keys)
        left = {
            (key, "remaining"): max(seats - held[key] - self.used[survey.name, key], 0)
            for key, seats in seats_in(survey).items()
        }
        return with_facts(survey, left)

    def update_survey(self, survey: Survey, at: float, counts: Counts) -> None:
        """A survey is reported as a whole."""
        self.place += 1
        survey = replace(survey, updated_at=at if survey.updated_at is None else survey.updated_at)
        assert survey.updated_at is not None
        stamp = survey.updated_at, self.place
        name = survey.name
        if name in self.whole:
            known = self.whole[name][0].updated_at
            if known is not None and survey.updated_at < known:
                counts.stale += 1
                return
            before = timeless(self.reported(name))
            self.whole[name] = survey, stamp
            counts.repeated += timeless(self.reported(name)) == before
        else:
            self.whole[name], self.facts[name] = (survey, stamp), {}

    def update_part(
        self, name: str, key: Key, fields: Mapping[str, Any], at: float, counts: Counts
    ) -> None:
        """Something is reported of one part of a survey that is known."""
        self.place += 1
        before = self.reported(name)
        since = self.whole[name][1][0]
        facts = self.facts[name]
        newer = [
            part
            for part in fields
            if at >= since and at >= facts.get((key, part), (None, (since, 0)))[1][0]
        ]
        for part in newer:
            facts[key, part] = fields[part], (at, self.place)
        counts.stale += not newer
        counts.repeated += bool(newer) and self.reported(name) == before

    def named(self, name: str, ids: Sequence[str]) -> Key | None:
        """The first quota of those ids."""
        found = quotas_of(self.reported(name).groups)
        path = tuple(ids)
        return next((k for k, _ in found if tuple(i.rpartition("#")[0] for i in k) == path), None)

    def settle(self, before: list[Survey]) -> None:
        """Where a batch reports other seats than before, those used are counted in it."""
        old = {survey.name: seats_in(survey) for survey in before}
        for survey in self.all_reported():
            new = seats_in(survey)
            for key in {*new, *old.get(survey.name, {})}:
                if new.get(key, 0) != old.get(survey.name, {}).get(key, 0):
                    self.used[survey.name, key] = 0

    def expire(self, now: float) -> None:
        """Sessions end that were not settled in time."""
        for session in list(self.sessions.values()):
            if not session.completed and session.expires <= now:
                del self.sessions[session.id]


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


class Routing(RuleBasedStateMachine):
    """One router, what was reported to it, and a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name)
        write_collections(self.folder / "collections")
        self.now = START
        self.model = Model()
        self.raws: dict[str, dict[str, Json]] = {}
        self.offers: list[Offered] = []
        self.ended: list[str] = []

    def teardown(self) -> None:
        self.temporary.cleanup()

    @initialize(
        variation=variations,
        surveys=payload(),
        people=members_with_history(),
        sizes=st.sampled_from(SIZES),
        how=st.sampled_from(
            [
                ChoiceStrategy.FIRST,
                ChoiceStrategy.FIRST,
                ChoiceStrategy.MOST_OPEN,
                ChoiceStrategy.BALANCED,
            ]
        ),
    )
    def start(
        self,
        variation: Variation,
        surveys: list[Json],
        people: tuple[Members, Members],
        sizes: RouterSizes,
        how: ChoiceStrategy,
    ) -> None:
        self.mapping: PanelMapping = parse_panel(
            variation.tables(), self.folder / "panel.toml"
        ).mapping
        of, took_part = people
        history = [read_participation(row) for row in took_part.rows] if variation.history else None
        rows = of.table().to_pylist()[:3]
        self.members: list[tuple[dict[str, Any], Member]] = [
            (row, read_member(self.mapping, row, AS_OF, history, read_id_list)) for row in rows
        ]
        self.choice: Choice = make_choice(how, 1)
        self.options = self._options(history, sizes)
        surveys = list(map(by_pid, surveys))
        loaded = self._load(surveys)
        self.router = Router(matcher.compile(loaded), **self.options)
        for survey in loaded.surveys:
            self.model.whole[survey.name] = survey, (float("-inf"), 0)
            self.model.facts[survey.name] = {}
        self._remember(surveys)

    def _options(self, history: list[Participation] | None, sizes: RouterSizes) -> dict[str, Any]:
        return {
            "choose": self.choice,
            "as_of": AS_OF,
            "history": None if history is None else partial(of_member, history),
            "clock": lambda: self.now,
            "sizes": sizes,
        }

    def _load(self, raw: Json) -> matcher.Surveys:
        path = self.folder / "payload.json"
        path.write_bytes(orjson.dumps(raw))
        return matcher.load_surveys([path], self.mapping)

    def _remember(self, raws: Sequence[dict[str, Json]]) -> None:
        for raw in raws:
            marketplace = next(name for name, key in KEYS.items() if key in raw)
            self.raws[f"{marketplace}:{raw[KEYS[marketplace]]}"] = raw

    # --- updates

    @rule(data=st.data(), refresh=st.sampled_from([(), (), (), ("toluna",), ("rfg", "dynata")]))
    def apply(self, data: st.DataObject, refresh: tuple[str, ...]) -> None:
        at = data.draw(st.sampled_from([None, None, self.now - 30, self.now - 5, self.now]), "at")
        before = self.model.all_reported()
        counts, read = Counts(), _Read(set(), unread=False)
        batch = []
        for _ in range(data.draw(st.integers(0, 4), "parts")):
            made = data.draw(st.sampled_from(_PARTS), "part")(self, data)
            batch.append(made)
        given = self.now if at is None else at
        for part in batch:
            self._update(part, given, counts, read)
        if not read.unread:
            for survey in self.model.all_reported():
                known = self.model.reported(survey.name)
                if known.marketplace in refresh and known.live and known.name not in read.names:
                    self.model.update_part(known.name, (), {"live": False}, given, counts)
        self.model.settle(before)
        old = {each.name: timeless(each) for each in before}
        new = {each.name: timeless(each) for each in self.model.all_reported()}
        whole: Json = batch[0] if len(batch) == 1 and data.draw(st.booleans()) else batch
        if data.draw(st.booleans(), "text"):
            whole = orjson.dumps(whole)
        applied = self.router.apply(whole, refresh=refresh, at=at)
        assert set(applied.added) == new.keys() - old.keys()
        assert set(applied.changed) == {name for name in old if new[name] != old[name]}
        assert set(applied.set_aside) == counts.set_aside
        assert (applied.stale, applied.unknown) == (counts.stale, counts.unknown)
        assert applied.repeated == counts.repeated

    def _update(self, part: Json, at: float, counts: Counts, read: _Read) -> None:
        """The model hears one part of a batch."""
        if not isinstance(part, dict) or part.get("nonsense"):
            read.unread = True
        elif "survey" in part:
            self._update_seats(part, at, counts, read)
        elif "QuotaID" in part:
            self._update_notice(part, at, counts, read)
        elif "Status" in part:
            self._update_closed(part, at, counts, read)
        else:
            loaded = self._load(part)
            for survey in loaded.surveys:
                # As read by itself: what projects share is for the model to find.
                read.names.add(survey.name)
                self.model.update_survey(survey, at, counts)
            counts.set_aside |= set(loaded.rejected)
            read.names |= set(loaded.rejected)

    def _update_seats(self, part: Json, at: float, counts: Counts, read: _Read) -> None:
        name, ids = part["survey"], part.get("quota_ids", [])
        if "status" not in part and "remaining" not in part:
            counts.set_aside.add(name)
            read.names.add(name)
            return
        fields = {"remaining": part["remaining"]} if "remaining" in part else {}
        fields |= {"live": part["status"] == "open"} if "status" in part else {}
        when = datetime.fromisoformat(part["at"]).timestamp() if "at" in part else at
        key: Key | None = ()
        if name in self.model.whole and ids:
            key = self.model.named(name, ids)
        if name not in self.model.whole or key is None:
            counts.unknown += 1
        else:
            self.model.update_part(name, key, fields, when, counts)

    def _update_notice(self, part: Json, at: float, counts: Counts, read: _Read) -> None:
        name = f"toluna:{part['SurveyID']}/{part['WaveID']}" if "WaveID" in part else None
        if not isinstance(part["IsLive"], bool):
            if name is None:
                read.unread = True
            else:
                counts.set_aside.add(name)
                read.names.add(name)
            return
        when = at
        if "UpdateDateTimeUTC" in part:
            when = datetime.fromisoformat(part["UpdateDateTimeUTC"]).timestamp()
        known = [each for each in self.model.whole if each.startswith("toluna:")]
        ids = [str(part["QuotaID"])]
        found = [each for each in known if name in (None, each) and self.model.named(each, ids)]
        counts.unknown += not found
        for each in found:
            key = self.model.named(each, ids)
            assert key is not None
            self.model.update_part(each, key, {"live": part["IsLive"]}, when, counts)

    def _update_closed(self, part: Json, at: float, counts: Counts, read: _Read) -> None:
        name = f"toluna:{part['SurveyID']}/{part['WaveId']}"
        if part["Status"] != "Closed":
            counts.set_aside.add(name)
            read.names.add(name)
            return
        when = at
        if "DateTime" in part:
            when = datetime.fromisoformat(part["DateTime"]).replace(tzinfo=UTC).timestamp()
        if name in self.model.whole:
            self.model.update_part(name, (), {"live": False}, when, counts)
        else:
            counts.unknown += 1

    # --- parts of a batch

    def any_survey(self, data: st.DataObject) -> Json:
        """A survey, new or otherwise than before."""
        marketplace = data.draw(st.sampled_from(["dynata", "toluna", "rfg", "rfg"]))
        raw = data.draw({"dynata": dynata(), "toluna": toluna(), "rfg": rfg()}[marketplace])
        raw = by_pid(raw) | {KEYS[marketplace]: data.draw(st.integers(1, 5))}
        self._remember([raw])
        return self._dated(raw, data)

    def known_survey(self, data: st.DataObject) -> Json:
        """A survey as it was sent before, or with other seats, or closed; quotas may be gone."""
        raw = dict(data.draw(st.sampled_from(list(self.raws.values()))))
        how = data.draw(st.sampled_from(["same", "same", "closed", "seats", "fewer", "no seats"]))
        if how == "closed":
            raw |= {"status": "CLOSED"} if "cells" in raw else {}
            raw |= {"state": 3} if "pid" in raw else {}
        elif how == "seats" and "SurveyID" in raw:
            raw["EstimatedCompletesRemaining"] = data.draw(st.integers(0, 2))
        elif how == "seats" and "pid" in raw:
            raw["quotas"] = [
                {**each, "limit": 1, "completesLeft": 1, "startsLeft": 1} for each in raw["quotas"]
            ]
        elif how == "seats":
            raw["quotas"] = [[{**each, "count": 2} for each in group] for group in raw["quotas"]]
        elif how == "fewer":
            key = "Quotas" if "SurveyID" in raw else "quotas"
            raw[key] = raw[key][1:]
        elif how == "no seats":
            raw.pop("EstimatedCompletesRemaining", None)
        self._remember([raw])
        return self._dated(raw, data)

    def _dated(self, raw: dict[str, Json], data: st.DataObject) -> Json:
        """Dynata says when; Toluna's answers may hold several surveys."""
        ago = data.draw(st.sampled_from([None, None, 0, 10, 40, -5]), "ago")
        if "cells" in raw and ago is not None:
            return {**raw, "notified": iso(self.now - ago)}
        if "SurveyID" in raw and data.draw(st.booleans()):
            return {"Surveys": [raw]}
        return raw

    def notice(self, data: st.DataObject) -> Json:
        """A Toluna notification, of a quota that is known or not."""
        part: dict[str, Json] = {
            "QuotaID": data.draw(st.sampled_from([1, "2", 3, 4, 9])),
            "SurveyID": data.draw(st.integers(1, 5)),
            "WaveID": 1,
            "IsLive": data.draw(st.sampled_from([True, False, False, "maybe"])),
        }
        if data.draw(st.integers(0, 3)) == 0:
            del part["SurveyID"], part["WaveID"]
        if data.draw(st.booleans()):
            part["UpdateDateTimeUTC"] = iso(self.now - data.draw(st.integers(-2, 20)))
        return part

    def closed(self, data: st.DataObject) -> Json:
        """A Toluna notification that a survey is closed, which is known or not."""
        part: dict[str, Json] = {
            "SurveyID": data.draw(st.integers(1, 5)),
            "WaveId": data.draw(st.sampled_from([1, "1", 1, 2])),
            "Status": data.draw(st.sampled_from(["Closed", "Closed", "Closed", "Asleep"])),
        }
        if data.draw(st.booleans()):
            when = datetime.fromtimestamp(self.now - data.draw(st.integers(-2, 20)), UTC)
            part["DateTime"] = f"{when:%Y-%m-%d %H:%M:%S}"
        return part

    def seats(self, data: st.DataObject) -> Json:
        """Our own word on the seats or the status of a survey or a quota."""
        names = [*self.model.whole, "dynata:99"]
        name = data.draw(st.sampled_from(names), "whose seats")
        part: dict[str, Json] = {"survey": name}
        if name in self.model.whole and data.draw(st.integers(0, 3)):
            keys = [key for key, _ in quotas_of(self.model.reported(name).groups)] + [("9#0",)]
            key = data.draw(st.sampled_from(keys))
            part["quota_ids"] = [each.rpartition("#")[0] for each in key]
        if data.draw(st.integers(0, 4)):
            part["remaining"] = data.draw(st.integers(0, 2))
        if data.draw(st.booleans()):
            part["status"] = data.draw(st.sampled_from(["open", "open", "closed"]))
        if data.draw(st.booleans()):
            part["at"] = iso(self.now - data.draw(st.integers(-2, 20)))
        return part

    def malformed(self, data: st.DataObject) -> Json:
        """Something that is no change; a survey of which the old version stays."""
        id_ = data.draw(st.integers(1, 5))
        return data.draw(
            st.sampled_from(
                [
                    17,
                    {"nonsense": True},
                    {"id": id_, "status": "OPEN", "cells": 5},
                    {"id": id_, "cells": [], "quotas": [[{"id": "q", "cells": ["?"]}]]},
                    {"SurveyID": id_, "WaveID": 1, "Quotas": [{"QuotaID": 1}]},
                    {"pid": id_, "state": "no", "datapoints": [], "quotas": []},
                ]
            )
        )

    # --- seats

    @rule(data=st.data())
    def reserve(self, data: st.DataObject) -> None:
        """Seats of an offer made now."""
        fresh = self._fresh_offers()
        self.offers += [each for each in fresh if each not in self.offers]
        if fresh:
            self._reserve(*data.draw(st.sampled_from(fresh), "offer"), data)

    @rule(data=st.data())
    def reserve_whatever(self, data: st.DataObject) -> None:
        """Seats of an offer made long ago, or of none; at times for somebody else."""
        offers = [
            *self.offers,
            ("m0", "dynata:1", ("q1", "q1"), ()),
            ("m0", "rfg:77", (), ()),
        ]
        member, name, ids, further = data.draw(st.sampled_from(offers), "offer")
        if data.draw(st.integers(0, 4)) == 0:
            member = data.draw(st.sampled_from(["another", "m0"]))
        if data.draw(st.integers(0, 2)) == 0:
            further = data.draw(st.sampled_from([(), (("q1",),), (("q9",),)]))
        self._reserve(member, name, ids, further, data)

    def _fresh_offers(self) -> list[Offered]:
        return [
            (member.id, offer.survey, offer.quota_ids, offer.seats)
            for row, member in self.members
            for offer in self.router.match(row).eligible
        ]

    def _reserve(
        self,
        member: str,
        name: str,
        ids: tuple[str, ...],
        further: tuple[tuple[str, ...], ...],
        data: st.DataObject,
    ) -> None:
        ttl = data.draw(st.sampled_from([1.0, 5.0, 60.0]), "ttl")
        try:
            expected = self._expected(member, name, ids, further, ttl)
        except InputError:
            with pytest.raises(InputError, match=r"no survey|no quota|one quota of each group"):
                self.router.reserve(member, name, ids, ttl, further)
            return
        got = self.router.reserve(member, name, ids, ttl, further)
        if expected is None:
            assert got is None
        else:
            assert got is not None
            new = not expected.id
            expected.id = expected.id or got.id
            assert expected.id == got.id
            assert got == Reservation(got.id, member, name, ids, expected.expires, expected.further)
            self.model.sessions[got.id] = expected
            if new:
                self._no_more_taken_than_there_are(expected)

    def _no_more_taken_than_there_are(self, session: Session) -> None:
        reported = self.model.all_reported()
        survey = next(each for each in reported if each.name == session.survey)
        held, seats = self.model.held(session.survey), seats_in(survey)
        for key in session.keys:
            assert held[key] + self.model.used[session.survey, key] <= seats[key]

    def _expected(
        self,
        member: str,
        name: str,
        ids: tuple[str, ...],
        further: tuple[tuple[str, ...], ...],
        ttl: float,
    ) -> Session | None:
        """The session that there is to be, without an id where it is new; None: there is none.

        Raises InputError where there is no such survey, or it has no such quotas.
        """
        sessions = self.model.sessions.values()
        held = next((s for s in sessions if (s.member, s.survey) == (member, name)), None)
        if held is not None and held.completed:
            return None
        if held is not None and held.ids == ids and further in ((), held.further):
            held.expires = max(held.expires, self.now + ttl)
            return held
        but = "" if held is None else held.id
        survey = next((s for s in self.model.surveys(but=but) if s.name == name), None)
        if survey is None or ids not in [path for path, _ in paths_of(survey.groups, closed=True)]:
            raise InputError
        if any(self.model.named(name, path) is None for path in further):
            raise InputError
        if not survey.open:
            return None
        keys = next((keys for path, keys in paths_of(survey.groups) if path == ids), None)
        if keys is None:
            return None
        for path in further:
            more = [
                key
                for key, quota in quotas_of(survey.groups)
                if tuple(i.rpartition("#")[0] for i in key) == path
                and quota.live
                and quota.remaining > 0
                and key not in keys
            ]
            if not more:
                return None
            keys = [*keys, more[0]]
        if held is not None:
            del self.model.sessions[held.id]
            self.ended.append(held.id)
        own: list[Key] = [] if survey.remaining is None else [()]
        return Session("", member, name, ids, own + keys, self.now + ttl, further=further)

    @precondition(lambda self: self.model.sessions)
    @rule(data=st.data(), what=st.sampled_from(["complete", "complete", "release", "reverse"]))
    def settle(self, data: st.DataObject, what: str) -> None:
        others = [*self.model.sessions, *self.ended[-3:], "none"]
        fitting = [s.id for s in self.model.sessions.values() if s.completed is (what == "reverse")]
        rarely = data.draw(st.integers(0, 4)) == 0
        id_ = data.draw(st.sampled_from(others if rarely else fitting or others), "session")
        session = self.model.sessions.get(id_)
        possible = session is not None and session.completed is (what == "reverse")
        assert getattr(self.router, what)(id_) is possible
        if session is None or not possible:
            return
        if what == "complete":
            session.completed = True
            self.model.used.update((session.survey, key) for key in session.keys)
            return
        del self.model.sessions[id_]
        self.ended.append(id_)
        if what == "reverse":
            self.model.used.subtract((session.survey, key) for key in session.keys)

    @rule(seconds=st.sampled_from([0.5, 2.0, 10.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.model.expire(self.now)

    @rule()
    def restart(self) -> None:
        saved = self.router.to_bytes()
        self.router = Router.from_bytes(saved, **self.options)
        for row, _ in self.members[:1]:
            self.router.match(row)
        assert Router.from_bytes(self.router.to_bytes(), **self.options).surveys

    # --- what must be

    @invariant()
    def as_told(self) -> None:
        if not hasattr(self, "router"):
            return
        assert list(self.router.surveys) == self.model.surveys()

    @invariant()
    def as_the_reference_has_it(self) -> None:
        if not hasattr(self, "router"):
            return
        surveys = self.model.surveys()
        surveys.sort(key=lambda each: (each.pay is None, -(each.pay or 0.0)))
        for row, member in self.members:
            judged = [(each.name, judge(each, member, self.choice)) for each in surveys]
            routed = self.router.match(row)
            assert [(each.survey, each.quota_ids) for each in routed.eligible] == [
                (name, each.quota_ids) for name, each in judged if each.verdict is Verdict.ELIGIBLE
            ]
            by_name = {each.name: each for each in surveys}
            for offer in routed.eligible:
                assert all_seats(by_name[offer.survey], member) == sorted(
                    [*offer.seats, *zip(offer.quota_ids, strict=True)]
                    if offer.survey.startswith("rfg:")
                    else offer.seats
                )
            assert [each.survey for each in routed.uncertain] == [
                name for name, each in judged if each.verdict is Verdict.UNCERTAIN
            ]


@dataclass
class _Read:
    """The surveys of which a batch says something, and whether there is more in it."""

    names: set[str]
    unread: bool


_PARTS = [
    Routing.any_survey,
    Routing.known_survey,
    Routing.known_survey,
    Routing.notice,
    Routing.closed,
    Routing.seats,
    Routing.seats,
    Routing.malformed,
]

Routing.TestCase.settings = settings(stateful_step_count=25)
TestRouting = Routing.TestCase
