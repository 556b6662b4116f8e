"""Generated panels and payloads: every construct of all three marketplaces, and messy members.

One fixed panel file declares an attribute of every type; what a payload asks for and what members
answer is drawn from small pools that meet often, so that every truth value comes up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import nan
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from profiles.schema import OUTCOMES

Json: TypeAlias = Any
AS_OF = date(2026, 2, 28)

ATTRIBUTES: dict[str, dict[str, str]] = {
    "gender": {"type": "single", "column": "sex"},
    "age": {"type": "birth_date", "column": "dob"},
    "income": {"type": "number"},
    "age_band": {"type": "number"},
    "floor": {"type": "single"},
    "band": {"type": "single"},
    "hobbies": {"type": "multi"},
    "cars": {"type": "multi", "separator": ";"},
    "postal_code": {"type": "text"},
    "children": {"type": "children"},
}
GATES: dict[str, dict[str, str]] = {
    "country": {"type": "single"},
    "language": {"type": "single"},
    "device": {"type": "single"},
}
CONSTANTS = {"country": "Us", "language": "EN ", "device": "mobile"}
_AGES = {"1": "18-24", "2": "65-", "3": ["-17", 40], "-5": 99}
_CODES = {"1": "a", "2": "b", "3": ["a", "c"], "-5": "none"}
_GENDERS = {"1": "M", "2": "F", "-3": "refused"}
_WHAT: dict[str, Json] = {
    "gender": {"attribute": "gender", "answers": _GENDERS},
    "age": {"attribute": "age"},
    "income": {"attribute": "income"},
    "age_band": {"attribute": "age_band", "answers": _AGES},
    "floor": {"attribute": "floor"},
    "band": {"attribute": "band", "answers": _CODES},
    "hobbies": {"attribute": "hobbies", "answers": _CODES},
    "cars": {"attribute": "cars"},
    "postal_code": {"attribute": "postal_code"},
    "children": {"attribute": "children", "answers": _GENDERS},
}
IDS = {name: str(number) for number, name in enumerate(_WHAT, start=11)}
"""What Dynata and Toluna call each attribute; RFG calls them by our names."""

COLLECTIONS = {
    "dynata/collection/1.txt": "1\n a \n2\n-5\n10115\n18\n",
    "dynata/collection/2.txt": "EMPTY_PAYLOAD\n",
    "dynata/collection/3.txt": "PROCESSING\n",
    "dynata/collection/5.txt": "ec1a 1bb\n9\n65-\n",
    "dynata/invite/1.csv": "respondent_id,expiration\nm0,\n x1 ,2026-03-01T00:00:00Z\n3,\né2,\n",
    "dynata/invite/2.csv": "respondent_id,expiration\nm0,2026-02-27T23:59:59Z\nm3,\nx1,\n4,\n",
    "dynata/invite/3.csv": "PROCESSING",
    "dynata/invite/5.csv": "EMPTY_PAYLOAD",
    "dynata/collection/6.txt": '["1", {"value": "10115"}, 18]',
    "dynata/collection/7.txt": '{"error": "no such collection"}',
    "dynata/invite/6.csv": '[{"respondent_id": "m0", "expiration": 1772236799}, "x1"]',
    "dynata/invite/7.csv": "<html>502</html>",
    "toluna/recontact/1.json": '{"HasAdditionalMembers": false, "MemberCodes": ["m0", 3, "x1"]}',
    "toluna/recontact/2.json": '[{"HasAdditionalMembers": true, "MemberCodes": ["m0", "é2"]}]',
    "toluna/recontact/3.json": "EMPTY_PAYLOAD",
    "toluna/recontact/5.json": '{"Message": "quota not found"}',
}


def write_collections(folder: Path) -> None:
    """The downloaded collections that generated payloads name (and some that they do not)."""
    for name, text in COLLECTIONS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


# --- members


@dataclass(frozen=True, slots=True)
class Members:
    """A table of members: the Arrow type of every column, and the rows."""

    types: Mapping[str, pa.DataType]
    rows: tuple[dict[str, Any], ...]

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Only what the first members answered, for reports of failing examples."""
        answered = [
            {name: value for name, value in row.items() if value is not None} for row in self.rows
        ]
        printer.pretty((len(answered), answered[:12]))

    def table(self) -> pa.Table:
        """The members as Arrow."""
        return pa.table(
            {
                name: pa.array([row[name] for row in self.rows], kind)
                for name, kind in self.types.items()
            }
        )


Layout: TypeAlias = tuple[pa.DataType, tuple[Any, ...]]
"""A column's Arrow type, and the raw values that members may hold in it."""

_TEXT = pa.string()
_DAYS = (
    date(2008, 2, 28),
    date(2008, 2, 29),
    date(2008, 3, 1),
    date(2001, 7, 4),
    date(1961, 2, 28),
    date(1926, 2, 28),
    date(2026, 2, 28),
    date(2026, 3, 1),
)
_CODED = (None, "a", "b", "c", " a ", "A", "none", "other", "", " ")
LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "sex": (
        (_TEXT, (None, "M", "F", " M ", "m", "refused", "X", "", "  ")),
        (pa.dictionary(pa.int8(), _TEXT), (None, "M", "F", "refused")),
    ),
    "dob": (
        (pa.date32(), (None, *_DAYS)),
        (_TEXT, (None, "", *(f" {day} " for day in _DAYS))),
        (pa.timestamp("us"), (None, *(datetime(d.year, d.month, d.day, 23, 59) for d in _DAYS))),
    ),
    "income": (
        (pa.float64(), (None, nan, 0.0, -5.0, 17.5, 18.0, 24.0, 1e9)),
        (pa.int64(), (None, 0, -5, 18, 24, 10**9)),
        (pa.list_(pa.float64()), (None, [], [18.0], [18.0, -5.0], [None], [nan, 24.0], [-5.0])),
        (_TEXT, (None, "", "18", " 24.0 ", "-5", "+17.5", "1000000000")),
    ),
    "age_band": (
        (pa.int8(), (None, -5, 17, 18, 24, 40, 65, 99, 127)),
        (pa.list_(pa.int16()), (None, [], [17, 66], [24], [30], [99], [None])),
    ),
    "floor": (
        (_TEXT, (None, "1", " 2 ", "03", "18", "-5", "-1", "1.0", "ground", "", "1e2")),
        (pa.int8(), (None, 1, 2, 18, -5, -128, 127)),
        (pa.float64(), (None, nan, 1.0, 2.0, 2.5, -5.0)),
    ),
    "band": ((_TEXT, _CODED),),
    "hobbies": (
        (
            pa.list_(_TEXT),
            (None, [], ["a"], ["b", " c"], ["A", ""], ["none"], ["none", "a"], [None]),
        ),
        (_TEXT, (None, "", "[]", "a", "a|b", " c | none ", "none", "|", "A|b")),
        (_TEXT, (None, "[ ]", "{}", '["a", null, "b"]', "['none','c']", "{a,-}", '{"c","A"}', "-")),
        (pa.large_list(pa.dictionary(pa.int8(), _TEXT)), (None, [], ["c"], ["b", "none"])),
    ),
    "cars": (
        (pa.list_(pa.int64()), (None, [], [1], [2, 18], [-5], [-5, 1])),
        (_TEXT, (None, "", "[]", "1;18", "-5", " 2 ;-5", "a")),
    ),
    "postal_code": (
        (_TEXT, (None, "10115", "1011", "ec1a 1bb", " EC1A1BB", "-5", "01001", "9", "", "-")),
    ),
    "children": (
        (pa.list_(_TEXT), (None, [], ["M:3"], ["F:7", "M:9"], ["F:2020-02-29"], ["F:2027-01-01"])),
        (_TEXT, (None, "", "[]", "M:3", "F:7|M:9", " F : 2020-02-29 |", "1:3|F:3")),
        (_TEXT, (None, "{}", '["M:3"]', "{F:7,M:9}")),
    ),
    "country": ((_TEXT, (None, "US", "us", " Us ", "GB", "")),),
    "language": ((_TEXT, (None, "en", "EN", "es")),),
    "device": ((_TEXT, (None, "desktop", "Mobile", " tablet ", "tv")),),
    "dynata_id": ((_TEXT, (None, "m0", " x1", "é2 ", "", "4")), (pa.int32(), (None, 3, 4))),
}


def _text_id(number: int, prefix: str) -> str:
    return f"{prefix}{number}"


def _number_id(number: int, _prefix: str) -> int:
    return number


@st.composite
def members(draw: st.DrawFn) -> Members:
    """Members with every column in one of its layouts; at times over more than one shard."""
    as_text = draw(st.booleans())
    make_id = _text_id if as_text else _number_id
    layouts = {name: draw(st.sampled_from(each)) for name, each in LAYOUTS.items()}
    one = st.fixed_dictionaries(
        {name: st.sampled_from(pool) for name, (_, pool) in layouts.items()}
    )
    distinct = draw(st.lists(one, min_size=3, max_size=12))
    repeated = distinct * draw(st.sampled_from([1, 1, 1, 1, 1, 1, 1, 12]))
    prefixes = draw(st.lists(st.sampled_from(["m", "x", " m", "é", "m "]), min_size=1, max_size=4))
    rows = tuple(
        {"member_id": make_id(number, prefixes[number % len(prefixes)]), **row}
        for number, row in enumerate(repeated)
    )
    types = {"member_id": _TEXT if as_text else pa.int64()}
    return Members(types | {name: kind for name, (kind, _) in layouts.items()}, rows)


# --- what all strategies share

T = TypeVar("T")


def _or_rarely(usual: SearchStrategy[T], rare: SearchStrategy[T]) -> SearchStrategy[T]:
    """One in seven is rare: what stops everyone must not come too often, or nothing else shows."""
    return st.integers(1, 7).flatmap(lambda number: rare if number == 7 else usual)


# --- participation history

_HISTORY_LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "marketplace": (
        (_TEXT, ("dynata", " toluna", "rfg", "RFG", "another")),
        (pa.dictionary(pa.int8(), _TEXT), ("dynata", "toluna", "rfg")),
    ),
    "survey_id": (
        (_TEXT, ("1", " 2", "3", "1", "2", None, "")),
        (pa.int64(), (1, 2, 3, None)),
        (pa.float64(), (1.0, 2.0, 2.5, nan)),
    ),
    "wave_id": ((_TEXT, ("1", " 1 ", "2", None)), (pa.int16(), (1, 1, 2, None))),
    "project_id": ((_TEXT, ("1", " 7", "K", "2", None, "")), (pa.int64(), (1, 7, None))),
    "category_ids": (
        (pa.list_(_TEXT), (None, [], ["1", "7"], [" 2", None], ["3", "3", ""])),
        (_TEXT, (None, "", "1|7", " 2 | ", "3")),
        (pa.list_(pa.int32()), (None, [], [1, 7], [2, None])),
        (pa.int32(), (None, 1, 2, 7)),
    ),
    "outcome": (
        (pa.dictionary(pa.int8(), _TEXT), OUTCOMES),
        (_TEXT, tuple(f" {outcome}" for outcome in OUTCOMES)),
    ),
}
_OPTIONAL_COLUMNS = ("wave_id", "project_id", "category_ids")


@st.composite
def history(draw: st.DrawFn, of: Members) -> Members:
    """Who of some members (or others) took part in what; columns may be lacking."""
    numbers = pa.types.is_integer(of.types["member_id"])
    as_text = not numbers or draw(st.booleans())
    ids = [row["member_id"] for row in of.rows[:4]]
    ids += [f" {each} " for each in ids] + ["nobody"] if as_text else [77]
    layouts = {name: draw(st.sampled_from(each)) for name, each in _HISTORY_LAYOUTS.items()}
    lacking = draw(st.sampled_from([None, None, None, *_OPTIONAL_COLUMNS]))
    layouts = {name: each for name, each in layouts.items() if name != lacking}
    row = st.fixed_dictionaries(
        {"member_id": st.sampled_from(ids)}
        | {name: st.sampled_from(pool) for name, (_, pool) in layouts.items()}
    )
    rows = draw(_or_rarely(st.lists(row, min_size=8, max_size=24), st.just([])))
    if as_text:
        rows = [each | {"member_id": str(each["member_id"])} for each in rows]
    types = {"member_id": _TEXT if as_text else pa.int64()}
    return Members(types | {name: kind for name, (kind, _) in layouts.items()}, tuple(rows))


@st.composite
def members_with_history(draw: st.DrawFn) -> tuple[Members, Members]:
    """Members, and who took part in what."""
    of = draw(members())
    return of, draw(history(of))


# --- the panel file


@dataclass(frozen=True, slots=True)
class Variation:
    """What differs between panel files.

    `gates` says of country, language and device whether they are declared, constants or unknown;
    `history`: whether it names one.
    """

    gates: tuple[str, ...]
    own_dynata_ids: bool
    other_device_support: bool
    history: bool = False

    def tables(self) -> dict[str, Json]:
        """The panel file."""
        how_of = dict(zip(GATES, self.gates, strict=True))
        attributes = ATTRIBUTES | {n: GATES[n] for n, how in how_of.items() if how == "declared"}
        marketplaces: dict[str, Json] = {
            "dynata": {"attributes": {IDS[name]: what for name, what in _WHAT.items()}},
            "toluna": {
                "attributes": {IDS[name]: what for name, what in _WHAT.items()},
                "cut_off": 4,
            },
            "rfg": {"attributes": _WHAT | {"kids": {"attribute": "children"}}},
        }
        if self.own_dynata_ids:
            marketplaces["dynata"]["respondent_id"] = "dynata_id"
        if self.other_device_support:
            marketplaces["rfg"]["device_support"] = {"unknown": 2, "yes": 1, "no": 0}
        history = {"history": {"source": "history.parquet"}} if self.history else {}
        return history | {
            "panel": {"source": "members.parquet", "null_values": ["-", 40]},
            "collections": {"folder": "collections"},
            "attributes": attributes,
            "constants": {n: CONSTANTS[n] for n, how in how_of.items() if how == "constant"},
            "marketplaces": marketplaces,
        }


_gate = st.sampled_from(["declared", "declared", "declared", "constant", "unknown"])
variations = st.builds(
    Variation,
    st.tuples(_gate, _gate, _gate),
    st.booleans(),
    st.booleans(),
    st.sampled_from([True, True, False]),
)
variations_without_history = variations.map(lambda each: replace(each, history=False))


# --- what payloads of all marketplaces hold

UNMAPPED = "99"
_POOLS: dict[str, tuple[Json, ...]] = {
    "gender": ("1", 2, -3, "7"),
    "age": (18, "17", "18-24", "65-", -5, 0),
    "income": ("18", 24.0, "17-18", -5, "24+", 0),
    "age_band": (1, "2", 3, -5, "4"),
    "floor": ("1", 2, " 18", "03", -5, "ground"),
    "band": ("1", 2, 3, -5, "7"),
    "hobbies": (1, "2", "3", -5, "7"),
    "cars": (1, "2", 18, -5, "a"),
    "postal_code": ("10115", "EC1A 1BB", 9, -5, "101", "1011", ""),
    "children": ("M:3", "*:7", "F:6", "7"),
}
_ENDS = st.sampled_from([None, None, -5, 0, 1, 2, 3, 17, 18, 24, 24.5, 65])


def _answers(name: str, *, max_size: int = 4) -> SearchStrategy[list[Json]]:
    return st.lists(st.sampled_from(_POOLS[name]), max_size=max_size)


def _some(items: SearchStrategy[T], max_size: int) -> SearchStrategy[list[T]]:
    """Rarely an empty list."""
    return _or_rarely(st.lists(items, min_size=1, max_size=max_size), st.just([]))


def _optional(strategies: Mapping[str, SearchStrategy[Any]]) -> SearchStrategy[dict[str, Json]]:
    """An object any of whose keys may be absent."""
    return st.fixed_dictionaries({}, optional=dict(strategies))


def _paying(cost: str, incidence: str, length: str) -> SearchStrategy[dict[str, Json]]:
    """Few different prices, so that surveys often pay the same; rarely none, or none that reads."""
    prices = st.sampled_from([10, 20.0, "$5.00", 1, 3])
    usual = st.fixed_dictionaries({cost: prices, incidence: st.just(50), length: st.just(10)})
    any_ = st.sampled_from([10, 0, None, "?"])
    return _or_rarely(usual, _optional({cost: any_, incidence: any_, length: any_}))


# --- Dynata

_KINDS = ("VALUE", "RANGE", "LIST", "LIST", "COLLECTION", "ANSWERED")
_INVITES = ("INVITE_COLLECTIONS", "STATIC_INVITE_COLLECTIONS")
_operators = st.sampled_from(["OR", "AND", "AND", None, "XOR"])


@st.composite
def _cell(draw: st.DrawFn, tag: str) -> dict[str, Json]:
    name = draw(st.sampled_from(list(IDS)))
    attribute = draw(st.sampled_from([IDS[name]] * 12 + [int(IDS[name]), UNMAPPED, -1]))
    kind = draw(st.sampled_from((*_KINDS, *_KINDS, *_INVITES, "INEFFABLE", "TELEPATHY")))
    cell: dict[str, Json] = {"tag": tag, "attribute_id": attribute, "kind": kind}
    cell |= draw(_optional({"negate": st.sampled_from([True, False, None])}))
    if kind == "VALUE":
        cell["value"] = draw(st.sampled_from(_POOLS[name]))
    elif kind == "RANGE":
        cell["range"] = draw(_optional({"from": _ENDS, "to": _ENDS}))
    elif kind == "LIST":
        cell |= {"list": draw(_answers(name)), "operator": draw(_operators)}
    elif kind == "COLLECTION":
        collection = draw(st.sampled_from(["1", "1", "2", "3", "4", "5", "6", "7"]))
        cell |= {"collection": collection, "operator": draw(_operators)}
    elif kind in _INVITES:
        lists = st.lists(st.sampled_from(["1", 2, "3", "4", "5", "6", 7]), max_size=3)
        cell |= {"invite_collections": draw(lists), "operator": draw(_operators)}
    return cell


_excluded = st.lists(st.sampled_from([1, "2", " 3 ", "7"]), max_size=3)


@st.composite
def dynata(draw: st.DrawFn) -> dict[str, Json]:
    """An opportunity."""
    tags = [f"c{number}" for number in range(draw(st.integers(1, 5)))]
    cells = [draw(_cell(tag)) for tag in tags]
    cells += draw(st.sampled_from([[], [], cells[:1]]))
    some = st.lists(st.sampled_from(tags), max_size=3)
    filters = _some(st.builds(lambda used: {"cells": used}, some), 3)
    quota = st.fixed_dictionaries(
        {
            "id": st.sampled_from(["q1", "q2", "q3"]),
            "cells": some,
            "count": _or_rarely(st.sampled_from([3, 1, 7]), st.sampled_from([0, -1])),
            "status": _or_rarely(st.just("OPEN"), st.sampled_from(["PAUSED", "CLOSED", "ASLEEP"])),
        }
    )
    gates = {
        "locale": _or_rarely(
            _optional({"country": st.just("us")}),
            _optional({"country": st.none(), "language": st.sampled_from(["EN", "es"])}),
        ),
        "devices": _or_rarely(
            st.just(["MOBILE", "desktop", "tablet", "tv"]),
            st.lists(st.sampled_from(["MOBILE", "desktop", "tv"]), max_size=3),
        ),
        "filters": _or_rarely(st.lists(filters, max_size=2), st.none()),
        "project_id": st.sampled_from([1, "7", None]),
        "project_exclusions": _excluded,
        "category_exclusions": _excluded | st.none(),
    }
    pays = _paying("cost_per_interview", "incidence_rate", "length_of_interview")
    return (
        {
            "id": 0,
            "status": draw(_or_rarely(st.just("OPEN"), st.sampled_from(["OPEN", "PAUSED"]))),
            "cells": cells,
            "quotas": draw(
                _or_rarely(st.lists(_some(quota, 4), min_size=1, max_size=3), st.just([]))
            ),
        }
        | draw(_optional(gates))
        | draw(pays)
    )


# --- Toluna

_RANGES = ("18-24", " 18 - 24 ", "65-", "-17", "24-18", 18, "x", "65+", "-17, 65-,", "17-18,x")
_VALUES: dict[str, tuple[Json, ...]] = {
    "age": _RANGES,
    "income": _RANGES,
    "age_band": _RANGES,
    "postal_code": ("10115", "ec1a", "1011", 9, "1 0", "", "EC1A 1BB", "101,ec1a 1bb,", "9,1,0,1"),
}


@st.composite
def _question(draw: st.DrawFn) -> dict[str, Json]:
    name = draw(st.sampled_from(list(IDS)))
    values = (*_POOLS[name], "1, 2", "2,,7")
    return {
        "QuestionID": draw(st.sampled_from([IDS[name]] * 9 + [int(IDS[name]), UNMAPPED])),
        "AnswerIDs": draw(_answers(name, max_size=3) | st.none()),
        "AnswerValues": draw(
            st.lists(st.sampled_from(_VALUES.get(name, values)), max_size=5) | st.none()
        ),
        "IsRoutable": draw(st.sampled_from([False, True, None])),
    }


@st.composite
def toluna(draw: st.DrawFn) -> dict[str, Json]:
    """A survey and wave, with layers of subquotas."""
    subquota = st.fixed_dictionaries(
        {
            "SubQuotaID": st.sampled_from([11, 12, "13"]),
            "CurrentCompletes": _or_rarely(st.sampled_from([0, 4]), st.just(9)),
            "MaxTargetCompletes": st.sampled_from([9, 5]),
            "QuestionsAndAnswers": st.just([]) | st.lists(_question(), min_size=1, max_size=2),
        }
    )
    layer = st.fixed_dictionaries({"SubQuotas": _some(subquota, 3)})
    quota = st.fixed_dictionaries(
        {
            "QuotaID": st.sampled_from([2, 1, "3", 4, 5]),
            "EstimatedCompletesRemaining": _or_rarely(st.sampled_from([5, 1]), st.just(0)),
            "Layers": st.lists(layer, min_size=1, max_size=3) | st.just([]),
        }
    )
    statuses = st.lists(st.sampled_from([1, 3, "9", 10]), min_size=1, max_size=3)
    exclusion = st.fixed_dictionaries(
        {
            "SurveyID": _or_rarely(st.sampled_from([1, "2", 3]), st.sampled_from([None, " "])),
            "WaveID": _or_rarely(st.sampled_from([0, "0", 1, " 2"]), st.sampled_from([None, ""])),
            "ParticipationStatusIDs": _or_rarely(statuses, st.sampled_from([[], [5, 1]])),
        }
    )
    survey: dict[str, Json] = {
        "SurveyID": 0,
        "WaveID": 1,
        "IsSurveyRecontact": draw(st.sampled_from([False, True, None])),
        "Quotas": draw(_some(quota, 3)),
    }
    gates = {
        "DeviceTypeIDs": _or_rarely(
            st.just([1, 2, 3]), st.lists(st.sampled_from([1, 3, 4]), max_size=2)
        ),
        "EstimatedCompletesRemaining": _or_rarely(st.just(5), st.sampled_from([5, 0])),
        "SurveyWaveExclusions": st.lists(exclusion, max_size=3),
    }
    pays = draw(_paying("Amount", "IR", "LOI"))
    price = {"Price": {"Amount": pays.pop("Amount")}} if "Amount" in pays else {}
    return survey | draw(_optional(gates)) | pays | price


# --- RFG


@st.composite
def _value(draw: st.DrawFn, name: str) -> Json:
    if name in ("children", "kids"):
        ends = {"min": _ENDS, "max": _ENDS, "gender": st.sampled_from([0, 1, 2, 7])}
        return draw(_optional(ends | {"unit": st.sampled_from([0, 0, 1])}))
    answers = st.sampled_from(_POOLS[name])
    texts = st.sampled_from(["10115, 'EC1A 1BB'", "9", "", "101*", "ec1 *,1011", "1*1,9", "b*,*"])
    return draw(
        st.one_of(
            answers,
            answers.map(lambda answer: {"choice": answer}),
            _optional({"min": _ENDS, "max": _ENDS}),
            st.builds(lambda each: {"ziplist": each}, _answers(name, max_size=2)),
            texts.map(lambda text: {"freelist": text}),
            st.just({"gender": 1, "min": 3}),
        )
    )


@st.composite
def _datapoint(draw: st.DrawFn) -> dict[str, Json]:
    name = draw(st.sampled_from([*IDS, "kids"]))
    return {
        "name": draw(st.sampled_from([name] * 9 + ["Nothing We Know"])),
        "values": draw(st.lists(_value(name), max_size=3)),
    } | draw(
        _optional(
            {"askOnly": st.sampled_from([False, False, True]), "usesWildcards": st.booleans()}
        )
    )


@st.composite
def rfg(draw: st.DrawFn) -> dict[str, Json]:
    """A project."""
    points = st.lists(_datapoint(), max_size=2)
    seats = _or_rarely(st.sampled_from([3, 8]), st.just(0))
    quota = st.builds(
        lambda first, more: first | more,
        st.one_of(
            st.fixed_dictionaries(
                {"id": st.sampled_from([1, 2, "3"]), "datapoints": points, "limit": seats}
            ),
            st.fixed_dictionaries({"datapoints": points, "completesLeft": seats}),
            st.fixed_dictionaries({"id": st.none(), "datapoints": points, "startsLeft": seats}),
        ),
        _optional(
            {
                "completesLeft": seats,
                "startsLeft": seats,
                "quotaThrottle": _or_rarely(st.just(0), st.sampled_from([1, True, None])),
            }
        ),
    )
    support = _or_rarely(st.just(1), st.sampled_from([0, 2]))
    gates = {
        "country": _or_rarely(st.just("US"), st.just("gb")),
        "quotaLimitBy": st.sampled_from(
            ["completes", "starts", "Completes", " STARTS", "clicks", None]
        ),
        "excludeNonMatching": st.booleans(),
        "excludedNonMatching": st.booleans(),
        "phoneSupported": support,
        "tabletSupported": support,
        "duplicationKey": st.sampled_from(["K", ["K", 7], ["7", ""], [], "", None]),
        "filterMode": st.sampled_from([0, 1, 1, 2, None]),
    }
    return (
        {
            "pid": 0,
            "state": draw(_or_rarely(st.just(2), st.sampled_from([2, 3]))),
            "datapoints": draw(points),
            "quotas": draw(st.lists(quota, max_size=4)),
        }
        | draw(_optional(gates))
        | draw(_paying("cpi", "ir", "lengthOfInterview"))
    )


def _as_supplied(project: dict[str, Json]) -> dict[str, Json]:
    """A project as suppliers are told of it."""
    names = {"pid": "rfg_id", "ir": "estimatedIR", "lengthOfInterview": "estimatedLOI"}
    return {names.get(key, key): value for key, value in project.items()}


@st.composite
def payload(draw: st.DrawFn) -> list[Json]:
    """Surveys of all marketplaces, each with an id of its own, as one JSON array."""
    projects = st.one_of(rfg(), rfg().map(_as_supplied))
    surveys = draw(st.lists(st.one_of(dynata(), toluna(), projects), min_size=2, max_size=4))
    keys = ("id", "SurveyID", "pid", "rfg_id")
    return [
        survey | {next(key for key in keys if key in survey): number}
        for number, survey in enumerate(surveys, start=1)
    ]
