"""Research for Good: projects with datapoints and quotas.

Source: the queryProject answer of the API documentation, and for suppliers that of
livealert/targeting, which names a project by `rfg_id`. All datapoints must match; quotas may
overlap, and every quota that a member matches must be open. What livealert/inventory answers does
not say who may take a project, so it is set aside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil, floor

from pydantic import Field, StrictBool

from matcher.marketplaces.adapter import Marketplace
from matcher.marketplaces.lowering import Lowering
from matcher.marketplaces.options import Options
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
from matcher.rules import (
    INFINITY,
    UNKNOWN,
    And,
    Not,
    Or,
    Rule,
    StartsWith,
    TookPart,
    one_of,
    took_part,
)
from matcher.support.json_text import Json
from matcher.surveys import Clause, Group, Quota, Reason, Regime, Survey
from profiles.plural import plural
from profiles.schema import ANY_CHILD, OUTCOMES, AttributeMapping, Kind, as_code, as_text

IN_FIELD = 2
_STARTED, _COMPLETED = 0, 1
_STARTS, _COMPLETES = "starts", "completes"
_OLDEST_CHILD = 120
_MONTHS = 1
_LISTS = ("ziplist", "freelist", "freeList")
_PROJECT_KEYS = frozenset(
    "name title surveyURL SurveyURL desiredCompletes collectsPII "
    "endOfFieldDate customerId customerMID surveyCategory notificationEmail "
    "currentCompletes endOfField lastModified".split()
)
_FEED_COMMANDS = ("livealert/inventory/", "livealert/targeting/")
_VALUE_KEYS = frozenset({"freelistFilename"})
_NO_KEYS: frozenset[str] = frozenset()
_ANY_REST = "*"


class Value(Payload):
    """One alternative: a choice, a range with both ends included, a child, or a list of texts."""

    choice: Scalar | None = None
    min: Number | None = None
    max: Number | None = None
    gender: Whole | None = None
    unit: Whole | None = None
    ziplist: list[Scalar] | None = Field(None, fail_fast=True)
    freelist: str | None = None
    freeList: str | None = None


class Datapoint(Payload):
    """An attribute by name and the values of which any will do; `askOnly` excludes nobody.

    `usesWildcards`: a `*` at the end of a listed text stands for any rest.
    """

    name: str
    values: AnswersOrNone[Scalar | Value]
    askOnly: bool | None = None
    usesWildcards: bool | None = None


class RfgQuota(Payload):
    """Datapoints that must all match, with seats."""

    id: str | None = None
    datapoints: ListOrNone[Datapoint]
    limit: Whole | None = None
    completesLeft: Whole | None = None
    startsLeft: Whole | None = None
    quotaThrottle: StrictBool | Whole | None = None


class Project(Payload):
    """What queryProject or livealert/targeting gives, as far as it says who may take the survey.

    The one calls the project `pid`, the other `rfg_id`.
    """

    pid: Id = ""
    rfg_id: Id = ""
    state: Whole
    country: str | None = None
    datapoints: ListOrNone[Datapoint]
    quotas: ListOrNone[RfgQuota]
    quotaLimitBy: str | None = None
    excludeNonMatching: bool | None = None
    excludedNonMatching: bool | None = None
    phoneSupported: Whole | None = None
    tabletSupported: Whole | None = None
    duplicationKey: Scalar | list[Scalar] | None = None
    filterMode: Whole | None = None
    cpi: Json = None
    ir: Json = None
    lengthOfInterview: Json = None
    estimatedIR: Json = None
    estimatedLOI: Json = None
    isRecontact: bool | None = None


class DeviceSupport(Options):
    """How `phoneSupported` and `tabletSupported` number their answers."""

    unknown: int = 0
    yes: int = 1
    no: int = 2


class RfgOptions(Options):
    """What the panel file may say of RFG."""

    device_support: DeviceSupport = DeviceSupport()


def _lower_datapoint(datapoint: Datapoint, pointer: str, lowering: Lowering) -> Rule:
    unknown_keys(datapoint, _NO_KEYS, pointer, lowering.findings)
    mapped = lowering.attribute(datapoint.name, f"{pointer}/name")
    if mapped is None:
        return UNKNOWN
    at = f"{pointer}/values"
    if mapped.attribute.kind is Kind.CHILDREN:
        return _lower_children(datapoint.values, mapped, at, lowering)
    codes: list[tuple[int, Scalar]] = []
    listed: list[tuple[int, Scalar]] = []
    bounds: list[tuple[float, float]] = []
    unknown = False
    for number, value in enumerate(datapoint.values):
        if not isinstance(value, Value):
            codes.append((number, value))
            continue
        unknown_keys(value, _VALUE_KEYS, f"{at}/{number}", lowering.findings)
        if value.choice is not None:
            codes.append((number, value.choice))
        elif value.gender is not None:
            unknown = True
            lowering.findings.warning(
                "type-mismatch",
                f"{at}/{number}",
                f"a child, but `{mapped.attribute.name}` is of type {mapped.attribute.kind}",
                "declare the panel's attribute as `children`",
            )
        elif any(getattr(value, key) is not None for key in _LISTS):
            listed += ((number, text) for text in _texts(value))
        elif value.min is None and value.max is None:
            unknown = True
            lowering.findings.warning(
                "invalid-range", f"{at}/{number}", "neither a choice nor a range"
            )
        else:
            bounds.append(_bounds(value, f"{at}/{number}", lowering))
    if mapped.attribute.kind is Kind.TEXT:
        listed, codes = codes + listed, []
    if not mapped.attribute.numeric:
        places, answers = [place for place, _ in listed], [text for _, text in listed]
        lowering.report_lost_zeros(answers, at, places)
    patterns = [(place, str(text)) for place, text in listed if _ANY_REST in str(text)]
    rules = _lower_patterns(patterns, bool(datapoint.usesWildcards), mapped, at, lowering)
    codes += (each for each in listed if _ANY_REST not in str(each[1]))
    if codes or not (bounds or rules):
        places, answers = [place for place, _ in codes], [answer for _, answer in codes]
        rules.append(lowering.any_of(mapped, answers, at, places))
    rules += [lowering.ranges(mapped, bounds)] if bounds else []
    rules += [UNKNOWN] if unknown else []
    return rules[0] if len(rules) == 1 else Or(tuple(rules))


def _texts(value: Value) -> list[Scalar]:
    texts: list[Scalar] = list(value.ziplist or [])
    for written in (value.freelist, value.freeList):
        texts += [part.strip().strip("\"'") for part in (written or "").split(",") if part.strip()]
    return texts


def _lower_patterns(
    patterns: Sequence[tuple[int, str]],
    wildcards: bool,
    mapped: AttributeMapping,
    pointer: str,
    lowering: Lowering,
) -> list[Rule]:
    """What listed texts with a `*` ask for: a beginning, where it is at the end; else unknown."""
    read = as_text if mapped.attribute.kind is Kind.TEXT else as_code
    by_prefix = mapped.answers is None and not mapped.attribute.numeric
    prefixes: set[str] = set()
    unclear: list[tuple[int, str]] = []
    for number, text in patterns:
        prefix, _, rest = text.rstrip().partition(_ANY_REST)
        if wildcards and by_prefix and not rest:
            prefixes.add(mapped.attribute.fold(read(prefix)))
        else:
            unclear.append((number, text))
    rules: list[Rule] = []
    if prefixes:
        rules.append(StartsWith(mapped.attribute.name, tuple(sorted(prefixes))))
    if unclear:
        number, text = unclear[0]
        more = f" and {len(unclear) - 1} more" if len(unclear) > 1 else ""
        why = "what a `*` means that is not at the end is not known"
        if not wildcards:
            why = "what a `*` means without `usesWildcards` is not known"
        elif not by_prefix:
            why = f"`{mapped.attribute.name}` is not compared by beginnings"
        lowering.findings.warning(
            "unknown-wildcard",
            f"{pointer}/{number}",
            f"`{text}`{more}: {why}; members without another value of the list are uncertain",
        )
        rules.append(UNKNOWN)
    return rules


def _bounds(value: Value, pointer: str, lowering: Lowering) -> tuple[float, float]:
    low = -INFINITY if value.min is None else value.min
    high = INFINITY if value.max is None else value.max
    if low > high:
        lowering.findings.warning(
            "inverted-range", pointer, f"from {low:g} to {high:g}: matches nobody"
        )
    return low, high


def _lower_children(
    values: list[Scalar | Value], mapped: AttributeMapping, pointer: str, lowering: Lowering
) -> Rule:
    """One child must satisfy gender and age range together: codes `GENDER:AGE` of whole years."""
    codes: list[str] = []
    possible: list[str] = []
    unknown = False
    if not values:
        lowering.findings.warning("empty-list", pointer, "an empty list of children")
    for number, value in enumerate(values):
        at = f"{pointer}/{number}"
        if not isinstance(value, Value) or value.unit == _MONTHS:
            unknown = True
            lowering.findings.warning(
                "unknown-unit" if isinstance(value, Value) else "type-mismatch",
                at,
                "ages of children are known in whole years only"
                if isinstance(value, Value)
                else "a code, where a child is expected",
            )
            continue
        low, high = _bounds(value, at, lowering)
        ages = range(ceil(max(low, 0)), floor(min(high, _OLDEST_CHILD)) + 1)
        genders = [ANY_CHILD]
        if value.gender:
            genders = _genders(value.gender, mapped, f"{at}/gender", lowering)
            if not genders or mapped.answers is None:
                possible += [f"{ANY_CHILD}:{age}" for age in ages]
        codes += [f"{gender}:{age}" for gender in genders for age in ages]
    name = mapped.attribute.name
    rule = one_of(name, codes)
    if unknown:
        return Or((rule, UNKNOWN))
    return Or((rule, And((one_of(name, possible), UNKNOWN)))) if possible else rule


def _genders(gender: int, mapped: AttributeMapping, pointer: str, lowering: Lowering) -> list[str]:
    """What a child's gender is in the panel; reported where the mapping does not say."""
    name = mapped.attribute.name
    if mapped.answers is None:
        lowering.findings.warning(
            "unmapped-answer",
            pointer,
            f"the mapping of `{name}` has no answers, so that the panel's word for the gender "
            f"`{gender}` is not known; members with another child of the age are uncertain",
            'such as answers = { "1" = "M", "2" = "F" }',
        )
        return [str(gender)]
    target = mapped.target(gender)
    if target is None:
        lowering.findings.warning(
            "unmapped-answer",
            pointer,
            f"the mapping of `{name}` has no answer `{gender}`; members with a child of the age "
            "are uncertain",
        )
    return [str(each) for each in target or ()]


def _lower_datapoints(
    datapoints: list[Datapoint], pointer: str, lowering: Lowering
) -> Iterator[tuple[str, Rule]]:
    for number, datapoint in enumerate(datapoints):
        at = f"{pointer}/datapoints/{number}"
        if not datapoint.askOnly:
            yield at, lowering.record_origin(_lower_datapoint(datapoint, at, lowering), at)


def _limit_by(written: str | None) -> str:
    return (written or "").strip().lower()


def _seats(quota: RfgQuota, limit_by: str | None) -> int | None:
    """The seats left: by what they are used up by, else by the other count, else the limit."""
    left = [quota.completesLeft, quota.startsLeft]
    if limit_by == _STARTS:
        left.reverse()
    return next((seats for seats in (*left, quota.limit) if seats is not None), None)


def _lower_quota(
    quota: RfgQuota, pointer: str, project: Project, lowering: Lowering
) -> Quota | None:
    unknown_keys(quota, _NO_KEYS, pointer, lowering.findings)
    seats = _seats(quota, _limit_by(project.quotaLimitBy))
    if seats is None:
        lowering.findings.error("invalid-payload", f"{pointer}/limit", "missing")
        return None
    rules = tuple(rule for _, rule in _lower_datapoints(quota.datapoints, pointer, lowering))
    rule = rules[0] if len(rules) == 1 else And(rules)
    if quota.quotaThrottle:
        lowering.findings.warning(
            "throttled-quota",
            f"{pointer}/quotaThrottle",
            "Research for Good holds the quota back: it is not open for now",
            "fetch the project again",
        )
    live = not quota.quotaThrottle
    return Quota(as_code(quota.id or "") or pointer, rule, live, max(seats, 0), pointer)


def _lower_devices(project: Project, lowering: Lowering) -> Iterator[Clause]:
    no = lowering.options(RfgOptions).device_support.no
    for device, support, key in (
        ("mobile", project.phoneSupported, "phoneSupported"),
        ("tablet", project.tabletSupported, "tabletSupported"),
    ):
        if support == no:
            for clause in lowering.gate("device", [device], Reason.DEVICE, f"/{key}"):
                yield Clause(Not(clause.rule), clause.reason, clause.pointer)


def _lower_history(project: Project, lowering: Lowering) -> list[Clause]:
    """Out are who took part in the same project, or in one that shares a key with it.

    By its key alone are found participations whose `project_id` is the key; `_link` adds the
    projects that were loaded together.
    """
    id_key, id_ = _id_of(project)
    clauses = lowering.excluded(lowering.took_part("survey", [id_]), Reason.TAKEN, f"/{id_key}")
    written = project.duplicationKey
    keys = written if isinstance(written, list) else [written] if written is not None else []
    if not (keys := [key for key in map(as_code, keys) if key]):
        return clauses
    if project.filterMode not in (None, _STARTED, _COMPLETED):
        lowering.findings.warning(
            "unknown-mode",
            "/filterMode",
            f"the filter mode `{project.filterMode}` is not known; it is taken for {_STARTED}, "
            "any participation",
        )
    outcomes = ("complete",) if project.filterMode == _COMPLETED else OUTCOMES
    rule = lowering.took_part("project", keys, outcomes)
    excludes = "projects share their participants"
    return clauses + lowering.excluded(rule, Reason.EXCLUDED_PROJECT, "/duplicationKey", excludes)


def _link(surveys: Sequence[Survey]) -> list[Survey]:
    """Keep participants of each project out of those that share a key with it."""
    sharing: defaultdict[str, list[str]] = defaultdict(list)
    for survey in surveys:
        for rule in filter(None, map(_by_key, survey.gate)):
            for key in rule.ids:
                sharing[key].append(survey.id)

    def linked(clause: Clause) -> Clause:
        rule = _by_key(clause)
        if rule is None:
            return clause
        pids = {pid for key in rule.ids for pid in sharing[key]}
        others = took_part(rule.marketplace, "survey", pids, rule.outcomes)
        return replace(clause, rule=Not(rule if len(pids) == 1 else Or((rule, others))))

    return [replace(survey, gate=tuple(map(linked, survey.gate))) for survey in surveys]


def _by_key(clause: Clause) -> TookPart | None:
    """What a clause says of the keys a project shares, whether other projects were added or not."""
    match clause:
        case Clause(
            Not(TookPart() as rule) | Not(Or((TookPart() as rule, TookPart()))),
            Reason.EXCLUDED_PROJECT,
        ):
            return rule
    return None


def _link_keys(survey: Survey) -> frozenset[str]:
    rules = filter(None, map(_by_key, survey.gate))
    return frozenset(key for rule in rules for key in rule.ids)


def _id_of(project: Project) -> tuple[str, str]:
    return ("pid", project.pid) if project.pid else ("rfg_id", project.rfg_id)


def _lower_recontact(project: Project, lowering: Lowering) -> Iterator[Clause]:
    """A recontact is for earlier participants alone, and the payload does not say for whom."""
    if project.isRecontact:
        lowering.findings.warning(
            "unknown-recontact",
            "/isRecontact",
            "the project is for earlier participants, and does not say for which; everyone is "
            "uncertain of it",
        )
        yield Clause(UNKNOWN, Reason.FILTER, "/isRecontact")


def _lower(raw: dict[str, Json], lowering: Lowering) -> Survey | None:
    if _is_inventory(raw):
        lowering.findings.error(
            "no-targeting",
            "",
            f"what livealert/inventory answers ({_named_in(raw)}) says which projects there are, "
            "not who may take them",
            "livealert/targeting says so of each project",
        )
        return None
    if not raw.keys() & {"pid", "rfg_id"}:
        lowering.findings.error("invalid-payload", "/pid", "missing")
    project = validate(Project, raw, lowering.findings)
    if project is None or lowering.findings.fatal:
        return None
    unknown_keys(project, _PROJECT_KEYS, "", lowering.findings)
    gate: list[Clause] = []
    if project.country:
        gate += lowering.gate("country", [project.country], Reason.COUNTRY, "/country")
    gate += _lower_devices(project, lowering)
    gate += [
        Clause(rule, Reason.FILTER, at)
        for at, rule in _lower_datapoints(project.datapoints, "", lowering)
    ]
    gate += _lower_recontact(project, lowering)
    gate += _lower_history(project, lowering)
    if _limit_by(project.quotaLimitBy) not in ("", _STARTS, _COMPLETES):
        lowering.findings.warning(
            "unknown-mode",
            "/quotaLimitBy",
            f"what seats are used up by is not known of `{project.quotaLimitBy}`; it is taken for "
            f"{_COMPLETES}",
        )
    quotas = [
        _lower_quota(quota, f"/quotas/{number}", project, lowering)
        for number, quota in enumerate(project.quotas)
    ]
    group = Group(
        tuple(quota for quota in quotas if quota is not None),
        "/quotas",
        Regime.ALL_OPEN,
        required=bool(project.excludeNonMatching or project.excludedNonMatching),
    )
    groups = (group,) if quotas else ()
    if _id_of(project)[0] == "pid":
        incidence, length = (project.ir, "/ir"), (project.lengthOfInterview, "/lengthOfInterview")
    else:
        incidence = (project.estimatedIR, "/estimatedIR")
        length = (project.estimatedLOI, "/estimatedLOI")
    pay = pay_per_minute((project.cpi, "/cpi"), incidence, length, lowering.findings)
    return Survey(
        "rfg",
        as_code(_id_of(project)[1]),
        project.state == IN_FIELD,
        tuple(gate),
        groups,
        pay,
        origins=tuple(lowering.origins),
    )


def _recognises(document: dict[str, Json]) -> bool:
    inner = document.get("response")
    found = inner if isinstance(inner, dict) else document
    command = document.get("command")
    return (
        not found.keys().isdisjoint({"pid", "rfg_id"})
        or ("datapoints" in found and "state" in found)
        or _lists_projects(found)
        or (isinstance(command, str) and command.startswith(_FEED_COMMANDS))
    )


def _lists_projects(found: dict[str, Json]) -> bool:
    projects = found.get("projects")
    first = projects[0] if isinstance(projects, list) and projects else None
    return isinstance(first, dict) and "rfg_id" in first


def _is_inventory(raw: dict[str, Json]) -> bool:
    """Whether an object is the answer of livealert/inventory, or a project out of it.

    There the datapoints of a project are names alone, and it has no quotas.
    """
    if isinstance(raw.get("projects"), list):
        return True
    if "rfg_id" not in raw or "pid" in raw or "quotas" in raw:
        return False
    datapoints = raw.get("datapoints") or []
    return isinstance(datapoints, list) and all(isinstance(each, str) for each in datapoints)


def _named_in(raw: dict[str, Json]) -> str:
    """Which projects an inventory is about, in short."""
    projects = raw.get("projects")
    if isinstance(projects, list):
        return plural(len(projects), "project")
    return f"`{raw['rfg_id']}`" if isinstance(raw["rfg_id"], str | int) else "1 project"


def _survey_objects(document: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    """A project, or an inventory as a whole; an empty one has nothing in it."""
    inner = document.get("response")
    at, found = ("/response", inner) if isinstance(inner, dict) else ("", document)
    if found.get("projects") != []:
        yield at, found


def _name_of(survey: dict[str, Json]) -> str | None:
    """The project's name; of an inventory's none, so that it replaces no project."""
    if _is_inventory(survey):
        return None
    found = survey.get("pid", survey.get("rfg_id"))
    return as_code(found) if isinstance(found, str | int) else None


def _questions(survey: dict[str, Json]) -> Iterator[tuple[str, Kind | None]]:
    """Children by gender, numbers by range; codes may be several."""
    project = read(Project, survey)
    if project is None:
        return
    in_quotas = (datapoint for quota in project.quotas for datapoint in quota.datapoints)
    for datapoint in (*project.datapoints, *in_quotas):
        yield datapoint.name, None
        for value in datapoint.values:
            yield datapoint.name, _guess(value)


def _guess(value: Scalar | Value) -> Kind:
    if isinstance(value, Value) and value.choice is None:
        if value.gender is not None:
            return Kind.CHILDREN
        if value.min is not None or value.max is not None:
            return Kind.NUMBER
    return Kind.MULTI


RFG = Marketplace(
    name="rfg",
    recognises=_recognises,
    survey_objects=_survey_objects,
    name_of=_name_of,
    lower=_lower,
    questions=_questions,
    link=_link,
    link_keys=_link_keys,
    options=RfgOptions,
)
