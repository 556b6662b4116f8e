"""What marketplaces say changed: what is read, and that what is malformed disturbs nothing else."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.loading import ChangeReader, Changes, load_surveys
from matcher.marketplaces import Lowering, LoweringSizes, Memo, marketplaces
from matcher.surveys import (
    Diagnostic,
    Level,
    QuotaUpdate,
    Rejected,
    SeatUpdate,
    Survey,
    SurveyUpdate,
)
from profiles import InputError, PanelMapping
from profiles.panel import open_panel
from profiles.schema.panel_file import parse_panel
from tests.matcher.loading.test_files import (
    PAYLOADS,
    STRANGE,
    Json,
    named,
    places,
    replaced,
)
from tests.support.commandline import PANEL, put, put_panel
from tests.support.strategies import (
    Variation,
    payload,
    rfg,
    variations,
)

NOTICE: dict[str, Json] = {
    "QuotaID": 3445365,
    "SurveyID": 45367678,
    "WaveID": 7,
    "IsLive": False,
    "UpdateDateTimeUTC": "2018-10-22 19:58:42.99 +00:00",
}
CLOSED: dict[str, Json] = {
    "SurveyID": 45367678,
    "SurveyRef": "45367678-US",
    "Status": "Closed",
    "DateTime": "2018-10-22 19:58:42",
    "WaveId": 7,
}
SEATS: dict[str, Json] = {
    "survey": "toluna:1/2",
    "quota_ids": ["3", 5],
    "remaining": 12,
    "status": "open",
    "at": "2026-11-21T10:00:00Z",
}
SAID: dict[str, dict[str, Json]] = {
    **PAYLOADS,
    "notice": NOTICE,
    "closed": CLOSED,
    "seats": SEATS,
}
AT = 1795255200.0


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> PanelMapping:
    folder = tmp_path_factory.mktemp("panel")
    (folder / "lists").mkdir()
    text = PANEL + '[collections]\nfolder = "lists"\n[history]\nsource = "h.parquet"\n'
    return open_panel(put_panel(folder, text)).mapping


def surveys_of(changes: Changes) -> list[Survey]:
    return [update.survey for update in changes.updates if isinstance(update, SurveyUpdate)]


def faulty(found: Sequence[Diagnostic]) -> bool:
    return any(each.level is Level.ERROR for each in found)


# --- surveys


@given(surveys=payload(), variation=variations)
def test_surveys_are_read_as_files_are(
    folder: Path, surveys: list[Json], variation: Variation
) -> None:
    """One path for both: the same surveys before linking, and the same findings."""
    mapping = parse_panel(variation.tables(), folder / "panel.toml").mapping
    path = put(folder, "p.json", surveys)
    loaded = load_surveys([path], mapping)
    for batch in (surveys, orjson.dumps(surveys), json.dumps(surveys)):
        changes = ChangeReader(mapping).read(batch)
        linked = surveys_of(changes)
        for marketplace in marketplaces().values():
            own = [survey for survey in linked if survey.marketplace == marketplace.name]
            others = [each for each in linked if each.marketplace != marketplace.name]
            linked = [*others, *marketplace.link(own)]
        assert sorted(linked, key=lambda each: each.name) == sorted(
            loaded.surveys, key=lambda each: each.name
        )
        assert [finding.file for finding in changes.diagnostics] == [""] * len(changes.diagnostics)
        assert sorted(map(content, changes.diagnostics)) == sorted(map(content, loaded.diagnostics))
        assert changes.unread == 0


def content(finding: Diagnostic) -> tuple[str, ...]:
    return finding.code, finding.survey or "", finding.pointer, finding.message, finding.at


@given(
    changed=st.lists(st.tuples(st.randoms(use_true_random=False), st.sampled_from(STRANGE))),
    marketplace=st.sampled_from(sorted(PAYLOADS)),
)
def test_what_was_read_before_does_not_matter(
    mapping: PanelMapping, changed: list[tuple[random.Random, Json]], marketplace: str
) -> None:
    """A reader that has read much says what a new one says."""
    warm = ChangeReader(mapping)
    for rng, new in changed:
        document = named(marketplace, rng.randint(1, 3))
        for path in rng.choices([path for path in places(document) if path], k=2):
            if (rng.random() < 0.7) and path in list(places(document)):
                document = replaced(document, path, new)
        assert_alike(warm.read(document), ChangeReader(mapping).read(document))


CELL = {"tag": "a", "kind": "LIST", "attribute_id": "1"}


@pytest.mark.parametrize("key", ["value", "list", "range", "negate", "operator", "attribute_id"])
def test_cells_that_only_seem_alike_are_told_apart(mapping: PanelMapping, key: str) -> None:
    """1, true, 1.0 and "1" are equal or hash alike in one language or another."""
    values: list[Json] = [1, True, 1.0, "1", None, 0, False, float("nan"), 2**64, -(2**64), 1e300]
    within: dict[str, list[Json]] = {
        "list": [[each] for each in values],
        "range": [{"from": each, "to": 30} for each in values],
    }
    contents = within.get(key, values)
    kinds = {"list": "LIST", "value": "VALUE", "range": "RANGE"}
    warm = ChangeReader(mapping)
    for _ in range(2):
        for content in contents:
            cell = {**CELL, "kind": kinds.get(key, "ANSWERED"), key: content}
            for quota in ({"id": "q", "cells": ["a"], "count": 1, "status": "OPEN"}, None):
                document = {
                    "id": 1,
                    "status": "OPEN",
                    "cells": [cell],
                    "filters": [] if quota else [[{"cells": ["a"]}]],
                    "quotas": [[quota]] if quota else [],
                }
                assert_alike(warm.read(document), ChangeReader(mapping).read(document))


def assert_alike(one: Changes, other: Changes) -> None:
    assert (one.updates, one.unread) == (other.updates, other.unread)
    said_once = ("history-not-applied", "gate-not-applied", "unmapped-attribute")
    assert [each for each in one.diagnostics if each.survey or each.code not in said_once] == [
        each for each in other.diagnostics if each.survey or each.code not in said_once
    ]


def test_a_cell_is_known_by_what_it_says_whatever_its_tag(mapping: PanelMapping) -> None:
    """Places are those of the survey at hand, not of the one that was read first."""
    reader = ChangeReader(mapping)
    good = {**CELL, "list": ["1"]}
    unmapped = {**CELL, "list": ["9"]}
    for place, contents in ((1, (good, unmapped)), (0, (unmapped, good))):
        cells = [{**each, "tag": f"{place} {number}"} for number, each in enumerate(contents)]
        filters = [[{"cells": [each["tag"] for each in cells]}]]
        changes = reader.read(
            {"id": 1, "status": "OPEN", "cells": cells, "filters": filters, "quotas": []}
        )
        (survey,) = surveys_of(changes)
        assert [at for _, at in survey.origins] == ["/cells/0", "/cells/1"]
        pointers = [e.pointer for e in changes.diagnostics if e.code == "unmapped-answer"]
        assert pointers == [f"/cells/{place}/list/0"]


def test_what_is_remembered_has_an_end(mapping: PanelMapping) -> None:
    sizes = LoweringSizes(remembered=3)
    lowering = Lowering("dynata", mapping, sizes)
    reader = ChangeReader(mapping, sizes)
    for number in range(20):
        document = replaced(named("dynata", number), ("cells", 0, "value"), str(number))
        assert_alike(reader.read(document), ChangeReader(mapping).read(document))
        lowering.start(None)
        marketplaces()["dynata"].lower(document, lowering)
        remembered = vars(lowering.memo(Memo)).values()
        assert 1 <= max(map(len, remembered)) <= 3 + len(document["cells"])


def test_a_notice_is_given_once(tmp_path: Path) -> None:
    reader = ChangeReader(open_panel(put_panel(tmp_path)).mapping)
    codes = [[each.code for each in reader.read(named("dynata", 1)).diagnostics] for _ in range(2)]
    assert codes[0].count("history-not-applied") == 1
    assert codes[1].count("history-not-applied") == 0


# --- anything


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "id cells filters quotas Surveys SurveyID WaveID WaveId Status QuotaID IsLive pid "
                "response "
                "datapoints state survey remaining status quota_ids at".split()
            )
            | st.text(),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(changes=JSON.filter(lambda changes: not isinstance(changes, str)))
def test_any_json_is_read_or_set_aside(mapping: PanelMapping, changes: Json) -> None:
    """A batch is what its parts are, one after the other; each is an update or counted."""
    found = ChangeReader(mapping).read(changes)
    objects = changes if isinstance(changes, list) else [changes]
    parts = [ChangeReader(mapping).read([one]) for one in objects]
    assert found.updates == tuple(update for part in parts for update in part.updates)
    assert found.unread == sum(part.unread for part in parts)
    aside = [update for update in found.updates if isinstance(update, Rejected)]
    assert faulty(found.diagnostics) == bool(aside or found.unread)
    for part, one in zip(parts, objects, strict=True):
        if not isinstance(one, dict) or "Surveys" not in one:
            assert len(part.updates) + part.unread == 1


@pytest.mark.parametrize("what", SAID)
def test_any_part_may_be_anything(what: str, mapping: PanelMapping) -> None:
    """One malformed change is set aside, and never disturbs those beside it."""
    good = [named("dynata", 8), NOTICE, SEATS, named("rfg", 9)]
    alone = ChangeReader(mapping).read(good)
    assert [type(update) for update in alone.updates] == [
        SurveyUpdate,
        QuotaUpdate,
        QuotaUpdate,
        SurveyUpdate,
    ]
    reader = ChangeReader(mapping)
    wrong = []
    for path in places(SAID[what]):
        for new in STRANGE:
            document = replaced(SAID[what], path, new)
            found = reader.read([*good[:2], document, *good[2:]])
            findings = [finding for finding in found.diagnostics if finding.at == "/2"]
            updates = found.updates[2:-2]
            aside = all(isinstance(update, Rejected) for update in updates)
            if (
                found.updates[:2] + found.updates[-2:] != alone.updates
                or len(updates) + found.unread != 1
                or aside != faulty(findings)
            ):
                wrong.append((path, new, found))
    assert not wrong


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not JSON: empty"),
        (b"{", "not JSON: line 1, column 2: cut off"),
        ("\ud800", "not JSON: not UTF-8 text at byte 1"),
        (b"\xff", "not JSON: not UTF-8 text at byte 1"),
    ],
)
def test_what_is_not_json_changes_nothing(
    data: bytes | str, message: str, mapping: PanelMapping
) -> None:
    changes = ChangeReader(mapping).read(data)
    assert (changes.updates, changes.unread) == ((), 1)
    assert [(each.code, each.message) for each in changes.diagnostics] == [
        ("invalid-json", message)
    ]


def test_a_repeated_key_sets_only_its_survey_aside(mapping: PanelMapping) -> None:
    text = json.dumps(NOTICE)
    twice = text.replace('"IsLive"', '"IsLive": true, "IsLive"')
    changes = ChangeReader(mapping).read(f"[{twice}, {text}]".encode())
    assert [type(update) for update in changes.updates] == [Rejected, QuotaUpdate]
    (found,) = changes.diagnostics
    assert (found.code, found.at, found.pointer) == ("repeated-key", "/0", "/IsLive")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {"\ud800": 1}])
def test_parsed_json_is_looked_through_as_bytes_are(mapping: PanelMapping, value: Json) -> None:
    changes = ChangeReader(mapping).read([{**PAYLOADS["dynata"], "created": value}, NOTICE])
    assert changes.updates == (Rejected("dynata:1"), *ChangeReader(mapping).read(NOTICE).updates)


def test_a_marketplace_that_is_not_known(mapping: PanelMapping) -> None:
    reader = ChangeReader(mapping)
    with pytest.raises(InputError, match="no marketplace `tolna`; did you mean `toluna`"):
        reader.read([], "tolna")
    assert surveys_of(reader.read({"id": 1, "status": "OPEN"}, "dynata"))[0].name == "dynata:1"


# --- notices and seats


def update_of(mapping: PanelMapping, change: Json) -> Any:
    changes = ChangeReader(mapping).read(change)
    assert not changes.diagnostics
    (update,) = changes.updates
    return update


def test_a_toluna_notice(mapping: PanelMapping) -> None:
    """The documentation's example; `UpdateDateTimeUTC`: "the date/time of the status change"."""
    assert update_of(mapping, NOTICE) == QuotaUpdate(
        "toluna", "45367678/7", ("3445365",), False, None, 1540238322.99
    )
    for written in ("2018-10-22T19:58:42.99Z", "2018-10-22T19:58:42.99", "2018-10-22 19:58:42.99Z"):
        assert update_of(mapping, NOTICE | {"UpdateDateTimeUTC": written}).at == 1540238322.99
    without = {key: NOTICE[key] for key in ("QuotaID", "IsLive")}
    assert update_of(mapping, without) == QuotaUpdate(
        "toluna", None, ("3445365",), False, None, None
    )


def test_a_malformed_notice_names_its_survey(mapping: PanelMapping) -> None:
    notice = NOTICE | {"UpdateDateTimeUTC": "yesterday", "IsLive": 7}
    changes = ChangeReader(mapping).read([notice, {"QuotaID": 1}])
    assert changes.updates == (Rejected("toluna:45367678/7"),)
    assert changes.unread == 1
    assert [(each.at, each.pointer, each.message) for each in changes.diagnostics] == [
        ("/0", "/IsLive", "must be true or false"),
        ("/0", "/UpdateDateTimeUTC", "must be a date and time (2026-11-21T10:00:00Z)"),
        ("/1", "/IsLive", "missing"),
    ]


def test_a_survey_that_toluna_has_closed(mapping: PanelMapping) -> None:
    """The documentation's keys, in the spelling of either notice; `DateTime` is in UTC."""
    name, at = "toluna:45367678/7", 1540238322.0
    assert update_of(mapping, CLOSED) == SeatUpdate(name, False, None, at)
    assert update_of(mapping, CLOSED | {"Status": " closed "}).live is False
    ids = {"SurveyID": " 45367678", "Status": "Closed"}
    for spelling in ("WaveId", "WaveID"):
        assert update_of(mapping, ids | {spelling: "7"}) == SeatUpdate(name, False, None, None)
    notice = {key: NOTICE[key] for key in ("QuotaID", "SurveyID", "IsLive")}
    assert update_of(mapping, notice | {"WaveId": 7}).survey_id == "45367678/7"


@pytest.mark.parametrize(
    ("fault", "code", "pointer", "message", "named"),
    [
        (
            {"Status": "Live"},
            "unknown-status",
            "/Status",
            "the status `Live` is not known; the survey stays as it was",
            True,
        ),
        ({"Status": None}, "invalid-payload", "/Status", "must be text", True),
        (
            {"DateTime": "yesterday"},
            "invalid-payload",
            "/DateTime",
            "must be a date and time (2026-11-21T10:00:00Z)",
            True,
        ),
        (
            {"WaveId": None},
            "invalid-payload",
            "/WaveId",
            "must be text or a whole number",
            False,
        ),
    ],
)
def test_a_notice_of_a_survey_that_cannot_be_taken(
    fault: Json, code: str, pointer: str, message: str, named: bool, mapping: PanelMapping
) -> None:
    changes = ChangeReader(mapping).read([CLOSED | fault])
    assert changes.updates == ((Rejected("toluna:45367678/7"),) if named else ())
    assert changes.unread == (not named)
    (found,) = changes.diagnostics
    assert (found.level, found.code, found.at, found.pointer, found.message) == (
        Level.ERROR,
        code,
        "/0",
        pointer,
        message,
    )


@pytest.mark.parametrize(
    ("change", "update"),
    [
        (SEATS, QuotaUpdate("toluna", "1/2", ("3", "5"), True, 12, AT)),
        (
            {"survey": "dynata:13231", "remaining": 5},
            SeatUpdate("dynata:13231", None, 5, None),
        ),
        (
            {"survey": "rfg: 7 ", "status": "closed", "quota_ids": []},
            SeatUpdate("rfg:7", False, None, None),
        ),
        (
            {"survey": "rfg:7", "remaining": -3, "quota_ids": [" q1 "]},
            QuotaUpdate("rfg", "7", ("q1",), None, 0, None),
        ),
    ],
)
def test_seats_of_our_own_form(
    change: Json, update: QuotaUpdate | SeatUpdate, mapping: PanelMapping
) -> None:
    assert update_of(mapping, change) == update


@pytest.mark.parametrize(
    ("change", "pointer", "message", "hint"),
    [
        (
            {"survey": "dynta:1", "remaining": 1},
            "/survey",
            "`dynta:1` is not the name of a survey",
            "did you mean `dynata`?",
        ),
        (
            {"survey": "13231", "remaining": 1},
            "/survey",
            "`13231` is not the name of a survey",
            "such as `dynata:13231`",
        ),
        ({"survey": None, "remaining": 1}, "/survey", "must be text", ""),
        ({"survey": "rfg:1"}, "", "neither `remaining` nor `status` is given", ""),
        ({"survey": "rfg:1", "status": "OPEN"}, "/status", "must be `open` or `closed`", ""),
        ({"survey": "rfg:1", "remaining": "x"}, "/remaining", "must be a whole number", ""),
        (
            {"survey": "rfg:1", "status": "open", "quota_ids": [[]]},
            "/quota_ids/0",
            "must be text or a whole number",
            "",
        ),
        (
            {"survey": "rfg:1", "status": "open", "at": 7},
            "/at",
            "must be a date and time (2026-11-21T10:00:00Z)",
            "",
        ),
    ],
)
def test_malformed_seats_are_told_in_words(
    change: Json, pointer: str, message: str, hint: str, mapping: PanelMapping
) -> None:
    changes = ChangeReader(mapping).read([change])
    named = str(change["survey"]).startswith("rfg:")
    assert changes.updates == ((Rejected("rfg:1"),) if named else ())
    assert changes.unread == (not named)
    assert [(each.at, each.pointer, each.message, each.hint) for each in changes.diagnostics] == [
        ("/0", pointer, message, hint)
    ]


def test_a_key_that_seats_do_not_have_is_told(mapping: PanelMapping) -> None:
    changes = ChangeReader(mapping).read({"survey": "rfg:1", "remaining": 1, "quota_id": "q"})
    assert changes.updates == (SeatUpdate("rfg:1", None, 1, None),)
    (found,) = changes.diagnostics
    assert (found.code, found.pointer, found.hint) == (
        "unknown-key",
        "/quota_id",
        "did you mean `quota_ids`?",
    )


# --- links


@st.composite
def inventories(draw: st.DrawFn) -> tuple[list[Json], list[int], list[int]]:
    """Projects, and the places of two lots of them."""
    projects = draw(st.lists(rfg(), min_size=1, max_size=6))
    lots = st.lists(st.sampled_from(range(len(projects))), unique=True)
    return [p | {"pid": n} for n, p in enumerate(projects)], draw(lots), draw(lots)


@given(inventory=inventories(), variation=variations)
def test_linking_again_is_linking_for_the_first_time(
    folder: Path, inventory: tuple[list[Json], list[int], list[int]], variation: Variation
) -> None:
    projects, before, after = inventory
    tables = variation.tables() | {"history": {"source": "history.parquet"}}
    mapping = parse_panel(tables, folder / "panel.toml").mapping
    plain = surveys_of(ChangeReader(mapping).read(projects))
    link, shares = marketplaces()["rfg"].link, marketplaces()["rfg"].link_keys
    linked = dict(zip(before, link([plain[place] for place in before]), strict=True))
    again = link([linked.get(place, plain[place]) for place in after])
    expected = link([plain[place] for place in after])
    assert again == expected
    assert list(map(shares, again)) == [shares(plain[place]) for place in after]
    for survey, place in zip(expected, after, strict=True):
        near = [each for each in after if shares(plain[each]) & shares(plain[place])]
        among = dict(zip(near, link([plain[each] for each in near]), strict=True))
        assert survey == among.get(place, plain[place])


def test_other_marketplaces_share_nothing(mapping: PanelMapping) -> None:
    found = surveys_of(ChangeReader(mapping).read(list(PAYLOADS.values())))
    shared = {each.marketplace: marketplaces()[each.marketplace].link_keys(each) for each in found}
    assert shared == {"dynata": frozenset(), "toluna": frozenset(), "rfg": {"K"}}
