"""The router's job done by hand in Python, and by zen-engine, to measure ours against.

The job: the ten surveys that pay best of those a member is eligible for, each with the first open
quota that takes him. All get the surveys in the order of their pay, in the panel's own words, and
may stop after ten; a missing answer is None.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import zen

from benchmarks.case import Body
from benchmarks.peers import Cell, Codes, Job, Kind, Span, read_job
from benchmarks.router_case import Offered, Row
from matcher.survey import Survey

LOCALE = ("country", "language")
Holds = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A survey as peers get it: what all must meet, and the open quotas with their ids."""

    name: str
    filters: tuple[Cell, ...]
    quotas: tuple[tuple[str, tuple[Cell, ...]], ...]


def read_ranked(panel: Path, payload: Path, best_first: Iterable[Survey]) -> list[Ranked]:
    """Read Dynata opportunities as peers do, best first; locales are filters like others."""
    bodies: list[Body] = json.loads(payload.read_bytes())
    surveys = read_job(panel, payload).surveys
    known = {}
    for body, survey in zip(bodies, surveys, strict=True):
        locale = [Codes(name, (body["locale"][name],), False, False) for name in LOCALE]
        ids = [quota["id"] for quota in body["quotas"][0]]
        quotas = [(ids[place - 1], cells) for place, cells in survey.quotas]
        name = f"dynata:{body['id']}"
        known[name] = Ranked(name, (*locale, *survey.filters), tuple(quotas))
    return [known[survey.name] for survey in best_first]


def read_kinds(panel: Path, payload: Path) -> Mapping[str, Kind]:
    """Return the kind of every attribute."""
    return read_job(panel, payload).kinds
