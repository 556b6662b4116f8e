"""Synthetic panels: seeded members with plausible answers, for the demo, tests and benchmarks.

Nobody in them is real. What matters to a matcher is lifelike: skewed and correlated answers (age,
employment, income and children hang together, as do postal code, region and DMA), missing answers
in every attribute, several answers to one question or none at all, leading zeros, postal codes of
three countries in mixed spelling, and a few of Dynata's negative codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Rows: TypeAlias = tuple[tuple[float, ...], ...]
Columns: TypeAlias = dict[str, pa.Array]
LeftOut: TypeAlias = Mapping[str, Bools]

AS_OF = date(2026, 11, 21)
"""The day on which members are 14 to 90 years old, and their children under 18."""

GENDERS = ("M", "F", "X")
COUNTRIES = ("US", "CA", "GB")
LANGUAGES = ("en", "es")
DEVICES = ("desktop", "mobile", "tablet")
REGIONS = ("northeast", "midwest", "south", "west")
YES_NO = ("yes", "no")
ETHNICITIES = ("white", "black", "asian", "native", "islander", "mixed", "other")
EDUCATIONS = (
    "some_school",
    "high_school",
    "trade",
    "some_college",
    "associate",
    "bachelor",
    "master",
    "doctorate",
)
MARITALS = ("single", "partner", "married", "divorced", "widowed")
EMPLOYMENTS = (
    "full_time",
    "part_time",
    "self_employed",
    "unemployed",
    "homemaker",
    "student",
    "retired",
    "disabled",
)
INDUSTRIES = (
    "none",
    "education",
    "finance",
    "government",
    "healthcare",
    "hospitality",
    "manufacturing",
    "media",
    "retail",
    "technology",
    "transport",
    "-3",
)
COMPANY_SIZES = ("none", "1", "2-9", "10-49", "50-249", "250-999", "1000+")
PURCHASES = ("facilities", "hardware", "hr", "legal", "marketing", "software", "telecom", "travel")
HOMES = ("own", "rent", "family")
HOBBIES = (
    "books",
    "cooking",
    "crafts",
    "fitness",
    "gaming",
    "gardening",
    "golf",
    "hiking",
    "movies",
    "music",
    "photography",
    "travel",
)
CARS = (
    "bmw",
    "chevrolet",
    "ford",
    "honda",
    "hyundai",
    "jeep",
    "nissan",
    "subaru",
    "tesla",
    "toyota",
)
STREAMS = ("amazon", "apple", "disney", "hulu", "max", "netflix", "paramount", "peacock")
SMOKERS = ("daily", "occasional", "former", "never")
PETS = ("bird", "cat", "dog", "fish", "reptile")


class Area(NamedTuple):
    """A television market: its Nielsen DMA code, census region, three-digit ZIPs and weight."""

    dma: str
    name: str
    region: str
    zips: tuple[int, ...]
    weight: float


def _area(dma: int, name: str, region: str, zips: str, weight: float) -> Area:
    spans = [tuple(map(int, part.split("-"))) for part in zips.split()]
    return Area(str(dma), name, region, tuple(z for a, b in spans for z in range(a, b + 1)), weight)


AREAS = (
    _area(501, "New York", "northeast", "070-079 100-119", 6.2),
    _area(504, "Philadelphia", "northeast", "080-081 190-194", 2.6),
    _area(506, "Boston", "northeast", "018-024", 2.4),
    _area(533, "Hartford", "northeast", "060-067", 1.2),
    _area(521, "Providence", "northeast", "027-029", 0.8),
    _area(543, "Springfield", "northeast", "010-013", 0.7),
    _area(500, "Portland, Maine", "northeast", "039-042", 0.7),
    _area(523, "Burlington", "northeast", "050-054", 0.5),
    _area(508, "Pittsburgh", "northeast", "150-153", 1.1),
    _area(532, "Albany", "northeast", "120-123", 0.6),
    _area(514, "Buffalo", "northeast", "140-143", 0.7),
    _area(602, "Chicago", "midwest", "600-608", 3.2),
    _area(505, "Detroit", "midwest", "480-483", 1.7),
    _area(613, "Minneapolis", "midwest", "553-555", 1.6),
    _area(510, "Cleveland", "midwest", "440-443", 1.4),
    _area(609, "St. Louis", "midwest", "630-633", 1.1),
    _area(527, "Indianapolis", "midwest", "460-462", 1.1),
    _area(535, "Columbus", "midwest", "430-432", 1.0),
    _area(515, "Cincinnati", "midwest", "450-452", 0.9),
    _area(617, "Milwaukee", "midwest", "530-534", 0.9),
    _area(616, "Kansas City", "midwest", "640-641 660-662", 0.9),
    _area(652, "Omaha", "midwest", "680-681", 0.5),
    _area(623, "Dallas", "south", "750-753 760-762", 2.8),
    _area(618, "Houston", "south", "770-775", 2.5),
    _area(524, "Atlanta", "south", "300-303", 2.6),
    _area(511, "Washington", "south", "200-209 220-223", 2.5),
    _area(539, "Tampa", "south", "335-338", 2.0),
    _area(528, "Miami", "south", "330-333", 1.8),
    _area(534, "Orlando", "south", "327-329", 1.7),
    _area(517, "Charlotte", "south", "280-282", 1.3),
    _area(560, "Raleigh", "south", "275-277", 1.2),
    _area(512, "Baltimore", "south", "210-212", 1.1),
    _area(659, "Nashville", "south", "370-372", 1.1),
    _area(641, "San Antonio", "south", "780-782", 1.0),
    _area(650, "Oklahoma City", "south", "730-731", 0.8),
    _area(561, "Jacksonville", "south", "320-322", 0.7),
    _area(622, "New Orleans", "south", "700-701", 0.7),
    _area(640, "Memphis", "south", "380-381", 0.6),
    _area(803, "Los Angeles", "west", "900-918", 5.0),
    _area(807, "San Francisco", "west", "940-949", 2.3),
    _area(753, "Phoenix", "west", "850-853", 1.8),
    _area(819, "Seattle", "west", "980-984", 1.8),
    _area(751, "Denver", "west", "800-804", 1.6),
    _area(862, "Sacramento", "west", "956-958", 1.3),
    _area(820, "Portland, Oregon", "west", "970-973", 1.1),
    _area(825, "San Diego", "west", "919-921", 1.0),
    _area(770, "Salt Lake City", "west", "840-844", 0.9),
    _area(839, "Las Vegas", "west", "889-891", 0.8),
    _area(790, "Albuquerque", "west", "870-871", 0.6),
    _area(744, "Honolulu", "west", "967-968", 0.4),
)
"""Fifty television markets; the shares are roughly theirs, the ZIP spans only their cores."""

_MISSING = {
    "gender": 0.055,
    "birth_date": 0.055,
    "country": 0.055,
    "language": 0.055,
    "device": 0.08,
    "postal_code": 0.06,
    "region": 0.055,
    "dma": 0.06,
    "ethnicity": 0.09,
    "hispanic": 0.10,
    "education": 0.07,
    "marital_status": 0.07,
    "employment": 0.06,
    "industry": 0.12,
    "company_size": 0.13,
    "purchases": 0.15,
    "household_income": 0.14,
    "household_size": 0.08,
    "children": 0.08,
    "home_ownership": 0.09,
    "hobbies": 0.11,
    "cars": 0.10,
    "streaming": 0.12,
    "smoker": 0.13,
    "pets": 0.12,
}

# Rows of weights by stage of life (below 18, 25, 35, 45, 55, 65, above), columns as named above.
_STAGES = (18, 25, 35, 45, 55, 65)
_STAGE_SHARES = (0.04, 0.13, 0.19, 0.18, 0.16, 0.15, 0.15)
_STAGE_ENDS = (14, 18, 25, 35, 45, 55, 65, 91)
_EMPLOYMENT: Rows = (
    (0.0, 0.12, 0.0, 0.02, 0.0, 0.86, 0.0, 0.0),
    (0.32, 0.20, 0.03, 0.10, 0.02, 0.32, 0.0, 0.01),
    (0.61, 0.09, 0.07, 0.08, 0.08, 0.05, 0.0, 0.02),
    (0.64, 0.08, 0.09, 0.06, 0.09, 0.01, 0.0, 0.03),
    (0.62, 0.08, 0.10, 0.06, 0.07, 0.0, 0.02, 0.05),
    (0.46, 0.09, 0.10, 0.06, 0.06, 0.0, 0.15, 0.08),
    (0.07, 0.06, 0.05, 0.01, 0.02, 0.0, 0.77, 0.02),
)
_EDUCATION: Rows = (
    (0.97, 0.03, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    (0.05, 0.34, 0.04, 0.37, 0.07, 0.12, 0.01, 0.0),
    (0.05, 0.22, 0.07, 0.19, 0.10, 0.26, 0.09, 0.02),
    (0.06, 0.22, 0.08, 0.17, 0.11, 0.23, 0.10, 0.03),
    (0.07, 0.25, 0.08, 0.17, 0.11, 0.20, 0.09, 0.03),
    (0.08, 0.28, 0.08, 0.18, 0.10, 0.17, 0.09, 0.02),
    (0.10, 0.31, 0.07, 0.18, 0.07, 0.15, 0.09, 0.03),
)
_MARITAL: Rows = (
    (1.0, 0.0, 0.0, 0.0, 0.0),
    (0.79, 0.14, 0.06, 0.01, 0.0),
    (0.38, 0.19, 0.38, 0.05, 0.0),
    (0.20, 0.12, 0.57, 0.10, 0.01),
    (0.15, 0.08, 0.60, 0.16, 0.01),
    (0.10, 0.06, 0.61, 0.19, 0.04),
    (0.06, 0.03, 0.56, 0.15, 0.20),
)
_DEVICE: Rows = (
    (0.14, 0.80, 0.06),
    (0.18, 0.78, 0.04),
    (0.25, 0.70, 0.05),
    (0.34, 0.58, 0.08),
    (0.44, 0.46, 0.10),
    (0.53, 0.34, 0.13),
    (0.60, 0.22, 0.18),
)
_HOME: Rows = (
    (0.0, 0.0, 1.0),
    (0.10, 0.46, 0.44),
    (0.38, 0.50, 0.12),
    (0.59, 0.37, 0.04),
    (0.69, 0.29, 0.02),
    (0.76, 0.23, 0.01),
    (0.80, 0.19, 0.01),
)
_SMOKER: Rows = (
    (0.01, 0.03, 0.01, 0.95),
    (0.07, 0.08, 0.06, 0.79),
    (0.12, 0.07, 0.16, 0.65),
    (0.14, 0.05, 0.20, 0.61),
    (0.15, 0.04, 0.23, 0.58),
    (0.14, 0.03, 0.29, 0.54),
    (0.08, 0.02, 0.38, 0.52),
)
_CHILDREN = np.array([0.0, 0.18, 0.95, 1.45, 0.85, 0.2, 0.0])
_STREAMING: Rows = (
    (0.42, 0.15, 0.58, 0.40, 0.24, 0.80, 0.16, 0.15),
    (0.48, 0.17, 0.50, 0.46, 0.30, 0.81, 0.17, 0.18),
    (0.56, 0.19, 0.52, 0.47, 0.34, 0.79, 0.24, 0.25),
    (0.59, 0.18, 0.50, 0.42, 0.33, 0.76, 0.29, 0.29),
    (0.58, 0.15, 0.35, 0.35, 0.30, 0.70, 0.30, 0.30),
    (0.53, 0.12, 0.24, 0.27, 0.25, 0.62, 0.28, 0.28),
    (0.44, 0.08, 0.14, 0.17, 0.16, 0.48, 0.22, 0.22),
)
# By region.
_ETHNICITY: Rows = (
    (0.70, 0.12, 0.09, 0.003, 0.001, 0.036, 0.05),
    (0.78, 0.11, 0.035, 0.006, 0.001, 0.038, 0.03),
    (0.65, 0.20, 0.04, 0.008, 0.001, 0.041, 0.06),
    (0.62, 0.05, 0.13, 0.02, 0.012, 0.068, 0.10),
)
_HISPANIC = np.array([0.15, 0.09, 0.19, 0.30])
# By employment: the middle of household incomes, in dollars; by education, a factor.
_INCOME = np.array([68e3, 38e3, 62e3, 24e3, 52e3, 40e3, 46e3, 22e3])
_INCOME_FACTOR = np.array([0.75, 0.82, 0.92, 0.95, 1.0, 1.3, 1.55, 1.85])
# By employment: in work or not; by whether in work.
_WORKS = np.array([True, True, True, False, False, False, False, False])
_INDUSTRY: Rows = (
    (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    (0.0, 0.11, 0.09, 0.09, 0.17, 0.09, 0.12, 0.03, 0.13, 0.09, 0.06, 0.02),
)
_COMPANY_SIZE: Rows = (
    (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    (0.0, 0.09, 0.13, 0.18, 0.20, 0.15, 0.25),
)
_PURCHASES = np.array([0.07, 0.10, 0.07, 0.03, 0.09, 0.13, 0.07, 0.10])
_HOBBIES = np.array([0.41, 0.46, 0.22, 0.34, 0.33, 0.31, 0.09, 0.25, 0.52, 0.47, 0.17, 0.38])
_CARS = np.array([0.03, 0.14, 0.16, 0.14, 0.08, 0.07, 0.10, 0.06, 0.025, 0.19])
_PETS = np.array([0.04, 0.27, 0.40, 0.05, 0.025])
_CANADA = ("H2X", "H3A", "K1P", "L4C", "M4B", "M5V", "M6G", "R3C", "T2P", "V5K", "V6B")
_BRITAIN = ("B15", "BS1", "CF10", "E1", "EH1", "G2", "LS2", "M1", "NE1", "SE10", "SW1A", "W1")
_CANADA_ENDS = tuple(f"{a}{b}{c}" for a in range(1, 10) for b in "ABCEHKN" for c in range(1, 10))
_BRITAIN_ENDS = tuple(f"{a}{b}{c}" for a in range(1, 10) for b in "ABDEHJ" for c in "ABEHNPQ")


@dataclass(frozen=True, slots=True)
class _People:
    """What is true of the members, before some of them leave questions unanswered."""

    age: Ints
    stage: Ints
    country: Ints
    area: Ints
    region: Ints
    hispanic: Bools
    employment: Ints
    education: Ints
    marital: Ints
    income: Ints
    children: Ints

    @property
    def works(self) -> Ints:
        return _WORKS[self.employment].astype(np.int64)

    @property
    def abroad(self) -> Bools:
        return self.country > 0


def synthetic_panel(members: int, seed: int) -> pa.Table:
    """`member_id` and 25 attributes of as many members; the same for the same seed.

    Columns are text but for `birth_date` (date32), `household_income` (whole dollars) and
    `household_size` (int32), and `purchases`, `hobbies`, `cars`, `streaming`, `pets` and
    `children` (lists of text; children as `M:2016-04-02`). No answer is null.
    """
    rng = np.random.default_rng(seed)
    people = _people(rng, members)
    left_out = {name: rng.random(members) < share for name, share in _MISSING.items()}
    left_out["region"] |= people.abroad
    left_out["dma"] |= people.abroad
    columns: Columns = {"member_id": _member_ids(members)}
    for part in (_locale, _place, _demographics, _work, _household, _interests):
        columns |= part(rng, people, left_out)
    return pa.table(columns)


def _people(rng: np.random.Generator, members: int) -> _People:
    first = _pick(rng, _STAGE_SHARES, members)
    ends = np.array(_STAGE_ENDS)
    thinning = np.where(first == len(_STAGES), 1.8, 1.0)
    within = rng.random(members) ** thinning
    age = ends[first] + (within * (ends[first + 1] - ends[first])).astype(np.int64)
    stage = np.searchsorted(np.array(_STAGES), age, side="right")
    country = _pick(rng, (0.92, 0.045, 0.035), members)
    area = _pick(rng, tuple(area.weight for area in AREAS), members)
    region = np.array([REGIONS.index(area.region) for area in AREAS])[area]
    employment = _pick_by(rng, _EMPLOYMENT, stage)
    education = _pick_by(rng, _EDUCATION, stage)
    marital = _pick_by(rng, _MARITAL, stage)
    paired = (marital == MARITALS.index("partner")) | (marital == MARITALS.index("married"))
    middle = _INCOME[employment] * _INCOME_FACTOR[education] * np.where(paired, 1.35, 0.9)
    income = np.clip(middle * rng.lognormal(0.0, 0.55, members), 0, 600_000)
    children = rng.poisson(_CHILDREN[stage] * np.where(paired, 1.3, 0.6))
    return _People(
        age=age,
        stage=stage,
        country=country,
        area=area,
        region=region,
        hispanic=(country == 0) & (rng.random(members) < _HISPANIC[region]),
        employment=employment,
        education=education,
        marital=marital,
        income=(income / 500).astype(np.int64) * 500,
        children=np.clip(children, 0, 4),
    )


def _locale(rng: np.random.Generator, people: _People, left_out: LeftOut) -> Columns:
    spanish = people.hispanic & (rng.random(len(people.age)) < 0.35)
    device = _pick_by(rng, _DEVICE, people.stage)
    return {
        "country": _codes(COUNTRIES, people.country, left_out["country"]),
        "language": _codes(LANGUAGES, spanish.astype(np.int64), left_out["language"]),
        "device": _codes(DEVICES, device, left_out["device"]),
    }


def _place(rng: np.random.Generator, people: _People, left_out: LeftOut) -> Columns:
    dmas = tuple(area.dma for area in AREAS)
    return {
        "postal_code": _postal_codes(rng, people, left_out["postal_code"]),
        "region": _codes(REGIONS, people.region, left_out["region"]),
        "dma": _codes(dmas, people.area, left_out["dma"]),
    }


def _postal_codes(rng: np.random.Generator, people: _People, left_out: Bools) -> pa.Array:
    members = len(people.age)
    counts = np.array([len(area.zips) for area in AREAS])
    firsts = np.array([prefix for area in AREAS for prefix in area.zips])
    within = (rng.random(members) * counts[people.area]).astype(np.int64)
    prefix = firsts[(np.cumsum(counts) - counts)[people.area] + within]
    zips = pa.array(prefix * 100 + rng.integers(1, 100, members)).cast(pa.string())
    zips = pc.utf8_lpad(zips, 5, "0")
    zips = pc.if_else(pa.array(rng.random(members) < 0.015), "-5", zips)
    canada = _joined(rng, _CANADA, _CANADA_ENDS, members)
    britain = _joined(rng, _BRITAIN, _BRITAIN_ENDS, members)
    abroad = pc.if_else(pa.array(people.country == 1), canada, britain)
    plainly = pc.replace_substring(pc.utf8_lower(abroad), " ", "")
    abroad = pc.if_else(pa.array(rng.random(members) < 0.15), plainly, abroad)
    written = pc.if_else(pa.array(people.abroad), abroad, zips)
    return pc.if_else(pa.array(left_out), pa.scalar(None, pa.string()), written)


def _joined(
    rng: np.random.Generator, firsts: tuple[str, ...], seconds: tuple[str, ...], members: int
) -> pa.Array:
    first = pa.array(firsts).take(pa.array(rng.integers(0, len(firsts), members)))
    second = pa.array(seconds).take(pa.array(rng.integers(0, len(seconds), members)))
    return pc.binary_join_element_wise(first, second, " ")


def _demographics(rng: np.random.Generator, people: _People, left_out: LeftOut) -> Columns:
    members = len(people.age)
    gender = _pick(rng, (0.485, 0.507, 0.008), members)
    months = np.datetime64("2026-11", "M") - people.age * np.timedelta64(12, "M")
    birthday = months.astype("datetime64[D]") + np.timedelta64(AS_OF.day - 1, "D")
    born = birthday - rng.integers(0, 365, members) * np.timedelta64(1, "D")
    ethnicity = _pick_by(rng, _ETHNICITY, people.region)
    hispanic = 1 - people.hispanic.astype(np.int64)
    return {
        "gender": _codes(GENDERS, gender, left_out["gender"]),
        "birth_date": pa.array(born, pa.date32(), mask=left_out["birth_date"]),
        "ethnicity": _codes(ETHNICITIES, ethnicity, left_out["ethnicity"]),
        "hispanic": _codes(YES_NO, hispanic, left_out["hispanic"]),
        "education": _codes(EDUCATIONS, people.education, left_out["education"]),
        "marital_status": _codes(MARITALS, people.marital, left_out["marital_status"]),
    }


def _work(rng: np.random.Generator, people: _People, left_out: LeftOut) -> Columns:
    works = people.works
    industry = _pick_by(rng, _INDUSTRY, works)
    size = _pick_by(rng, _COMPANY_SIZE, works)
    buys = np.outer(works, _PURCHASES) * np.where(people.education >= 5, 2.2, 1.0)[:, None]
    return {
        "employment": _codes(EMPLOYMENTS, people.employment, left_out["employment"]),
        "industry": _codes(INDUSTRIES, industry, left_out["industry"]),
        "company_size": _codes(COMPANY_SIZES, size, left_out["company_size"]),
        "purchases": _several(rng, PURCHASES, buys, left_out["purchases"]),
    }


def _household(rng: np.random.Generator, people: _People, left_out: LeftOut) -> Columns:
    members = len(people.age)
    paired = (people.marital == 1) | (people.marital == 2)
    others = rng.poisson(np.where(people.age < 25, 1.6, 0.2), members)
    size = 1 + paired + people.children + others
    home = _pick_by(rng, _HOME, people.stage)
    return {
        "household_income": _numbers(people.income, left_out["household_income"]),
        "household_size": _numbers(size, left_out["household_size"]),
        "children": _children(rng, people, left_out["children"]),
        "home_ownership": _codes(HOMES, home, left_out["home_ownership"]),
    }


def _children(rng: np.random.Generator, people: _People, left_out: Bools) -> pa.Array:
    members = len(people.age)
    youngest = np.clip(people.age - 46, 0, 17)
    oldest = np.clip(people.age - 18, 0, 17)
    has = np.arange(4) < people.children[:, None]
    years = youngest[:, None] + rng.random((members, 4)) * (oldest - youngest + 0.99)[:, None]
    days = (years[has & ~left_out[:, None]] * 365.25).astype(np.int64)
    born = np.datetime64(AS_OF, "D") - days * np.timedelta64(1, "D")
    gender = pa.array(("M", "F")).take(pa.array(rng.integers(0, 2, len(days))))
    dates = pa.array(born, pa.date32()).cast(pa.string())
    return _lists(pc.binary_join_element_wise(gender, dates, ":"), has, left_out)


def _interests(rng: np.random.Generator, people: _People, left_out: LeftOut) -> Columns:
    driving = np.where(people.age < 17, 0.0, np.clip(people.income / 60e3, 0.5, 1.8))
    hobby = np.tile(_HOBBIES, (len(people.age), 1))
    hobby[:, HOBBIES.index("gaming")] = np.clip(0.85 - people.age / 90, 0.05, 1)
    hobby[:, HOBBIES.index("gardening")] = np.clip(people.age / 130, 0.05, 1)
    streams = np.array(_STREAMING)[people.stage]
    pets = np.tile(_PETS, (len(people.age), 1))
    smoker = _pick_by(rng, _SMOKER, people.stage)
    return {
        "hobbies": _several(rng, HOBBIES, hobby * 0.75, left_out["hobbies"]),
        "cars": _several(rng, CARS, np.outer(driving, _CARS), left_out["cars"]),
        "streaming": _several(rng, STREAMS, streams, left_out["streaming"]),
        "smoker": _codes(SMOKERS, smoker, left_out["smoker"]),
        "pets": _several(rng, PETS, pets, left_out["pets"]),
    }


def _pick(rng: np.random.Generator, weights: tuple[float, ...], members: int) -> Ints:
    """One option each, by weight."""
    return rng.choice(len(weights), members, p=np.array(weights) / sum(weights))


def _pick_by(rng: np.random.Generator, weights: Rows, group: Ints) -> Ints:
    """One option each, by the weights of the member's group."""
    shares = np.cumsum(np.array(weights), axis=1)
    shares /= shares[:, -1:]
    drawn: Ints = (rng.random(len(group))[:, None] >= shares[group]).sum(axis=1)
    return drawn


def _member_ids(members: int) -> pa.Array:
    numbers = pc.utf8_lpad(pa.array(np.arange(1, members + 1)).cast(pa.string()), 7, "0")
    return pc.binary_join_element_wise("m", numbers, "")


def _codes(codes: tuple[str, ...], index: Ints, left_out: Bools) -> pa.Array:
    return pa.array(codes).take(pa.array(index, mask=left_out))


def _numbers(numbers: Ints, left_out: Bools) -> pa.Array:
    return pa.array(numbers.astype(np.int32), mask=left_out)


def _several(
    rng: np.random.Generator, codes: tuple[str, ...], chances: Floats, left_out: Bools
) -> pa.Array:
    """A list each: every code by its own chance, so that some members hold none of them."""
    has = (rng.random(chances.shape) < chances) & ~left_out[:, None]
    return _lists(pa.array(codes).take(pa.array(np.nonzero(has)[1])), has, left_out)


def _lists(values: pa.Array, has: Bools, left_out: Bools) -> pa.Array:
    """Lists from the values of the true places of `has`, in row order; null where left out."""
    lengths = np.where(left_out, 0, has.sum(axis=1))
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(left_out))
