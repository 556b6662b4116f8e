"""Dynata: opportunities with cells, filters and quotas.

Sources: get-opportunity and notifications of the registry documentation. Filters are an AND of
groups, a group an OR of objects, an object an AND of cell tags; quotas have the same shape, with
seats and a status.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b
from itertools import repeat
from pathlib import Path
from sys import intern

import orjson
from pydantic import Field

from matcher.marketplaces.adapter import (
    Disposition,
    DispositionCode,
    Marketplace,
    RejectionCode,
)
from matcher.marketplaces.downloads import downloaded, json_list, lines_of, listed_codes
from matcher.marketplaces.lowering import DEVICES, Lowering, Memo
from matcher.marketplaces.payload import (
    AnswersOrNone,
    Id,
    ListOrNone,
    Number,
    Payload,
    Scalar,
    Whole,
    read,
    unknown_keys,
    validate,
)
from matcher.marketplaces.price import pay_per_minute
from matcher.rules import INFINITY, TRUE, UNKNOWN, And, Answered, Not, Or, Rule, Unusable, one_of
from matcher.support.json_text import Json
from matcher.surveys import Clause, Diagnostic, Group, Level, Quota, Reason, Survey
from profiles.errors import InputError
from profiles.schema import (
    AttributeMapping,
    Collections,
    IdList,
    Kind,
    as_code,
    as_expiration,
    as_moment,
    is_missing,
    is_negative_code,
)

_STATUSES = ("OPEN", "PAUSED", "CLOSED")
_INVITES = frozenset({"INVITE_COLLECTIONS", "STATIC_INVITE_COLLECTIONS"})
_NEEDS = {
    "VALUE": ("value", "value"),
    "RANGE": ("range", "bounds"),
    "LIST": ("list", "values"),
    "COLLECTION": ("collection", "collection"),
    "INVITE_COLLECTIONS": ("invite_collections", "invite_collections"),
    "STATIC_INVITE_COLLECTIONS": ("invite_collections", "invite_collections"),
}
_OPPORTUNITY_KEYS = frozenset(
    "client_id completes group_id "
    "evaluation days_in_field category_ids links created modified".split()
)
_NO_KEYS: frozenset[str] = frozenset()
_ID = "respondent_id"
_EXCLUDING = ("complete", "disqualified", "over_quota", "dropout")
"""Outcomes in an excluded project or category that keep a member out."""


class Range(Payload):
    """Both ends included; null or absent: unbounded."""

    low: Number | None = Field(None, alias="from")
    high: Number | None = Field(None, alias="to")


class Cell(Payload):
    """The atomic condition; which of the last five fields counts depends on `kind`.

    Hashed as the object it is: those that read alike are one (`_read`).
    """

    __hash__ = object.__hash__

    tag: str
    kind: str
    attribute_id: str | None = None
    negate: bool | None = None
    operator: str | None = None
    value: Scalar | None = None
    bounds: Range | None = Field(None, alias="range")
    values: list[Scalar] | None = Field(None, alias="list", fail_fast=True)
    collection: str | None = None
    invite_collections: list[str] | None = None


class FilterObject(Payload):
    """Cell tags that must all hold."""

    id: str | None = None
    cells: list[str]


class QuotaObject(Payload):
    """Cell tags that must all hold, with seats left and a status."""

    id: str
    cells: list[str]
    count: Whole
    status: str


class Locale(Payload):
    """Country and language of the survey."""

    country: str | None = None
    language: str | None = None


class Opportunity(Payload):
    """What get-opportunity gives, as far as it says who may take the survey."""

    id: Id
    status: str
    cells: ListOrNone[Cell]
    filters: ListOrNone[list[FilterObject]]
    quotas: ListOrNone[list[QuotaObject]]
    locale: Locale | None = None
    devices: list[str] | None = None
    project_id: Scalar | None = None
    project_exclusions: AnswersOrNone[Scalar]
    category_exclusions: AnswersOrNone[Scalar]
    cost_per_interview: Json = None
    incidence_rate: Json = None
    length_of_interview: Json = None
    notified: Json = None


@dataclass
class _Memo(Memo):
    """Cells by what they say but for their tag, and surveys by all that they say but for seats."""

    cells: dict[bytes | None, Cell] = field(default_factory=dict)
    surveys: dict[bytes, tuple[Survey, tuple[Diagnostic, ...]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Tagged:
    """The cells of one opportunity: the tag and content of each, and what it shares with others.

    `alike`: what cells that read alike have in common, whatever their tags; None: not known.
    """

    tags: list[str]
    cells: list[Cell]
    alike: list[bytes | None]


class _Cells:
    """The cells of one opportunity by tag, lowered when first used."""

    def __init__(self, tagged: _Tagged, lowering: Lowering) -> None:
        self._lowering = lowering
        self._cells = tagged.cells
        self._alike = tagged.alike
        self._by_tag: dict[str, int] = {}
        self._ambiguous: set[str] = set()
        for number, (tag, cell) in enumerate(zip(tagged.tags, tagged.cells, strict=True)):
            if cell.__pydantic_extra__:
                unknown_keys(cell, _NO_KEYS, f"/cells/{number}", lowering.findings)
            first = self._by_tag.setdefault(tag, number)
            if first != number:
                self._report_duplicate(tag, first, number)
        self._rules = {in_quota: self._cached(in_quota) for in_quota in (False, True)}
        self._used: dict[bool, list[str]] = {False: [], True: []}

    def _cached(self, in_quota: bool) -> dict[str, Rule | None]:
        """The rules, by tag, of cells that read like earlier ones; None for the others."""
        if len(self._by_tag) < len(self._cells):
            return {}
        found = self._lowering.cached_rules(zip(self._cells, repeat(in_quota)))
        return dict(zip(self._by_tag, found, strict=True))

    def _report_duplicate(self, tag: str, first: int, number: int) -> None:
        same = _content(self._cells[first]) == _content(self._cells[number])
        if not same:
            self._ambiguous.add(tag)
        self._lowering.findings.add(
            level=Level.INFO if same else Level.WARNING,
            code="duplicate-tag",
            pointer=f"/cells/{number}/tag",
            message=f"the tag `{tag}` already names cell {first}, "
            + ("of the same content" if same else "of different content"),
        )

    def rules(self, tags: list[str], pointer: str, *, in_quota: bool) -> list[Rule]:
        """The rules of an object's tags; a finding where one is no one cell."""
        self._used[in_quota] += tags
        known = self._rules[in_quota]
        rules: list[Rule] = []
        for place, tag in enumerate(tags):
            rule = known.get(tag)
            if rule is None:
                rule = known[tag] = self._find(tag, f"{pointer}/cells/{place}", in_quota)
            rules.append(rule)
        return rules

    def _find(self, tag: str, pointer: str, in_quota: bool) -> Rule:
        lowering = self._lowering
        if tag not in self._by_tag:
            lowering.findings.error("undefined-tag", pointer, f"no cell has the tag `{tag}`")
            return UNKNOWN
        if tag in self._ambiguous:
            lowering.findings.error(
                "ambiguous-tag", pointer, f"the tag `{tag}` names cells of different content"
            )
            return UNKNOWN
        number = self._by_tag[tag]
        cell = self._cells[number]
        return lowering.cached_rule(
            None if self._alike[number] is None else (cell, in_quota),
            lambda: _lower_cell(cell, f"/cells/{number}", lowering, in_quota),
        )

    def conclude(self) -> None:
        """Note where each rule comes from; report the cells that no filter or quota uses."""
        origins = self._lowering.origins
        for in_quota, tags in self._used.items():
            rules = self._rules[in_quota]
            for tag in tags:
                rule = rules[tag]
                if rule is not None and rule is not TRUE and tag in self._by_tag:
                    origins[rule, intern(f"/cells/{self._by_tag[tag]}")] = None
        used = {*self._used[False], *self._used[True]}
        for tag, number in self._by_tag.items():
            if tag not in used:
                self._lowering.findings.info(
                    "unused-tag", f"/cells/{number}", f"no filter or quota uses the cell `{tag}`"
                )


def _content(cell: Cell) -> dict[str, Json]:
    """What a cell says; the two spellings of "not negated" and of "any of" are the same."""
    alike = {"negate": bool(cell.negate), "operator": cell.operator or "OR", "tag": None}
    return cell.model_dump() | alike


def _lower_cell(cell: Cell, pointer: str, lowering: Lowering, in_quota: bool) -> Rule:
    """A cell where it is used.

    A negative answer code means "answered, but nothing usable": no cell of a quota holds for it,
    in filters only ANSWERED and negated ones do.
    """
    if cell.kind == "INEFFABLE" or cell.attribute_id == "-1":
        return TRUE
    need = _NEEDS.get(cell.kind)
    if need is not None and getattr(cell, need[1]) is None:
        lowering.findings.error(
            "invalid-payload", f"{pointer}/{need[0]}", f"missing in a cell of kind {cell.kind}"
        )
        return UNKNOWN
    if cell.kind in _INVITES:
        rule = _lower_invites(cell, pointer, lowering)
        return Not(rule) if cell.negate else rule
    if need is None and cell.kind != "ANSWERED":
        lowering.findings.warning(
            "unknown-kind",
            f"{pointer}/kind",
            f"the kind `{cell.kind}` is not known; whom this cell concerns is uncertain",
        )
        return UNKNOWN
    mapped = lowering.attribute(as_code(cell.attribute_id or ""), f"{pointer}/attribute_id")
    if mapped is None:
        return UNKNOWN
    rule = _lower_answers(cell, mapped, pointer, lowering)
    usable = Not(Unusable(mapped.attribute.name, mapped.negative_codes()))
    if isinstance(rule, And | Or) and UNKNOWN in rule.rules:
        rule = And((rule, usable))  # whatever is not mapped is no negative code
    if cell.negate:
        rule = Not(rule)
    if in_quota and (cell.negate or cell.kind == "ANSWERED"):
        rule = And((rule, usable))
    return rule


def _lower_answers(cell: Cell, mapped: AttributeMapping, pointer: str, lowering: Lowering) -> Rule:
    match cell.kind:
        case "ANSWERED":
            return Answered(mapped.attribute.name)
        case "VALUE":
            return _usable_list([cell.value], mapped, f"{pointer}/value", lowering, all_=False)
        case "RANGE":
            return _lower_range(cell.bounds or Range(), mapped, f"{pointer}/range", lowering)
        case "LIST":
            all_ = _wants_all(cell, pointer, lowering)
            if all_ is None:
                return UNKNOWN
            values = cell.values or []
            at = f"{pointer}/list"
            return _usable_list(values, mapped, at, lowering, all_=all_, in_list=True)
        case _:
            return _lower_collection(cell, mapped, pointer, lowering)


def _wants_all(cell: Cell, pointer: str, lowering: Lowering) -> bool | None:
    if cell.operator in (None, "OR", "AND"):
        return cell.operator == "AND"
    lowering.findings.warning(
        "unknown-kind", f"{pointer}/operator", f"the operator `{cell.operator}` is not known"
    )
    return None


@lru_cache(maxsize=1 << 16)
def _is_negative(raw: Scalar | None) -> bool:
    return is_negative_code(as_code(raw))


def _usable_list(
    raws: list[Scalar | None] | list[Scalar] | tuple[str, ...],
    mapped: AttributeMapping,
    pointer: str,
    lowering: Lowering,
    *,
    all_: bool,
    in_list: bool = False,
) -> Rule:
    """A list of answers of which the negative codes never match anyone."""
    places = [place for place, raw in enumerate(raws) if not _is_negative(raw)]
    usable = [raws[place] for place in places]
    nobody = one_of(mapped.attribute.name, ())
    if raws and not usable:
        return nobody
    at = places if in_list else [None] * len(places)
    if not all_:
        return lowering.any_of(mapped, usable, pointer, at)
    rule = lowering.all_of(mapped, usable, pointer, at)
    return rule if len(usable) == len(raws) else And((rule, nobody))


def _lower_range(bounds: Range, mapped: AttributeMapping, pointer: str, lowering: Lowering) -> Rule:
    low = 0.0 if bounds.low is None else max(bounds.low, 0.0)
    high = INFINITY if bounds.high is None else bounds.high
    unknown_keys(bounds, _NO_KEYS, pointer, lowering.findings)
    if bounds.low is not None and bounds.low > high:
        lowering.findings.warning(
            "inverted-range", pointer, f"from {bounds.low:g} to {bounds.high:g}: matches nobody"
        )
    return lowering.ranges(mapped, [(low, high)])


def _lower_collection(
    cell: Cell, mapped: AttributeMapping, pointer: str, lowering: Lowering
) -> Rule:
    name = f"dynata/collection/{cell.collection}"
    values = lowering.panel.collections.values(name, _read_values)
    if values is None:
        lowering.report_missing(name, f"{pointer}/collection", f"collection `{cell.collection}`")
        return UNKNOWN
    all_ = _wants_all(cell, pointer, lowering)
    if all_ is None:
        return UNKNOWN
    return _usable_list(values, mapped, f"{pointer}/collection", lowering, all_=all_)


def _lower_invites(cell: Cell, pointer: str, lowering: Lowering) -> Rule:
    all_ = _wants_all(cell, pointer, lowering)
    if all_ is None:
        return UNKNOWN
    lists = cell.invite_collections or []
    if not lists:
        lowering.findings.warning(
            "empty-list", f"{pointer}/invite_collections", "an empty list of collections"
        )
    rules = tuple(
        lowering.id_list(
            f"dynata/invite/{as_code(name)}",
            f"{pointer}/invite_collections/{number}",
            _read_id_list,
        )
        for number, name in enumerate(lists)
    )
    return And(rules) if all_ else Or(rules)


def _lower_object(tags: list[str], cells: _Cells, pointer: str, *, in_quota: bool) -> Rule:
    """All of an object's cells; discarded ones leave an object that matches everyone."""
    kept = tuple(
        [rule for rule in cells.rules(tags, pointer, in_quota=in_quota) if rule is not TRUE]
    )
    return kept[0] if len(kept) == 1 else And(kept)


def _lower_gate(opportunity: Opportunity, lowering: Lowering) -> list[Clause]:
    clauses: list[Clause] = []
    locale = opportunity.locale or Locale()
    if locale.country and locale.country.strip():
        clauses += lowering.gate("country", [locale.country], Reason.COUNTRY, "/locale/country")
    if locale.language and locale.language.strip():
        clauses += lowering.gate("language", [locale.language], Reason.LANGUAGE, "/locale/language")
    if opportunity.devices is not None:
        names = [name.strip().lower() for name in opportunity.devices]
        known = [name if name in DEVICES else None for name in names]
        clauses += lowering.devices(known, "/devices")
    return clauses


def _lower_history(opportunity: Opportunity, lowering: Lowering) -> list[Clause]:
    """Out are who took part in the same project, or met more than a screener in an excluded one."""
    taken: Rule = lowering.took_part("survey", [opportunity.id])
    pointer = "/id"
    if opportunity.project_id is not None:
        taken = Or((taken, lowering.took_part("project", [opportunity.project_id])))
        pointer = "/project_id"
    clauses = lowering.excluded(taken, Reason.TAKEN, pointer)
    for scope, ids, reason, what in (
        ("project", opportunity.project_exclusions, Reason.EXCLUDED_PROJECT, "projects"),
        ("category", opportunity.category_exclusions, Reason.EXCLUDED_CATEGORY, "categories"),
    ):
        if ids:
            rule = lowering.took_part(scope, ids, _EXCLUDING)
            excludes = f"{what} are excluded"
            clauses += lowering.excluded(rule, reason, f"/{scope}_exclusions", excludes)
    return clauses


def _lower_filters(opportunity: Opportunity, cells: _Cells, lowering: Lowering) -> Iterator[Clause]:
    for number, group in enumerate(opportunity.filters):
        pointer = f"/filters/{number}"
        if not group:
            lowering.findings.warning(
                "empty-group", pointer, "an empty filter group: nobody can meet it"
            )
        rules = []
        for place, part in enumerate(group):
            unknown_keys(part, _NO_KEYS, f"{pointer}/{place}", lowering.findings)
            rules.append(_lower_object(part.cells, cells, f"{pointer}/{place}", in_quota=False))
        rule = rules[0] if len(rules) == 1 else Or(tuple(rules))
        yield Clause(rule, Reason.FILTER, pointer)


def _lower_quotas(opportunity: Opportunity, cells: _Cells, lowering: Lowering) -> Iterator[Group]:
    for number, group in enumerate(opportunity.quotas):
        pointer = f"/quotas/{number}"
        if not group:
            lowering.findings.warning(
                "empty-group", pointer, "an empty quota group: nobody can meet it"
            )
        quotas = []
        for place, part in enumerate(group):
            at = intern(f"{pointer}/{place}")
            unknown_keys(part, _NO_KEYS, at, lowering.findings)
            _check_status(part.status, f"{at}/status", lowering)
            rule = _lower_object(part.cells, cells, at, in_quota=True)
            live = part.status == "OPEN"
            quotas.append(Quota(part.id, rule, live, max(part.count, 0), at))
        yield Group(tuple(quotas), pointer)


def _check_status(status: str, pointer: str, lowering: Lowering) -> None:
    if status not in _STATUSES:
        lowering.findings.warning(
            "unknown-status", pointer, f"the status `{status}` is not known; it counts as not open"
        )


def _alike(cell: Json) -> bytes | None:
    """What a cell says but for its tag; None: what cannot be a cell, or cannot be written."""
    if not isinstance(cell, dict) or not isinstance(cell.get("tag"), str):
        return None
    untagged = cell.copy()
    del untagged["tag"]
    try:
        return orjson.dumps(untagged)
    except TypeError:  # an integer of more than 64 bits
        return None


def _read(
    raw: dict[str, Json], lowering: Lowering
) -> tuple[Opportunity, _Tagged] | tuple[None, None]:
    """The opportunity, and its cells; one that reads like an earlier one is not read again."""
    cells = raw.get("cells")
    if not isinstance(cells, list):
        cells = []
    alike = list(map(_alike, cells))
    known = lowering.memo(_Memo).cells
    if cells:
        raw = {**raw, "cells": list(map(known.get, alike, cells))}
    opportunity = validate(Opportunity, raw, lowering.findings)
    if opportunity is None:
        return None, None
    read = opportunity.cells
    for key, cell in zip(alike, read, strict=True):
        if key is not None:
            known.setdefault(key, cell)
    tags = [
        cell.tag if key is None else raw_cell["tag"]
        for raw_cell, cell, key in zip(cells, read, alike, strict=True)
    ]
    return opportunity, _Tagged(tags, read, alike)


_OF_THE_MOMENT = frozenset(
    "status quotas notified modified created links completes days_in_field".split()
)
"""Keys of which nothing but status, seats and time is taken, once the quotas have been read."""


def _but_for_seats(raw: dict[str, Json]) -> bytes | None:
    """A digest of all that an opportunity says but for status, seats and time.

    None: these do not read as they should, so that it must be read whole.
    """
    quotas = raw.get("quotas")
    if raw.get("status") not in _STATUSES or not isinstance(quotas, list):
        return None
    lasting = {key: value for key, value in raw.items() if key not in _OF_THE_MOMENT}
    parts = []
    for group in quotas:
        if not isinstance(group, list):
            return None
        for quota in group:
            if not isinstance(quota, dict) or quota.get("status") not in _STATUSES:
                return None
            if type(quota.get("count")) is not int or abs(quota["count"]) >= 1 << 63:
                return None
            parts.append({**quota, "count": 0, "status": ""})
        parts.append({})
    try:
        written = orjson.dumps([lasting, parts])
    except TypeError:  # an integer of more than 64 bits
        return None
    return blake2b(written, digest_size=16).digest()


def _with_seats_of(survey: Survey, raw: dict[str, Json]) -> Survey:
    """An opportunity that was read before, with the status, the seats and the time of another."""
    groups = []
    for group, quotas in zip(survey.groups, raw["quotas"], strict=True):
        updated = [
            Quota(old.id, old.rule, new["status"] == "OPEN", max(new["count"], 0), old.pointer)
            for old, new in zip(group.quotas, quotas, strict=True)
        ]
        groups.append(Group(tuple(updated), group.pointer))
    return replace(
        survey,
        live=raw["status"] == "OPEN",
        groups=tuple(groups),
        updated_at=as_moment(raw.get("notified")),
    )


def _lower(raw: dict[str, Json], lowering: Lowering) -> Survey | None:
    """Lower an opportunity; of one that differs in its seats alone, only these are read."""
    digest = _but_for_seats(raw)
    known = lowering.memo(_Memo).surveys
    before = None if digest is None else known.get(digest)
    if before is not None:
        survey, findings = before
        lowering.findings.all += findings
        return _with_seats_of(survey, raw)
    found = _lower_whole(raw, lowering)
    if found is not None and digest is not None and not lowering.findings.fatal:
        known[digest] = found, tuple(lowering.findings.all)
    return found


def _lower_whole(raw: dict[str, Json], lowering: Lowering) -> Survey | None:
    opportunity, tagged = _read(raw, lowering)
    if opportunity is None or tagged is None:
        return None
    unknown_keys(opportunity, _OPPORTUNITY_KEYS, "", lowering.findings)
    _check_status(opportunity.status, "/status", lowering)
    cells = _Cells(tagged, lowering)
    gate = _lower_gate(opportunity, lowering) + list(_lower_filters(opportunity, cells, lowering))
    gate += _lower_history(opportunity, lowering)
    groups = tuple(_lower_quotas(opportunity, cells, lowering))
    cells.conclude()
    pay = pay_per_minute(
        (opportunity.cost_per_interview, "/cost_per_interview"),
        (opportunity.incidence_rate, "/incidence_rate"),
        (opportunity.length_of_interview, "/length_of_interview"),
        lowering.findings,
    )
    return Survey(
        "dynata",
        as_code(opportunity.id),
        opportunity.status == "OPEN",
        tuple(gate),
        groups,
        pay,
        updated_at=as_moment(opportunity.notified),
        origins=tuple(lowering.origins),
    )


def _recognises(document: dict[str, Json]) -> bool:
    return "cells" in document or ("filters" in document and "quotas" in document)


def _survey_objects(document: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    yield "", document


def _name_of(survey: dict[str, Json]) -> str | None:
    found = survey.get("id")
    return as_code(found) if isinstance(found, str | int) else None


def _questions(survey: dict[str, Json]) -> Iterator[tuple[str, Kind | None]]:
    """Numbers by range; values may be several, and ANSWERED shows nothing."""
    kinds = {"RANGE": Kind.NUMBER, "ANSWERED": None}
    opportunity = read(Opportunity, survey)
    for cell in opportunity.cells if opportunity else ():
        if cell.attribute_id is not None:
            yield as_code(cell.attribute_id), kinds.get(cell.kind, Kind.MULTI)


def _read_values(collections: Collections, name: str) -> tuple[str, ...] | None:
    """A collection such as `dynata/collection/2169971`: one value a line, or a JSON list."""
    found = downloaded(collections, name, ".txt")
    if found is None:
        return None
    text, path = found
    elements = json_list(text, path)
    values = lines_of(text, path) if elements is None else listed_codes(elements, "value", path)
    return tuple(value for value in values if value)


def _read_id_list(collections: Collections, name: str) -> IdList | None:
    """An invite collection such as `dynata/invite/621079`: ids, and when each expires."""
    found = downloaded(collections, name, ".csv")
    if found is None:
        return None
    text, path = found
    elements = json_list(text, path)
    if elements is None:
        invites = _invites_of(io.StringIO(text), path)
    elif elements and isinstance(elements[0], str) and _ID in elements[0]:
        invites = _invites_of(listed_codes(elements, _ID, path), path)
    else:
        invites = _listed_invites(elements, path)
    until: dict[str, float] = {}
    for respondent_id, expiration in invites:
        until[respondent_id] = max(until.get(respondent_id, -INFINITY), expiration)
    expires = {each: moment for each, moment in until.items() if moment < INFINITY}
    return IdList(frozenset(until), expires=expires)


def _invites_of(lines: Iterable[str], path: Path) -> Iterator[tuple[str, float]]:
    """Id and expiration in each row of a CSV."""
    rows = csv.reader(lines)
    try:
        header = [name.strip().lower() for name in next(filter(None, rows), [])]
        if header and _ID not in header:
            raise InputError(f"{path}: no column `{_ID}`")
        places = header.index(_ID) if header else 0, _place(header, "expiration")
        for row in rows:
            if not any(map(str.strip, row)):
                continue
            if len(row) <= max(places):
                raise InputError(f"{path}: line {rows.line_num} is cut off")
            written = row[places[1]] if places[1] >= 0 else None
            respondent_id = row[places[0]].strip()
            if respondent_id:
                yield respondent_id, _expiration(written, path)
    except csv.Error as error:
        raise InputError(f"{path}: cannot be read: {error}") from None


def _place(header: list[str], name: str) -> int:
    return header.index(name) if name in header else -1


def _listed_invites(elements: list[Json], path: Path) -> Iterator[tuple[str, float]]:
    """Id and expiration of each element of a JSON list: an object, or the id alone."""
    for element, respondent_id in zip(elements, listed_codes(elements, _ID, path), strict=True):
        if "," in respondent_id:
            raise InputError(f"{path}: `{respondent_id}` is no id")
        written = element.get("expiration") if isinstance(element, dict) else None
        if respondent_id:
            yield respondent_id, _expiration(written, path)


def _expiration(written: Json, path: Path) -> float:
    """The moment after which an invitation is out; where none is written it never is."""
    if is_missing(written):
        return INFINITY
    moment = as_expiration(written)
    if moment is None:
        raise InputError(f"{path}: expiration `{written}` is not a date and time")
    return moment


_REJECTION_CODES = {
    Reason.STATUS: RejectionCode("3/10", "group not open"),
    Reason.COUNTRY: RejectionCode("2/3", "country"),
    Reason.LANGUAGE: RejectionCode("2/4", "language"),
    Reason.DEVICE: RejectionCode("2/5", "device"),
    Reason.FILTER: RejectionCode("2/6", "filter"),
    Reason.QUOTA_FULL: RejectionCode("3/20", "quota cell not open"),
    Reason.EXCLUDED_CATEGORY: RejectionCode("4/2", "category exclusion"),
    Reason.EXCLUDED_PROJECT: RejectionCode("4/3", "project exclusion"),
    Reason.TAKEN: RejectionCode("4/4", "same project"),
}
"""Disposition and status. Who matches no quota at all has none: 2/7 and 2/8 are deprecated."""

_DISPOSITIONS = {
    "0/0": DispositionCode("unknown or error", Disposition.OTHER),
    "1/0": DispositionCode("complete", Disposition.COMPLETE),
    "1/1": DispositionCode("partial complete", Disposition.COMPLETE),
    "2/1": DispositionCode("disqualified by Dynata", Disposition.NOT_TARGETED),
    "2/2": DispositionCode("disqualified by the client", Disposition.ENTERED),
    "2/3": DispositionCode("country", Disposition.NOT_TARGETED),
    "2/4": DispositionCode("language", Disposition.NOT_TARGETED),
    "2/5": DispositionCode("device", Disposition.NOT_TARGETED),
    "2/6": DispositionCode("filter", Disposition.NOT_TARGETED),
    "3/1": DispositionCode("over quota at Dynata", Disposition.QUOTA_FULL),
    "3/2": DispositionCode("over quota at the client", Disposition.ENTERED),
    "3/10": DispositionCode("group not open", Disposition.CLOSED),
    "3/20": DispositionCode("quota cell not open", Disposition.QUOTA_FULL),
    "4/0": DispositionCode("duplicate", Disposition.TAKEN),
    "4/2": DispositionCode("category exclusion", Disposition.TAKEN),
    "4/3": DispositionCode("project exclusion", Disposition.TAKEN),
    "4/4": DispositionCode("same project", Disposition.TAKEN),
    "5/1": DispositionCode("quality of answers", Disposition.QUALITY),
    "5/2": DispositionCode("speeding", Disposition.QUALITY),
    "5/3": DispositionCode("suspended", Disposition.QUALITY),
}
"""Disposition and status. Who was disqualified, or over quota, at the client had started."""

DYNATA = Marketplace(
    name="dynata",
    recognises=_recognises,
    survey_objects=_survey_objects,
    name_of=_name_of,
    lower=_lower,
    questions=_questions,
    read_id_list=_read_id_list,
    rejection_codes=_REJECTION_CODES,
    dispositions=_DISPOSITIONS,
)
