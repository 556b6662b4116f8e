"""Toluna: surveys with quotas, layers of subquotas, questions and answers.

Source: the GetQuotas answer and the Quota Status notification of the External Sample
documentation. One quota a survey; within it
every layer must be matched, by one subquota with a seat left; within a subquota every question,
by any of its answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from sys import intern
from typing import Annotated

from pydantic import Field

from matcher.marketplaces.adapter import (
    Disposition,
    DispositionCode,
    Marketplace,
    RejectionCode,
)
from matcher.marketplaces.downloads import downloaded, listed_codes, read_json
from matcher.marketplaces.lowering import Lowering
from matcher.marketplaces.options import Options
from matcher.marketplaces.payload import (
    AnswersOrNone,
    Id,
    ListOrNone,
    Moment,
    Payload,
    Scalar,
    Whole,
    read,
    unknown_keys,
    validate,
)
from matcher.marketplaces.price import PriceFactor, pay_per_minute
from matcher.rules import TRUE, UNKNOWN, And, Answered, Not, Or, Rule, one_of
from matcher.support.json_text import Json
from matcher.surveys import Clause, Findings, Group, Quota, QuotaUpdate, Reason, Survey
from profiles.errors import InputError
from profiles.schema import (
    AttributeMapping,
    Collections,
    IdList,
    Kind,
    UnreadableError,
    as_code,
    parse_range,
)

_POSTAL = "1001042"
_RANGE = re.compile(r"\s*\d*\s*[-+]\s*\d*\s*\Z", re.ASCII)
_STATUSES = {
    1: ("started", "dropout"),
    3: ("disqualified", "quality", "duplicate"),
    9: ("complete",),
    10: ("over_quota",),
}
"""The outcomes that each participation status stands for."""

_ANY_WAVE = "0"
_DEVICES = {1: "desktop", 2: "tablet", 3: "mobile"}
_FOUR_DIGITS = re.compile(r"\d{4}\Z", re.ASCII)
_FIVE_DIGITS = re.compile(r"\d{5}\Z", re.ASCII)
_SURVEY_KEYS = frozenset(
    "SurveyName SurveyTopic StudyTypeID ScheduledCompletionDate CompletesRequired "
    "IsTqsSurvey".split()
)
_QUOTA_KEYS = frozenset({"CompletesRequired"})
_NO_KEYS: frozenset[str] = frozenset()


class Question(Payload):
    """A question and the answers of which any will do."""

    QuestionID: str
    AnswerIDs: AnswersOrNone[Scalar]
    AnswerValues: AnswersOrNone[Scalar]
    IsRoutable: bool | None = None


class SubQuota(Payload):
    """Questions that must all match, with seats counted up to a maximum."""

    SubQuotaID: str
    CurrentCompletes: Whole
    MaxTargetCompletes: Whole
    QuestionsAndAnswers: ListOrNone[Question]


class Layer(Payload):
    """Subquotas of which one must match and have a seat."""

    LayerID: str | None = None
    SubQuotas: ListOrNone[SubQuota]


class TolunaQuota(Payload):
    """Layers that must all be matched, with seats of its own."""

    QuotaID: str
    EstimatedCompletesRemaining: Whole
    Layers: ListOrNone[Layer]


class Exclusion(Payload):
    """A survey and wave (0: any) whose participants of some statuses are kept out."""

    SurveyID: Id
    WaveID: Id
    ParticipationStatusIDs: AnswersOrNone[Whole]


class TolunaSurvey(Payload):
    """One survey and wave."""

    SurveyID: Id
    WaveID: Id
    EstimatedCompletesRemaining: Whole | None = None
    DeviceTypeIDs: list[Whole] | None = None
    IsSurveyRecontact: bool | None = None
    Quotas: ListOrNone[TolunaQuota]
    SurveyWaveExclusions: ListOrNone[Exclusion]
    Price: Json = None
    IR: Json = None
    LOI: Json = None


class QuotaStatus(Payload):
    """A notification that a quota has become open or closed; its time is when that was so."""

    QuotaID: Id
    SurveyID: Id | None = None
    WaveID: Id | None = None
    IsLive: bool
    UpdateDateTimeUTC: Moment | None = None


class TolunaOptions(Options):
    """What the panel file may say of Toluna."""

    cut_off: Annotated[
        int, Field(gt=0, description="A list of as many postal codes, or more, was cut off.")
    ] = 1000


def _lower_question(question: Question, pointer: str, lowering: Lowering) -> Rule:
    unknown_keys(question, _NO_KEYS, pointer, lowering.findings)
    mapped = lowering.attribute(as_code(question.QuestionID), f"{pointer}/QuestionID")
    if mapped is None:
        return lowering.record_origin(UNKNOWN, pointer)
    key = (
        question.QuestionID,
        tuple(question.AnswerIDs),
        tuple(question.AnswerValues),
        question.IsRoutable,
    )
    rule = lowering.cached_rule(key, lambda: _lower_answers(question, mapped, pointer, lowering))
    return lowering.record_origin(rule, pointer)


def _lower_answers(
    question: Question, mapped: AttributeMapping, pointer: str, lowering: Lowering
) -> Rule:
    parts: list[Rule] = []
    if question.AnswerIDs:
        parts.append(lowering.any_of(mapped, question.AnswerIDs, f"{pointer}/AnswerIDs"))
    if question.AnswerValues:
        parts.append(
            _lower_values(question.AnswerValues, mapped, f"{pointer}/AnswerValues", lowering)
        )
    if not parts:
        lowering.findings.warning("empty-list", pointer, "a question without answers")
        parts.append(one_of(mapped.attribute.name, ()))
    rule = parts[0] if len(parts) == 1 else Or(tuple(parts))
    return Or((Not(Answered(mapped.attribute.name)), rule)) if question.IsRoutable else rule


def _lower_values(
    raws: list[Scalar], mapped: AttributeMapping, pointer: str, lowering: Lowering
) -> Rule:
    """Ranges for numbers, prefixes for postal codes, answer ids for the rest."""
    if mapped.attribute.numeric:
        return _lower_ranges(raws, mapped, pointer, lowering)
    if mapped.attribute.kind is Kind.TEXT:
        return _lower_postal(raws, mapped, pointer, lowering)
    answers = [
        (part, place)
        for place, raw in enumerate(raws)
        for part in as_code(raw).split(",")
        if part.strip()
    ]
    places = [place for _, place in answers]
    return lowering.any_of(mapped, [part for part, _ in answers], pointer, places)


def _lower_ranges(
    raws: list[Scalar], mapped: AttributeMapping, pointer: str, lowering: Lowering
) -> Rule:
    bounds: list[tuple[float, float]] = []
    unreadable = False
    for number, raw in enumerate(raws):
        at = f"{pointer}/{number}"
        try:
            low, high = parse_range(as_code(raw))
        except UnreadableError as error:
            lowering.findings.warning("invalid-range", at, f"{error}; it is taken as unknown")
            unreadable = True
            continue
        if low > high:
            lowering.findings.warning("inverted-range", at, f"`{raw}` matches nobody")
        bounds.append((low, high))
    rule = lowering.ranges(mapped, bounds)
    return Or((rule, UNKNOWN)) if unreadable else rule


def _lower_postal(
    raws: list[Scalar], mapped: AttributeMapping, pointer: str, lowering: Lowering
) -> Rule:
    texts = [as_code(raw) for raw in raws]
    short = [number for number, text in enumerate(texts) if _FOUR_DIGITS.match(text)]
    if short and any(_FIVE_DIGITS.match(text) for text in texts):
        lowering.findings.warning(
            "lost-leading-zero",
            f"{pointer}/{short[0]}",
            f"{len(short)} of {len(texts)} postal codes have four digits among five-digit ones, "
            f"such as `{texts[short[0]]}`; they are matched as written",
            f"probably `0{texts[short[0]]}`, written as a number",
        )
    rule = lowering.prefixes(mapped, texts)
    cut_off = lowering.options(TolunaOptions).cut_off
    if len(texts) < cut_off:
        return rule
    lowering.findings.warning(
        "truncated-list",
        pointer,
        f"{len(texts)} postal codes: Toluna cuts lists off at {cut_off}; members who match "
        "none of them are uncertain",
    )
    return Or((rule, UNKNOWN))


def _lower_subquota(subquota: SubQuota, pointer: str, lowering: Lowering) -> Quota:
    unknown_keys(subquota, _NO_KEYS, pointer, lowering.findings)
    rules = tuple(
        _lower_question(question, f"{pointer}/QuestionsAndAnswers/{number}", lowering)
        for number, question in enumerate(subquota.QuestionsAndAnswers)
    )
    remaining = max(subquota.MaxTargetCompletes - subquota.CurrentCompletes, 0)
    rule = rules[0] if len(rules) == 1 else And(rules)
    return Quota(as_code(subquota.SubQuotaID), rule, True, remaining, pointer)


def _lower_layer(layer: Layer, pointer: str, lowering: Lowering) -> Group:
    unknown_keys(layer, _NO_KEYS, pointer, lowering.findings)
    if not layer.SubQuotas:
        lowering.findings.warning("empty-group", pointer, "an empty layer: nobody can meet it")
    quotas = tuple(
        _lower_subquota(subquota, intern(f"{pointer}/SubQuotas/{number}"), lowering)
        for number, subquota in enumerate(layer.SubQuotas)
    )
    return Group(quotas, pointer)


def _lower_quota(quota: TolunaQuota, pointer: str, lowering: Lowering, recontact: bool) -> Quota:
    unknown_keys(quota, _QUOTA_KEYS, pointer, lowering.findings)
    layers = tuple(
        _lower_layer(layer, intern(f"{pointer}/Layers/{number}"), lowering)
        for number, layer in enumerate(quota.Layers)
    )
    quota_id = as_code(quota.QuotaID)
    rule: Rule = TRUE
    if recontact:
        name = f"toluna/recontact/{quota_id}"
        rule = lowering.id_list(name, f"{pointer}/QuotaID", _read_id_list)
    remaining = max(quota.EstimatedCompletesRemaining, 0)
    return Quota(quota_id, rule, True, remaining, pointer, layers)


def _lower_history(survey: TolunaSurvey, lowering: Lowering) -> list[Clause]:
    """Out are who took part in the same survey and wave, or in an excluded one."""
    taken = lowering.took_part("wave", [_wave(survey.SurveyID, survey.WaveID)])
    clauses = lowering.excluded(taken, Reason.TAKEN, "/SurveyID")
    at = "/SurveyWaveExclusions"
    rules = [
        rule
        for number, exclusion in enumerate(survey.SurveyWaveExclusions)
        for rule in _lower_exclusion(exclusion, f"{at}/{number}", lowering)
    ]
    if rules:
        excludes = "earlier surveys are excluded"
        clauses += lowering.excluded(Or(tuple(rules)), Reason.EXCLUDED_SURVEY, at, excludes)
    return clauses


def _lower_exclusion(exclusion: Exclusion, pointer: str, lowering: Lowering) -> Iterator[Rule]:
    """Who took part with one of the statuses; a status that is not known may concern anyone."""
    unknown_keys(exclusion, _NO_KEYS, pointer, lowering.findings)
    at = f"{pointer}/ParticipationStatusIDs"
    if not exclusion.ParticipationStatusIDs:
        lowering.findings.warning("empty-list", at, "no participation status: excludes nobody")
    outcomes: list[str] = []
    for number, status in enumerate(exclusion.ParticipationStatusIDs):
        if status in _STATUSES:
            outcomes += _STATUSES[status]
            continue
        lowering.findings.warning(
            "unknown-status",
            f"{at}/{number}",
            f"the participation status `{status}` is not known; whom it excludes is uncertain",
        )
        yield UNKNOWN
    if outcomes and as_code(exclusion.WaveID) == _ANY_WAVE:
        yield lowering.took_part("survey", [exclusion.SurveyID], outcomes)
    elif outcomes:
        yield lowering.took_part("wave", [_wave(exclusion.SurveyID, exclusion.WaveID)], outcomes)


def _wave(survey_id: str, wave_id: str) -> str:
    return f"{as_code(survey_id)}/{as_code(wave_id)}"


def _lower(raw: dict[str, Json], lowering: Lowering) -> Survey | None:
    survey = validate(TolunaSurvey, raw, lowering.findings)
    if survey is None:
        return None
    unknown_keys(survey, _SURVEY_KEYS, "", lowering.findings)
    gate = []
    if survey.DeviceTypeIDs is not None:
        gate = lowering.devices(
            [_DEVICES.get(device) for device in survey.DeviceTypeIDs], "/DeviceTypeIDs"
        )
    gate += _lower_history(survey, lowering)
    if not survey.Quotas:
        lowering.findings.warning("empty-group", "/Quotas", "a survey without quotas")
    quotas = tuple(
        _lower_quota(quota, intern(f"/Quotas/{number}"), lowering, bool(survey.IsSurveyRecontact))
        for number, quota in enumerate(survey.Quotas)
    )
    left = survey.EstimatedCompletesRemaining
    return Survey(
        "toluna",
        _wave(survey.SurveyID, survey.WaveID),
        True,
        tuple(gate),
        (Group(quotas, "/Quotas"),),
        pay_per_minute(
            _amount(survey), (survey.IR, "/IR"), (survey.LOI, "/LOI"), lowering.findings
        ),
        remaining=None if left is None else max(left, 0),
        origins=tuple(lowering.origins),
    )


def _amount(survey: TolunaSurvey) -> PriceFactor:
    if isinstance(survey.Price, dict):
        return survey.Price.get("Amount"), "/Price/Amount"
    return survey.Price, "/Price"


def _recognises(document: dict[str, Json]) -> bool:
    return "Surveys" in document or ("SurveyID" in document and "Quotas" in document)


def _survey_objects(document: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    if "Surveys" not in document:
        yield "", document
    elif isinstance(document["Surveys"], list):
        for number, survey in enumerate(document["Surveys"]):
            yield f"/Surveys/{number}", survey
    else:
        yield "/Surveys", document["Surveys"]


def _name_of(survey: dict[str, Json]) -> str | None:
    parts = survey.get("SurveyID"), survey.get("WaveID")
    if all(isinstance(part, str | int) for part in parts):
        return "/".join(as_code(part) for part in parts)
    return None


def _is_notification(document: dict[str, Json]) -> bool:
    """A survey has quotas, and the answer to a question about one quota has layers."""
    return "QuotaID" in document and not document.keys() & {"Quotas", "Layers"}


def _read_notification(raw: dict[str, Json], findings: Findings) -> QuotaUpdate | None:
    found = validate(QuotaStatus, raw, findings)
    if found is None:
        return None
    unknown_keys(found, _NO_KEYS, "", findings)
    survey = None
    if found.SurveyID is not None and found.WaveID is not None:
        survey = _wave(found.SurveyID, found.WaveID)
    quota_ids = (as_code(found.QuotaID),)
    return QuotaUpdate("toluna", survey, quota_ids, found.IsLive, None, found.UpdateDateTimeUTC)


def _questions(survey: dict[str, Json]) -> Iterator[tuple[str, Kind | None]]:
    """Postal codes by prefix, numbers by range; answer ids may stand for anything."""
    found = read(TolunaSurvey, survey)
    for quota in found.Quotas if found else ():
        for layer in quota.Layers:
            for subquota in layer.SubQuotas:
                for question in subquota.QuestionsAndAnswers:
                    yield as_code(question.QuestionID), _guess(question)


def _guess(question: Question) -> Kind | None:
    if question.AnswerIDs:
        return Kind.MULTI
    if not question.AnswerValues:
        return None
    if as_code(question.QuestionID) == _POSTAL:
        return Kind.TEXT
    ranges = all(_RANGE.match(as_code(value)) for value in question.AnswerValues)
    return Kind.NUMBER if ranges else Kind.MULTI


def _read_id_list(collections: Collections, name: str) -> IdList | None:
    """The answer of GetRecontactMembersForQuota, a list of its pages, or of its member codes.

    Where members are left out after the last page, it is not known of others whether they are on
    the list.
    """
    found = downloaded(collections, name, ".json")
    if found is None:
        return None
    text, path = found
    pages = read_json(text, path) if text.strip() else []
    if not isinstance(pages, list):
        pages = [pages]
    if not any(isinstance(page, dict) and "MemberCodes" in page for page in pages):
        if pages and isinstance(pages[0], dict) and "MemberCode" not in pages[0]:
            raise InputError(f"{path}: no list `MemberCodes`")
        return IdList(frozenset(listed_codes(pages, "MemberCode", path)))
    members: set[str] = set()
    more = False
    for page in pages:
        codes = page.get("MemberCodes") if isinstance(page, dict) else None
        if not isinstance(codes, list):
            raise InputError(f"{path}: no list `MemberCodes`")
        members.update(listed_codes(codes, "MemberCode", path))
        more = page.get("HasAdditionalMembers") is True
    return IdList(frozenset(members), complete=not more)


_NO_MATCH = RejectionCode("16", "does not match quota")
_REJECTION_CODES = {
    Reason.STATUS: RejectionCode("9", "not live"),
    Reason.FILTER: _NO_MATCH,
    Reason.QUOTA: _NO_MATCH,
    Reason.QUOTA_FULL: RejectionCode("28", "quota full"),
    Reason.EXCLUDED_SURVEY: RejectionCode("30", "excluded survey taken"),
    Reason.DEVICE: RejectionCode("31", "device"),
    Reason.TAKEN: RejectionCode("38", "survey taken"),
}
"""Result codes."""

_DISPOSITIONS = {
    "5": DispositionCode("survey does not exist", Disposition.CLOSED),
    "9": DispositionCode("not live", Disposition.CLOSED),
    "10": DispositionCode("no such quota", Disposition.CLOSED),
    "12": DispositionCode("no such member", Disposition.OTHER),
    "13": DispositionCode("member not routable", Disposition.OTHER),
    "14": DispositionCode("member blocked", Disposition.QUALITY),
    "16": DispositionCode("does not match quota", Disposition.NOT_TARGETED),
    "21": DispositionCode("rejected for other reasons than the quota", Disposition.OTHER),
    "22": DispositionCode("member not active", Disposition.OTHER),
    "26": DispositionCode("survey taken from another account", Disposition.TAKEN),
    "28": DispositionCode("quota full", Disposition.QUOTA_FULL),
    "29": DispositionCode("external sample full", Disposition.QUOTA_FULL),
    "30": DispositionCode("excluded survey taken", Disposition.TAKEN),
    "31": DispositionCode("device", Disposition.NOT_TARGETED),
    "34": DispositionCode("verification level", Disposition.QUALITY),
    "35": DispositionCode("terminated in an earlier wave", Disposition.TAKEN),
    "36": DispositionCode("technical error", Disposition.OTHER),
    "38": DispositionCode("survey taken", Disposition.TAKEN),
    "39": DispositionCode("too many surveys in a day", Disposition.OTHER),
    "40": DispositionCode("too many surveys in a week", Disposition.OTHER),
    "Started": DispositionCode("started", Disposition.ENTERED),
    "Abandoned": DispositionCode("abandoned", Disposition.ENTERED),
    "Qualified": DispositionCode("complete", Disposition.COMPLETE),
    "NotQualified": DispositionCode("not qualified", Disposition.NOT_TARGETED),
    "Terminated": DispositionCode("terminated, before the survey or in it", Disposition.OTHER),
    "FraudTerminated": DispositionCode("terminated for fraud", Disposition.QUALITY),
    "QuotaFull": DispositionCode("quota full", Disposition.QUOTA_FULL),
    "SurveyTaken": DispositionCode("survey taken", Disposition.TAKEN),
    "SurveyNotAvailable": DispositionCode("survey not available", Disposition.CLOSED),
    "NoSurveysAvailable": DispositionCode("no surveys available", Disposition.OTHER),
    "MaxSurveysReached": DispositionCode("too many surveys in a day", Disposition.OTHER),
    "NoCookie": DispositionCode("no cookies", Disposition.OTHER),
}
"""Result codes of an invitation; statuses and reasons of notifications and reports."""

TOLUNA = Marketplace(
    name="toluna",
    recognises=_recognises,
    survey_objects=_survey_objects,
    name_of=_name_of,
    lower=_lower,
    questions=_questions,
    is_notification=_is_notification,
    read_notification=_read_notification,
    read_id_list=_read_id_list,
    options=TolunaOptions,
    rejection_codes=_REJECTION_CODES,
    dispositions=_DISPOSITIONS,
)
