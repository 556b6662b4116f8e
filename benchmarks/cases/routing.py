"""Inventories to route on, from 10,000 rules to 1,000,000, and the members who come.

A rule is one quota with the filters of its survey, for Toluna one subquota with its quota. Only
some surveys are lowered from payloads. The others are dealt from their parts: filters of several
surveys, cells of several quotas, with new ids and pay, so that cells repeat as in any inventory,
but whole quotas do not.
"""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import orjson

import matcher
from benchmarks.cases.matching import (
    AS_OF,
    FILTERS,
    Body,
    members,
    opportunities,
    panel_file,
)
from matcher.rules import And, Const, InIds, Member, Not, Or, Rule, TookPart, Truth, evaluate
from matcher.rules.evaluate import read_member
from matcher.surveys import Clause, Group, Quota, Reason, Survey, Verdict, judge
from profiles.schema import PanelMapping
from profiles.schema.panel_file import read_panel_file

LOWERED = 1_250
"""Surveys that are lowered from payloads, before more are dealt from them."""

QUOTAS = 8
"""Quotas of a Dynata survey."""

Kind = Literal["broad", "rare", "narrow", "toluna"]

NARROW = (0.02, 0.25)
"""What share of members meets a filter of an inventory in which few are eligible."""

LOCALES = [
    (country, language)
    for country, languages in {
        "US": "en es", "GB": "en", "DE": "de", "FR": "fr", "CA": "en fr", "AU": "en", "IT": "it",
        "ES": "es", "BR": "pt", "MX": "es", "IN": "en hi", "JP": "ja", "NL": "nl", "PL": "pl",
        "SE": "sv", "CH": "de fr it", "BE": "nl fr", "AT": "de", "DK": "da", "NO": "no",
        "FI": "fi", "PT": "pt", "TR": "tr", "ZA": "en", "AR": "es", "CL": "es", "CO": "es",
        "KR": "ko", "TW": "zh", "SG": "en", "TH": "th", "ID": "id", "MY": "en", "PH": "en",
        "VN": "vi", "AE": "ar", "SA": "ar", "IL": "he", "GR": "el", "CZ": "cs",
    }.items()
    for language in languages.split()
]  # fmt: skip
"""Countries and languages of a narrow inventory, the commonest first."""

Part = TypeVar("Part", Rule, Clause)

Row = dict[str, Any]
Offered = list[tuple[str, tuple[str, ...]]]
"""Surveys by name, each with the quotas given, best first."""


def read_mapping(folder: Path) -> PanelMapping:
    """Write the panel file into a folder, and read it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "panel.toml"
    path.write_text(panel_file() + _LOCALE + _TOLUNA, encoding="utf-8")
    return read_panel_file(path).mapping


def inventory(kind: Kind, rules: int, mapping: PanelMapping, folder: Path) -> tuple[Survey, ...]:
    """Return the surveys of an inventory; its payload is written into a folder."""
    return grow(lowered(kind, rules, mapping, folder), rules)


def lowered(
    kind: Kind, rules: int, mapping: PanelMapping, folder: Path, payload: Path | None = None
) -> tuple[Survey, ...]:
    """Return the surveys of a payload, or of one that is made: `broad.json`, for instance."""
    if payload:
        return matcher.load_surveys([payload], mapping).surveys
    if kind == "toluna":
        bodies = toluna_bodies(LOWERED, seed=5)
    else:
        bodies = dynata_bodies(kind, min(rules // QUOTAS, LOWERED))
    return lower(bodies, mapping, folder / f"{kind}.json")


def grow(surveys: tuple[Survey, ...], rules: int) -> tuple[Survey, ...]:
    """Return as many rules: surveys dealt from those of Dynata, copies of those of Toluna."""
    if surveys[0].marketplace == "toluna":
        return multiply(surveys, rules)
    return surveys + deal(surveys, rules // QUOTAS - len(surveys), seed=11)


def lower(bodies: list[Body], mapping: PanelMapping, path: Path) -> tuple[Survey, ...]:
    """Write a payload, and lower its surveys; none may be set aside."""
    path.write_bytes(orjson.dumps(bodies))
    found = matcher.load_surveys([path], mapping)
    assert not found.rejected
    return found.surveys


def members_of(kind: Kind, count: int, seed: int) -> list[Row]:
    """Return members as rows of the panel, with country and language; None: not answered."""
    rng = random.Random(seed)
    rows: list[Row] = members(count, seed).to_pylist()
    for row in rows:
        row["country"], row["language"] = _locale(rng) if kind == "narrow" else LOCALES[0]
    return rows


def best(surveys: Iterable[Survey], row: Row, mapping: PanelMapping, limit: int) -> Offered:
    """Return what the reference evaluator offers a member."""
    member = read_member(mapping, row, AS_OF)
    ranked = by_pay(surveys)
    passed = (survey for survey in ranked if _passes(survey, member))
    judged = ((survey.name, judge(survey, member)) for survey in passed)
    eligible = ((name, found) for name, found in judged if found.verdict is Verdict.ELIGIBLE)
    return [(name, found.quota_ids) for name, found in itertools.islice(eligible, limit)]


def _passes(survey: Survey, member: Member) -> bool:
    """Whether a member passes the gate; without that no survey admits them."""
    return all(evaluate(clause.rule, member) is Truth.TRUE for clause in survey.gate)


def by_pay(surveys: Iterable[Survey]) -> list[Survey]:
    """Return surveys in the order in which they are offered."""
    return sorted(surveys, key=lambda survey: (survey.pay is None, -(survey.pay or 0)))


# Dynata


def dynata_bodies(kind: Kind, surveys: int, seed: int = 7, first: int = 0) -> list[Body]:
    """Return opportunities of a kind of inventory, the first of a given number."""
    rng = random.Random(seed)
    bodies = opportunities(surveys, seed, FILTERS if kind == "broad" else NARROW, first)
    for body in bodies:
        country, language = _locale(rng) if kind == "narrow" else LOCALES[0]
        body["locale"] = {"country": country, "language": language}
    return bodies


def _locale(rng: random.Random) -> tuple[str, str]:
    weights = [1 / (place + 3) for place in range(len(LOCALES))]
    return rng.choices(LOCALES, weights)[0]


def deal(lowered: Sequence[Survey], surveys: int, seed: int) -> tuple[Survey, ...]:
    """Return surveys made of the parts of others: filters, quota cells, seats and pay."""
    rng = random.Random(seed)
    filters = [
        (_attribute(clause.rule), clause)
        for survey in lowered
        for clause in survey.gate
        if clause.reason is Reason.FILTER
    ]
    quotas = [quota for survey in lowered for quota in survey.groups[0].quotas]
    cells = [(_attribute(cell), cell) for quota in quotas for cell in _cells(quota)]
    dealt = []
    for number in range(surveys):
        model = rng.choice(lowered)
        id_ = str(int(lowered[0].id) + len(lowered) + number)
        locale = [clause for clause in model.gate if clause.reason is not Reason.FILTER]
        gate = (*locale, *_draw(rng, filters, len(model.gate) - len(locale)))
        seats = rng.choices(quotas, k=len(model.groups[0].quotas))
        dealt.append(
            replace(
                model,
                id=id_,
                gate=gate,
                groups=(Group(tuple(_deal_quotas(rng, id_, seats, cells)), "/quotas/0"),),
                pay=rng.choice(lowered).pay,
                origins=(),
            )
        )
    return tuple(dealt)


def _deal_quotas(
    rng: random.Random, id_: str, seats: Iterable[Quota], cells: Sequence[tuple[str, Rule]]
) -> Iterator[Quota]:
    for place, quota in enumerate(seats):
        rule = And(tuple(_draw(rng, cells, len(_cells(quota)))))
        yield replace(quota, id=f"{id_}-{place}", rule=rule, pointer=f"/quotas/0/{place}")


def _cells(quota: Quota) -> tuple[Rule, ...]:
    assert isinstance(quota.rule, And), "every quota has two cells or three"
    return quota.rule.rules


def _attribute(rule: Rule) -> str:
    """Return the attribute that a cell asks for."""
    match rule:
        case Not(inner):
            return _attribute(inner)
        case And(rules) | Or(rules):
            return _attribute(rules[0])
        case Const() | InIds() | TookPart():
            raise AssertionError(rule)
        case _:
            return rule.attribute


def _draw(rng: random.Random, pool: Sequence[tuple[str, Part]], count: int) -> Iterable[Part]:
    """Draw parts on different attributes."""
    drawn: dict[str, Part] = {}
    while len(drawn) < count:
        drawn.setdefault(*rng.choice(pool))
    return drawn.values()


# Toluna


def toluna_bodies(surveys: int, seed: int) -> list[Body]:
    """Return surveys of a GetQuotas answer: quotas of 1 or 2 layers of 1 to 12 subquotas."""
    rng = random.Random(seed)
    numbers = itertools.count(1_000_000)
    return [_toluna_survey(rng, number, numbers) for number in range(surveys)]


def multiply(surveys: Sequence[Survey], rules: int) -> tuple[Survey, ...]:
    """Return copies of surveys under other ids, until there are as many rules."""
    copies: list[Survey] = []
    models = itertools.cycle(surveys)
    while rules > 0:
        survey = next(models)
        copies.append(replace(survey, id=f"{len(copies)}/{survey.id.partition('/')[2]}"))
        rules -= sum(map(count_rules, survey.groups))
    return tuple(copies)


def count_rules(group: Group) -> int:
    """Return how many rules the quotas of a group are."""
    return sum(sum(map(count_rules, quota.groups)) or 1 for quota in group.quotas)


def _toluna_survey(rng: random.Random, number: int, numbers: Iterator[int]) -> Body:
    return {
        "SurveyID": 2_400_000 + number,
        "WaveID": 780_000 + number,
        "LOI": rng.randint(5, 30),
        "IR": rng.randint(5, 100),
        "Price": {"Amount": round(rng.uniform(0.5, 6.0), 2), "CurrencyID": 1},
        "DeviceTypeIDs": [1, 2, 3],
        "EstimatedCompletesRemaining": rng.randint(1, 3_000),
        "Quotas": [_toluna_quota(rng, numbers) for _ in range(rng.choices((1, 2), (5, 1))[0])],
    }


def _toluna_quota(rng: random.Random, numbers: Iterator[int]) -> Body:
    layers = []
    for _ in range(rng.randint(1, 2)):
        questions = rng.sample(sorted(_ASK), rng.randint(1, 3))
        count = rng.randint(1, 12)
        subquotas = [_subquota(rng, questions, next(numbers)) for _ in range(count)]
        layers.append({"LayerID": next(numbers), "SubQuotas": subquotas})
    return {
        "QuotaID": next(numbers),
        "EstimatedCompletesRemaining": rng.randint(1, 500),
        "Layers": layers,
    }


def _subquota(rng: random.Random, questions: Iterable[str], number: int) -> Body:
    conditions = []
    for question in questions:
        ids, values = _ASK[question](rng)
        conditions.append({"QuestionID": question, "AnswerIDs": ids, "AnswerValues": values})
    wanted = 10 * rng.randint(1, 50)
    return {
        "SubQuotaID": number,
        "CurrentCompletes": wanted if rng.random() < 0.06 else rng.randrange(wanted),
        "MaxTargetCompletes": wanted,
        "QuestionsAndAnswers": conditions,
    }


Answers = tuple[list[int], list[str]]


def _ages(rng: random.Random) -> Answers:
    """A range in words, or some of the age groups that Toluna numbers."""
    if rng.random() < 0.6:
        low = rng.choice((18, 18, 21, 25, 30, 35, 45, 50, 55))
        return [], [f"{low}-{min(low + rng.choice((6, 9, 14, 19, 46, 81)), 99)}"]
    first, count = rng.randint(2_006_352, 2_006_359), rng.randint(1, 5)
    return list(range(first, min(first + count, 2_006_362))), []


def _some(numbers: Sequence[int]) -> Callable[[random.Random], Answers]:
    """Some of the answers, mostly one."""

    def draw(rng: random.Random) -> Answers:
        count = min(rng.choice((1, 1, 1, 2, 2, 3)), len(numbers) - 1)
        return sorted(rng.sample(numbers, count)), []

    return draw


def _postal_codes(rng: random.Random) -> Answers:
    """Prefixes of three digits, or a run of whole codes."""
    if rng.random() < 0.5:
        return [], sorted({f"{rng.randint(5, 999):03}" for _ in range(rng.randint(5, 120))})
    first = rng.randint(501, 99_000)
    return [], [f"{first + step:05}" for step in range(rng.randint(20, 400))]


_ASK: dict[str, Callable[[random.Random], Answers]] = {
    "1001538": _ages,
    "1001007": _some((2_000_247, 2_000_246)),
    "1001540": _some(range(2_006_372, 2_006_376)),
    "1001012": _some(range(2_000_264, 2_000_272)),
    "1001042": _postal_codes,
}
"""Toluna's questions, and how the answers that a subquota wants are drawn."""

_LOCALE = """
[attributes.country]
type = "single"

[attributes.language]
type = "single"
"""

_AGES = "-17 18-24 25-29 30-34 35-39 40-44 45-49 50-54 55-59 60-64 65-".split()
_REGIONS = [
    [f"{21_245_300 + number}" for number in part]
    for part in ((1, 2, 3), (4, 5, 6), (7, 8, 9), (10,))
]


def _coded(first: int, values: Iterable[object]) -> str:
    """Return a table of answers that Toluna numbers one after the other."""
    return ", ".join(f"{first + place} = {value}" for place, value in enumerate(values))


_TOLUNA = f"""
[marketplaces.toluna.attributes]
1001042 = {{ attribute = "postal_code" }}
1001001 = {{ attribute = "country", answers = {{ 2000223 = "US" }} }}
1001007 = {{ attribute = "gender", answers = {{ 2000247 = "M", 2000246 = "F" }} }}

[marketplaces.toluna.attributes.1001538]
attribute = "age"
answers = {{ {_coded(2_006_351, (f"'{age}'" for age in _AGES))} }}

[marketplaces.toluna.attributes.1001540]
attribute = "region"
answers = {{ {_coded(2_006_372, _REGIONS)} }}

[marketplaces.toluna.attributes.1001012]
attribute = "ethnicity"
answers = {{ {_coded(2_000_264, (f"'{20_560_001 + place}'" for place in range(8)))} }}
"""
