"""The router's job done by hand in Python, and by zen-engine, to measure ours against.

The job: the surveys that pay best of those a member is eligible for, each with the first open
quota that takes them. Peers get the surveys best first, in the panel's own words, and may stop as
soon as they have enough; a missing answer is None.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import assert_never

import orjson
import zen

from benchmarks.cases.routing import Offered, Row
from benchmarks.peers.polars_duckdb import (
    Cell,
    Codes,
    Kind,
    Span,
    read_job,
)
from matcher.surveys import Survey

Holds = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A survey as peers get it: what all must meet, and the open quotas with their ids."""

    name: str
    filters: tuple[Cell, ...]
    quotas: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclass(frozen=True, slots=True)
class RouterJob:
    """The kind of every attribute, and the surveys to route to, best first."""

    kinds: Mapping[str, Kind]
    surveys: list[Ranked]


def read_router_job(panel: Path, payload: Path, best_first: Iterable[Survey]) -> RouterJob:
    """Read Dynata opportunities as peers do; country and language are filters like others."""
    job = read_job(panel, payload)
    known = {}
    for body, survey in zip(orjson.loads(payload.read_bytes()), job.surveys, strict=True):
        locale = (Codes(name, (value,), False, False) for name, value in body["locale"].items())
        ids = [quota["id"] for quota in body["quotas"][0]]
        quotas = tuple((ids[place - 1], cells) for place, cells in survey.quotas)
        name = f"dynata:{body['id']}"
        known[name] = Ranked(name, (*locale, *survey.filters), quotas)
    return RouterJob(job.kinds, [known[survey.name] for survey in best_first])


class PythonLoop:
    """Surveys in a list, each cell a closure over a set or a range, shared where it repeats."""

    name = "a Python loop with short circuit"

    def __init__(self, job: RouterJob) -> None:
        holds = {cell: _closure(cell, job.kinds) for cell in _cells(job)}
        self._surveys = [
            (
                survey.name,
                tuple(holds[cell] for cell in survey.filters),
                tuple((id_, tuple(holds[cell] for cell in cells)) for id_, cells in survey.quotas),
            )
            for survey in job.surveys
        ]

    def best(self, row: Row, limit: int) -> Offered:
        """Return the best surveys for a member."""
        offered: Offered = []
        for name, filters, quotas in self._surveys:
            for holds in filters:
                if not holds(row):
                    break
            else:
                for id_, cells in quotas:
                    for holds in cells:
                        if not holds(row):
                            break
                    else:
                        offered.append((name, (id_,)))
                        break
                if len(offered) == limit:
                    break
        return offered


class ZenExpressions:
    """zen-engine with a compiled expression a survey, which gives the place of the quota."""

    name = "zen-engine, an expression a survey"

    def __init__(self, job: RouterJob) -> None:
        self._surveys = []
        for survey in job.surveys:
            chain = "0"
            for place, (_, cells) in reversed(list(enumerate(survey.quotas, 1))):
                chain = f"({_all(cells, job.kinds)}) ? {place} : ({chain})"
            expression = f"({_all(survey.filters, job.kinds)}) ? ({chain}) : 0"
            ids = [id_ for id_, _ in survey.quotas]
            self._surveys.append((survey.name, ids, zen.compile_expression(expression)))

    def best(self, row: Row, limit: int) -> Offered:
        """Return the best surveys for a member."""
        return list(islice(self._eligible(row), limit))

    def _eligible(self, row: Row) -> Iterator[tuple[str, tuple[str, ...]]]:
        for name, ids, expression in self._surveys:
            place = int(expression.evaluate(row))
            if place:
                yield name, (ids[place - 1],)


class ZenTable:
    """zen-engine with one decision table: a row a quota, a column an attribute, all hits."""

    name = "zen-engine, a decision table"

    def __init__(self, job: RouterJob) -> None:
        rows = [
            _table_row(place, survey, number, cells, job.kinds)
            for place, survey in enumerate(job.surveys)
            for number, (_, cells) in enumerate(survey.quotas)
        ]
        inputs = [{"id": name, "name": name, "field": name} for name in job.kinds]
        outputs = [{"id": name, "name": name, "field": name} for name in ("_survey", "_quota")]
        table = {"hitPolicy": "collect", "rules": rows, "inputs": inputs, "outputs": outputs}
        kinds = {"member": "inputNode", "table": "decisionTableNode", "offers": "outputNode"}
        nodes = [
            {"id": name, "name": name, "type": kind, "position": {"x": 0, "y": 0}}
            | ({"content": table} if name == "table" else {})
            for name, kind in kinds.items()
        ]
        edges = [
            {"id": f"{source}-{target}", "type": "edge", "sourceId": source, "targetId": target}
            for source, target in (("member", "table"), ("table", "offers"))
        ]
        self._job = job
        self._decision = zen.ZenEngine().create_decision(
            json.dumps({"nodes": nodes, "edges": edges})
        )

    def best(self, row: Row, limit: int) -> Offered:
        """Return the best surveys for a member."""
        offered: dict[str, tuple[str, ...]] = {}
        for hit in self._decision.evaluate(row)["result"]:
            survey = self._job.surveys[int(hit["_survey"])]
            offered.setdefault(survey.name, (survey.quotas[int(hit["_quota"])][0],))
            if len(offered) == limit:
                break
        return list(offered.items())


RouterPeer = PythonLoop | ZenExpressions | ZenTable


def _cells(job: RouterJob) -> set[Cell]:
    """Return the distinct cells."""
    return {
        cell
        for survey in job.surveys
        for cells in (survey.filters, *(cells for _, cells in survey.quotas))
        for cell in cells
    }


def _closure(cell: Cell, kinds: Mapping[str, Kind]) -> Holds:
    name = cell.column
    if isinstance(cell, Span):
        low = float("-inf") if cell.low is None else cell.low
        high = float("inf") if cell.high is None else cell.high
        return lambda row: (value := row[name]) is not None and low <= value <= high
    values = frozenset(cell.values)
    if kinds[name] != "multi":
        if cell.negate:
            return lambda row: (value := row[name]) is not None and value not in values
        return lambda row: row[name] in values
    found = values.issubset if cell.every else lambda given: not values.isdisjoint(given)
    negate = cell.negate
    return lambda row: (given := row[name]) is not None and found(given) is not negate


def _all(cells: Iterable[Cell], kinds: Mapping[str, Kind]) -> str:
    """Return that all cells hold, as an expression of zen."""
    return " and ".join(_condition(cell, cell.column, kinds) for cell in cells)


def _condition(cell: Cell, answer: str, kinds: Mapping[str, Kind]) -> str:
    """Return that a cell holds; no operator in it binds less than `and`."""
    match cell:
        case Span(_, low, high):
            ends = [f"{answer} >= {low}"] if low is not None else []
            ends += [f"{answer} <= {high}"] if high is not None else []
            return " and ".join([f"{answer} != null", *ends])
        case Codes(name, values, every, negate):
            listed = json.dumps(values)
            if kinds.get(name) != "multi":
                return f"{answer} != null and {answer} {'not in' if negate else 'in'} {listed}"
            held = f"all({listed}, # in {answer})" if every else f"some({answer}, # in {listed})"
            return f"{answer} != null and {f'not({held})' if negate else held}"
        case _:
            assert_never(cell)


def _table_row(
    place: int,
    survey: Ranked,
    number: int,
    cells: Iterable[Cell],
    kinds: Mapping[str, Kind],
) -> dict[str, str]:
    """Return a row of the table; `$` is the answer of its column, and blank is no condition."""
    by_column: dict[str, list[str]] = {name: [] for name in kinds}
    for cell in (*survey.filters, *cells):
        by_column[cell.column].append(_condition(cell, "$", kinds))
    tests = {name: " and ".join(conditions) for name, conditions in by_column.items()}
    return {"_id": f"{place}-{number}", "_survey": str(place), "_quota": str(number), **tests}
