"""The seeded benchmark case: a synthetic panel and a Dynata inventory to match against it.

Answers are drawn independently, attribute by attribute, from skewed marginals. Cells are drawn
from a pool in which a few are used very often and most rarely, as in real inventories, so that
about one cell in five is distinct.
"""

import hashlib
import itertools
import random
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

VERSION = 2
"""Part of the marker, so that a case written by an older generator is not reused."""

AT_A_TIME = 1_000_000
"""Members that are made and written together."""

GIVEN = (0.10, 0.22, 0.24, 0.18, 0.12, 0.08, 0.06)
"""How common it is to give 0, 1, … 6 answers to a multi attribute (repeats then fall away)."""

NOTIFIED = "2021-11-05T12:29:33.004Z"

FILTERS = (0.5, 1.0)
"""Many members meet a filter, so that surveys keep members enough."""

AS_OF = date(2026, 1, 1)
"""Any day will do: nothing in a case depends on it."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """Where the files of a case are."""

    panel: Path
    members: Path
    opportunities: Path


@dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    """What members answer to one attribute, how Dynata names it, and how surveys use it.

    ``values`` are the panel's own, ``answers`` Dynata's in the same order, ``shares`` how common
    each is (they add up to 1). ``missing`` is the share of members without an answer, ``cells``
    how many cells the pool gets, ``weight`` how often surveys use them.
    """

    name: str
    number: int
    kind: Literal["single", "multi", "number", "text"]
    values: tuple[str, ...]
    answers: tuple[str, ...]
    shares: npt.NDArray[np.float64]
    missing: float
    cells: int
    weight: float


@dataclass(frozen=True, slots=True)
class Cell:
    """A distinct cell without its tag, how often it is used, and what share of members meets it."""

    body: Body
    weight: float
    share: float


@dataclass(frozen=True, slots=True)
class Pool:
    """Distinct cells, and running totals of their weights as filters and as quota cells."""

    cells: tuple[Cell, ...]
    filters: tuple[float, ...]
    quotas: tuple[float, ...]


def case_in(folder: Path) -> Case:
    """Return the files of the case that a folder holds, or is to hold."""
    return Case(folder / "panel.toml", folder / "members.parquet", folder / "opportunities.json")


def write_case(folder: Path, members: int = 1_000_000, surveys: int = 200, seed: int = 7) -> Case:
    """Write a case into ``folder``, or reuse the one of the same parameters that is there."""
    case = case_in(folder)
    marker = folder / "case.json"
    stamp = orjson.dumps({"version": VERSION, "members": members, "surveys": surveys, "seed": seed})
    if marker.exists() and marker.read_bytes() == stamp:
        return case
    folder.mkdir(parents=True, exist_ok=True)
    marker.unlink(missing_ok=True)
    attributes = _attributes()
    panel = panel_file() + '\n[constants]\ncountry = "US"\nlanguage = "en"\n'
    case.panel.write_text(panel, encoding="utf-8")
    with pq.ParquetWriter(case.members, _members(attributes, 0, 1, seed).schema) as writer:
        for part, first in enumerate(range(0, members, AT_A_TIME)):
            count = min(AT_A_TIME, members - first)
            writer.write_table(_members(attributes, first, count, seed + part))
    case.opportunities.write_bytes(_dump(opportunities(surveys, seed)))
    marker.write_bytes(stamp)
    return case


def inventory(surveys: int, cells: int, seed: int) -> bytes:
    """Return the JSON of ``surveys`` Dynata opportunities of ``cells`` cells each, 5 or more.

    Three cells are filters, the others make quotas of two cells, and one of three if need be.
    """
    if cells < 5:
        raise ValueError(f"a survey needs 5 cells or more: `{cells}`")
    sizes = [2] * ((cells - 3) // 2)
    sizes[-1] += (cells - 3) % 2
    rng = random.Random(seed)
    pool = _pool(rng, FILTERS)
    return _dump([_survey(rng, pool, number, sizes) for number in range(surveys)])


def opportunities(
    surveys: int, seed: int, filters: tuple[float, float] = FILTERS, first: int = 0
) -> list[Body]:
    """Return Dynata opportunities of 3 filters and 8 quotas of 2 or 3 cells.

    A filter is a cell that a share of members between those of `filters` meets. The number of the
    first one makes its id, and those of the others.
    """
    rng = random.Random(seed)
    pool = _pool(rng, filters)
    return [
        _survey(rng, pool, number, rng.choices((2, 3), k=8))
        for number in range(first, first + surveys)
    ]


def members(count: int, seed: int) -> pa.Table:
    """Return members as a panel of the case has them, `m00000001` first."""
    return _members(_attributes(), 0, count, seed)


# The panel


def _attributes() -> tuple[Attribute, ...]:
    """All attributes, the same for every case."""
    income = np.arange(8_000, 400_000, 1_000)
    ages = np.arange(18, 96)
    return (
        _single("gender", 1, "M F", (0.47, 0.53), 2, 5.0),
        _number("age", 80, ages, np.exp(-(((ages - 36) / 26) ** 2)), 70, 5.0),
        _postal_code(),
        _number("household_income", 61, income, _lognormal(income, 58_000, 0.75), 70, 2.0),
        _number("children", 300, np.arange(7), np.array([44, 21, 20, 9, 4, 1.5, 0.5]), 20, 1.5),
        _single("employment", 2190, "full_time part_time self_employed retired student "
                "homemaker unemployed unable military", _falling(9, 0.72), 45, 2.0),
        _single("education", 644, "some_school high_school some_college associate bachelor "
                "master professional doctorate", (6, 26, 20, 10, 22, 11, 3, 2), 45, 1.5),
        _single("marital_status", 632, "married single divorced partner widowed separated",
                _falling(6, 0.55), 25, 1.2),
        _coded("region", 12453, "single", 10, 0.88, 60, 2.0),
        _coded("ethnicity", 5600, "single", 8, 0.5, 40, 1.5),
        _coded("occupation", 3708, "single", 20, 0.87, 70, 1.0),
        _coded("industry", 643, "single", 18, 0.9, 70, 1.0),
        _coded("home", 646, "single", 5, 0.55, 18, 1.0),
        _coded("phone_carrier", 104_417, "single", 12, 0.75, 45, 0.8),
        _coded("hobbies", 100_262, "multi", 30, 0.93, 85, 1.0),
        _coded("electronics", 101_381, "multi", 14, 0.85, 60, 1.0),
        _coded("social_media", 102_905, "multi", 12, 0.8, 55, 1.0),
        _coded("ailments", 103_116, "multi", 24, 0.88, 75, 0.8),
        _coded("streaming", 105_640, "multi", 10, 0.8, 50, 1.0),
    )  # fmt: skip


def _falling(count: int, ratio: float) -> tuple[float, ...]:
    """Return shares that fall by the same ratio from one value to the next."""
    return tuple(ratio**place for place in range(count))


def _lognormal(
    values: npt.NDArray[np.int64], middle: float, spread: float
) -> npt.NDArray[np.float64]:
    density = np.exp(-((np.log(values / middle) / spread) ** 2) / 2)
    shares: npt.NDArray[np.float64] = density / values
    return shares


def _missing(number: int) -> float:
    """Return a share from 5 to 15 %, different from one attribute to the next."""
    return 0.05 + 0.01 * (number % 11)


def _normal(shares: Iterable[float]) -> npt.NDArray[np.float64]:
    weights = np.fromiter(shares, np.float64)
    weights /= weights.sum()
    return weights


def _single(
    name: str, number: int, words: str, shares: Sequence[float], cells: int, weight: float
) -> Attribute:
    """A single attribute that the panel answers in words and Dynata numbers from 1."""
    values = tuple(words.split())
    answers = tuple(str(place) for place in range(1, len(values) + 1))
    return Attribute(
        name, number, "single", values, answers, _normal(shares), _missing(number), cells, weight
    )


def _coded(
    name: str,
    number: int,
    kind: Literal["single", "multi"],
    count: int,
    ratio: float,
    cells: int,
    weight: float,
) -> Attribute:
    """An attribute that the panel answers in Dynata's own codes."""
    values = tuple(str(20_000_000 + 100 * number + place) for place in range(1, count + 1))
    shares = _normal(_falling(count, ratio))
    return Attribute(name, number, kind, values, values, shares, _missing(number), cells, weight)


def _number(
    name: str,
    number: int,
    numbers: npt.NDArray[np.int64],
    shares: npt.NDArray[np.float64],
    cells: int,
    weight: float,
) -> Attribute:
    values = tuple(map(str, numbers.tolist()))
    return Attribute(
        name, number, "number", values, values, _normal(shares), _missing(number), cells, weight
    )


def _postal_code() -> Attribute:
    """30,000 codes of five digits, some with leading zeros, a few of them populous."""
    rng = np.random.default_rng(30_000)
    numbers = np.sort(rng.choice(np.arange(501, 99_951), 30_000, replace=False))
    values = tuple(f"{number:05}" for number in numbers.tolist())
    shares = _normal(rng.lognormal(0.0, 1.3, len(values)))
    return Attribute("postal_code", 8, "text", values, values, shares, _missing(8), 120, 1.5)


def _members(attributes: tuple[Attribute, ...], first: int, members: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    numbers = range(first + 1, first + members + 1)
    columns = {"member_id": pa.array([f"m{number:08}" for number in numbers])}
    for attribute in attributes:
        answers = _multi if attribute.kind == "multi" else _one
        columns[attribute.name] = answers(rng, attribute, members)
    return pa.table(columns)


def _one(rng: np.random.Generator, attribute: Attribute, members: int) -> pa.Array:
    places = rng.choice(len(attribute.values), members, p=attribute.shares).astype(np.int32)
    indices = pa.array(places, mask=rng.random(members) < attribute.missing)
    values = pa.array(attribute.values)
    if attribute.kind == "number":
        values = values.cast(pa.int32())
    return values.take(indices)


def _multi(rng: np.random.Generator, attribute: Attribute, members: int) -> pa.Array:
    """Lists of distinct codes, in the order of the vocabulary."""
    missing = rng.random(members) < attribute.missing
    given = rng.choice(len(GIVEN), members, p=GIVEN)
    given[missing] = 0
    holds = np.zeros((members, len(attribute.values)), np.bool_)
    for turn in range(1, len(GIVEN)):
        givers = np.flatnonzero(given >= turn)
        holds[givers, rng.choice(len(attribute.values), givers.size, p=attribute.shares)] = True
    ends = np.cumsum(holds.sum(axis=1, dtype=np.int32), dtype=np.int32)
    offsets = np.concatenate((np.zeros(1, np.int32), ends))
    codes = pa.array(attribute.values).take(pa.array(np.nonzero(holds)[1]))
    return pa.ListArray.from_arrays(pa.array(offsets), codes, mask=pa.array(missing))


def panel_file() -> str:
    """Return the panel file of a case, without country and language."""
    attributes = _attributes()
    lines = ["[panel]", 'source = "members.parquet"', 'member_id = "member_id"']
    for attribute in attributes:
        lines += ["", f"[attributes.{attribute.name}]", f'type = "{attribute.kind}"']
    lines += ["", "[marketplaces.dynata.attributes]"]
    for attribute in attributes:
        mapped = f'attribute = "{attribute.name}"'
        if attribute.answers != attribute.values:
            pairs = zip(attribute.answers, attribute.values, strict=True)
            named = ", ".join(f'{answer} = "{value}"' for answer, value in pairs)
            mapped += f", answers = {{ {named} }}"
        lines.append(f"{attribute.number} = {{ {mapped} }}")
    return "\n".join(lines) + "\n"


# The pool of cells


def _pool(rng: random.Random, filters: tuple[float, float]) -> Pool:
    """Make the distinct cells that surveys draw from; filters are those of some shares."""
    low, high = filters
    cells = [cell for attribute in _attributes() for cell in _cells(rng, attribute)]
    return Pool(
        tuple(cells),
        tuple(
            itertools.accumulate(cell.weight if low < cell.share < high else 0.0 for cell in cells)
        ),
        tuple(itertools.accumulate(cell.weight if cell.share < 0.8 else 0.0 for cell in cells)),
    )


def _cells(rng: random.Random, attribute: Attribute) -> list[Cell]:
    """Distinct cells on one attribute, the first ones much used and the last ones little."""
    bodies: dict[bytes, tuple[Body, float]] = {}
    while len(bodies) < attribute.cells:
        body, share = _MAKE[attribute.kind](rng, attribute)
        bodies.setdefault(orjson.dumps(body), (body, share * (1 - attribute.missing)))
    weights = _normal((place + 2) ** -0.4 for place in range(len(bodies))) * attribute.weight
    pairs = zip(bodies.values(), weights.tolist(), strict=True)
    return [Cell(body, weight, share) for (body, share), weight in pairs]


def _body(attribute: Attribute, negate: bool, **content: object) -> Body:
    return {"attribute_id": attribute.number, "negate": negate, **content}


def _single_cell(rng: random.Random, attribute: Attribute) -> tuple[Body, float]:
    shares = attribute.shares.tolist()
    if len(shares) == 2 or rng.random() < 0.2:
        [place] = rng.choices(range(len(shares)), shares)
        value = attribute.answers[place]
        return _body(attribute, False, kind="VALUE", value=value), shares[place]
    places = _places(rng, shares, rng.uniform(0.2, 0.8))
    share = sum(shares[place] for place in places)
    return _list_cell(rng, attribute, places, share, 0.25)


def _multi_cell(rng: random.Random, attribute: Attribute) -> tuple[Body, float]:
    shares = attribute.shares.tolist()
    if rng.random() < 0.15:
        [place] = rng.choices(range(len(shares)), shares)
        value = attribute.answers[place]
        return _body(attribute, False, kind="VALUE", value=value), _any(shares[place])
    if rng.random() < 0.15:
        places = sorted(rng.sample(range(min(6, len(shares))), 2))
        share = _any(shares[places[0]]) * _any(shares[places[1]])
        return _list_cell(rng, attribute, places, share, 0.5, "AND")
    places = _places(rng, shares, rng.uniform(0.1, 0.5))
    share = _any(sum(shares[place] for place in places))
    return _list_cell(rng, attribute, places, share, 0.3)


def _number_cell(rng: random.Random, attribute: Attribute) -> tuple[Body, float]:
    """A range between two quantiles, sometimes open at one end."""
    totals = np.cumsum(attribute.shares)
    width = rng.uniform(0.15, 0.85)
    start = rng.uniform(-0.1, 1.1 - width)
    low = int(np.searchsorted(totals, max(start, 0.0)))
    high = min(int(np.searchsorted(totals, start + width)), len(totals) - 1)
    share = float(attribute.shares[low : high + 1].sum())
    ends = {
        "from": None if start < -0.05 else int(attribute.answers[low]),
        "to": None if start + width > 1.05 else int(attribute.answers[high]),
    }
    if low == high:
        return _body(attribute, False, kind="VALUE", value=attribute.answers[low]), share
    return _body(attribute, False, kind="RANGE", range=ends), share


def _text_cell(rng: random.Random, attribute: Attribute) -> tuple[Body, float]:
    """A list of 20 to 200 postal codes, populous ones more often."""
    shares = attribute.shares
    count = rng.randint(20, 200)
    numbers = np.random.default_rng(rng.getrandbits(32))
    places = np.sort(numbers.choice(len(shares), count, replace=False, p=shares))
    return _list_cell(rng, attribute, places.tolist(), float(shares[places].sum()), 0.2)


_MAKE: dict[str, Callable[[random.Random, Attribute], tuple[Body, float]]] = {
    "single": _single_cell,
    "multi": _multi_cell,
    "number": _number_cell,
    "text": _text_cell,
}


def _list_cell(
    rng: random.Random,
    attribute: Attribute,
    places: list[int],
    share: float,
    negated: float,
    operator: str = "OR",
) -> tuple[Body, float]:
    """A LIST cell, negated with the given probability."""
    negate = rng.random() < negated
    answers = [attribute.answers[place] for place in places]
    body = _body(attribute, negate, operator=operator, kind="LIST", list=answers)
    return body, 1 - share if negate else share


def _places(rng: random.Random, shares: list[float], wanted: float) -> list[int]:
    """Places drawn at random until they cover the wanted share, but never all of them."""
    order = rng.sample(range(len(shares)), len(shares) - 1)
    covered = itertools.accumulate(shares[place] for place in order)
    count = sum(total < wanted for total in covered) + 1
    return sorted(order[:count])


def _any(share: float) -> float:
    """Return how many members give an answer of which each draw has this chance."""
    return sum(given * (1 - (1 - share) ** count) for count, given in enumerate(GIVEN))


# The surveys


def _dump(bodies: list[Body]) -> bytes:
    return orjson.dumps(bodies, option=orjson.OPT_INDENT_2)


def _survey(rng: random.Random, pool: Pool, number: int, sizes: Sequence[int]) -> Body:
    cells: list[Body] = []
    filters = [[_object(rng, [body], cells)] for body in _draw(rng, pool, pool.filters, 3)]
    quotas = [
        _object(rng, _draw(rng, pool, pool.quotas, size), cells) | _seats(rng) for size in sizes
    ]
    return {
        "id": 20_000 + number,
        "status": "OPEN",
        "client_id": None,
        "length_of_interview": rng.randint(5, 30),
        "incidence_rate": rng.randint(5, 100),
        "cost_per_interview": round(rng.uniform(0.5, 6.0), 2),
        "completes": sum(quota["count"] for quota in quotas),
        "project_id": 1_589_000 + number // 2,
        "group_id": 112_411_000 + number,
        "evaluation": "COMPLETES",
        "days_in_field": rng.randint(2, 60),
        "category_ids": [rng.randint(500, 600)],
        "locale": {"language": "en", "country": "US"},
        "devices": ["desktop", "mobile", "tablet"],
        "cells": cells,
        "filters": filters,
        "quotas": [quotas],
        "links": {"live": f"https://respondent.example/start?ctx={_tag(rng)}&language=en"},
        "created": NOTIFIED,
        "project_exclusions": [],
        "category_exclusions": [],
        "notified": NOTIFIED,
    }


def _draw(rng: random.Random, pool: Pool, weights: tuple[float, ...], count: int) -> list[Body]:
    """Draw cells on different attributes."""
    drawn: dict[int, Body] = {}
    while len(drawn) < count:
        [cell] = rng.choices(pool.cells, cum_weights=weights)
        drawn.setdefault(cell.body["attribute_id"], cell.body)
    return list(drawn.values())


def _object(rng: random.Random, bodies: list[Body], cells: list[Body]) -> Body:
    """One filter or quota; its cells, each with a tag of its own, are added to the survey's."""
    tagged = [{"tag": _tag(rng), **body} for body in bodies]
    cells += tagged
    content = orjson.dumps(bodies)
    return {
        "id": hashlib.sha256(content).hexdigest(),
        "cells": [cell["tag"] for cell in tagged],
    }


def _seats(rng: random.Random) -> Body:
    """Seats left and status of a quota; about one in sixteen is closed or full."""
    chance = rng.random()
    return {
        "count": 0 if chance < 0.03 else 10 * rng.randint(1, 50),
        "status": "CLOSED" if chance > 0.97 else "OPEN",
    }


def _tag(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
