"""Toluna: surveys with quotas, layers of subquotas, questions and answers.

Source: the GetQuotas answer and the Quota Status and Survey Closed notifications of the External
Sample documentation. One quota a survey; within it
every layer must be matched, by one subquota with a seat left; within a subquota every question,
by any of its answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from sys import intern
from typing import Annotated, TypeAlias

from pydantic import AliasChoices, BeforeValidator, Field

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
from matcher.surveys import (
    Clause,
    Diagnostic,
    Findings,
    Group,
    Level,
    Quota,
    QuotaUpdate,
    Reason,
    SeatUpdate,
    Survey,
    Update,
)
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
_WAVE_ID = AliasChoices("WaveID", "WaveId")
"""Payloads and notices of quotas have the one spelling, notices of surveys the other."""

_CLOSED = "closed"
_DEVICES = {1: "desktop", 2: "tablet", 3: "mobile"}
_SURVEY_KEYS = frozenset(
    "SurveyName SurveyTopic StudyTypeID ScheduledCompletionDate CompletesRequired "
    "IsTqsSurvey".split()
)
_QUOTA_KEYS = frozenset({"CompletesRequired"})
_NO_KEYS: frozenset[str] = frozenset()


def _blank_is_none(raw: Json) -> Json:
    return None if isinstance(raw, str) and not raw.strip() else raw


IdOrNone: TypeAlias = Annotated[Id | None, BeforeValidator(_blank_is_none)]
"""What names a survey or wave; None: left open, as a blank is."""


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

    SurveyID: IdOrNone = None
    WaveID: IdOrNone = None
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
    WaveID: Id | None = Field(None, validation_alias=_WAVE_ID)
    IsLive: bool
    UpdateDateTimeUTC: Moment | None = None


class SurveyClosed(Payload):
    """A notification that a survey and wave is closed; its time, in UTC, is when it was closed."""

    SurveyID: Id
    WaveID: Id = Field(validation_alias=_WAVE_ID)
    SurveyRef: Json = None
    Status: str
    DateTime: Moment | None = None


class TolunaOptions(Options):
    """What the panel file may say of Toluna."""

    cut_off: Annotated[
        int, Field(gt=0, description="A list of as many postal codes, or more, was cut off.")
    ] = 1000


def _lower_question(question: Question, pointer: str, lowering: Lowering) -> Rule:
    unknown_keys(question, _NO_KEYS, pointer, lowering.findings)
    question_id = as_code(question.QuestionID)
    if question.IsRoutable and question_id not in lowering.marketplace.attributes:
        _report_unasked(question_id, pointer, lowering)
        return lowering.record_origin(TRUE, pointer)
    mapped = lowering.attribute(question_id, f"{pointer}/QuestionID")
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


def _report_unasked(question_id: str, pointer: str, lowering: Lowering) -> None:
    """Report once that nobody has an answer to a routable question, which is acceptable."""
    lowering.notices.setdefault(
        f"question {question_id}",
        Diagnostic(
            Level.INFO,
            "unmapped-attribute",
            f"the panel file maps no toluna attribute `{question_id}`: where it is routable, so "
            "that a missing answer will do, everyone matches "
            f"(first in {lowering.findings.survey} {pointer})",
        ),
    )


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
    values = [(part, place) for place, raw in enumerate(raws) for part in _parts(raw)]
    if mapped.attribute.numeric:
        return _lower_ranges(values, mapped, pointer, lowering)
    filled = [(part, place) for part, place in values if part]
    if mapped.attribute.kind is Kind.TEXT:
        return _lower_postal(filled, mapped, pointer, lowering)
    places = [place for _, place in filled]
    return lowering.any_of(mapped, [part for part, _ in filled], pointer, places)


def _parts(raw: Scalar) -> list[str]:
    """The values in one element, comma-separated; one that is blank is blank."""
    parts = [part.strip() for part in as_code(raw).split(",")]
    return [part for part in parts if part] or [""]


def _lower_ranges(
    values: list[tuple[str, int]], mapped: AttributeMapping, pointer: str, lowering: Lowering
) -> Rule:
    bounds: list[tuple[float, float]] = []
    unreadable = False
    for text, number in values:
        at = f"{pointer}/{number}"
        try:
            low, high = parse_range(text)
        except UnreadableError as error:
            lowering.findings.warning("invalid-range", at, f"{error}; it is taken as unknown")
            unreadable = True
            continue
        if low > high:
            lowering.findings.warning("inverted-range", at, f"`{text}` matches nobody")
        bounds.append((low, high))
    rule = lowering.ranges(mapped, bounds)
    return Or((rule, UNKNOWN)) if unreadable else rule


def _lower_postal(
    values: list[tuple[str, int]], mapped: AttributeMapping, pointer: str, lowering: Lowering
) -> Rule:
    texts = [text for text, _ in values]
    if not texts:
        lowering.findings.warning("empty-list", pointer, "no postal code is filled in")
    lowering.report_lost_zeros(texts, pointer, [number for _, number in values])
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
    """Who took part with one of the statuses.

    Of a status or a wave that is not known it is unknown whom of those who took part it concerns.
    """
    unknown_keys(exclusion, _NO_KEYS, pointer, lowering.findings)
    if exclusion.SurveyID is None:
        lowering.findings.warning(
            "incomplete-exclusion",
            pointer,
            "an exclusion without a survey excludes nobody",
        )
        return
    if exclusion.WaveID is None:
        lowering.findings.warning(
            "incomplete-exclusion",
            pointer,
            "an exclusion without a wave; whether it excludes who took part in the survey is "
            "uncertain",
            "wave 0 is any wave",
        )
    wave = exclusion.WaveID or _ANY_WAVE
    scope, id_ = "wave", _wave(exclusion.SurveyID, wave)
    if as_code(wave) == _ANY_WAVE:
        scope, id_ = "survey", exclusion.SurveyID
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
            f"the participation status `{status}` is not known; whether it excludes who took "
            "part in the survey is uncertain",
        )
        yield And((lowering.took_part(scope, [id_]), UNKNOWN))
    if outcomes:
        rule = lowering.took_part(scope, [id_], outcomes)
        yield rule if exclusion.WaveID is not None else And((rule, UNKNOWN))


def _wave(survey_id: str, wave_id: str) -> str:
    return f"{as_code(survey_id)}/{as_code(wave_id)}"


def _lower(raw: dict[str, Json], lowering: Lowering) -> Survey | None:
    if _is_quota_alone(raw):
        lowering.findings.error(
            "quota-without-survey",
            "",
            "the details of one quota (QuotaDetails) without its survey",
            "send the GetQuotas answer, which has whole surveys",
        )
        return None
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
    whole = "Surveys" in document or ("SurveyID" in document and "Quotas" in document)
    return whole or _is_quota_alone(document)


def _is_quota_alone(document: dict[str, Json]) -> bool:
    """The answer to a question about one quota."""
    return document.keys() >= {"QuotaID", "Layers"} and "Quotas" not in document


def _survey_objects(document: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    if "Surveys" not in document:
        yield "", document
    elif isinstance(document["Surveys"], list):
        for number, survey in enumerate(document["Surveys"]):
            yield f"/Surveys/{number}", survey
    else:
        yield "/Surveys", document["Surveys"]


def _name_of(survey: dict[str, Json]) -> str | None:
    parts = survey.get("SurveyID"), survey.get("WaveID", survey.get("WaveId"))
    if all(isinstance(part, str | int) for part in parts):
        return "/".join(as_code(part) for part in parts)
    return None


def _is_notification(document: dict[str, Json]) -> bool:
    """A survey has quotas, and the answer to a question about one quota has layers."""
    named = "QuotaID" in document or document.keys() >= {"SurveyID", "Status"}
    return named and not document.keys() & {"Quotas", "Layers"}


def _read_notification(raw: dict[str, Json], findings: Findings) -> Update | None:
    return _read_quota(raw, findings) if "QuotaID" in raw else _read_closed(raw, findings)


def _read_quota(raw: dict[str, Json], findings: Findings) -> QuotaUpdate | None:
    found = validate(QuotaStatus, raw, findings)
    if found is None:
        return None
    unknown_keys(found, _NO_KEYS, "", findings)
    survey = None
    if found.SurveyID is not None and found.WaveID is not None:
        survey = _wave(found.SurveyID, found.WaveID)
    quota_ids = (as_code(found.QuotaID),)
    return QuotaUpdate("toluna", survey, quota_ids, found.IsLive, None, found.UpdateDateTimeUTC)


def _read_closed(raw: dict[str, Json], findings: Findings) -> SeatUpdate | None:
    found = validate(SurveyClosed, raw, findings)
    if found is None:
        return None
    unknown_keys(found, _NO_KEYS, "", findings)
    if found.Status.strip().lower() != _CLOSED:
        message = f"the status `{found.Status}` is not known; the survey stays as it was"
        findings.error("unknown-status", "/Status", message)
        return None
    name = f"toluna:{_wave(found.SurveyID, found.WaveID)}"
    return SeatUpdate(name, live=False, remaining=None, at=found.DateTime)


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
    parts = (part for value in question.AnswerValues for part in _parts(value))
    ranges = all(_RANGE.match(part) for part in parts)
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
