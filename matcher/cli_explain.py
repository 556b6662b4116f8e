"""The command `explain`: why a member of the panel may or may not take a survey."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import pyarrow.compute as pc
from cyclopts import Parameter

import matcher
from matcher.diagnostic import Level
from matcher.evaluate import Known, read_member
from matcher.explain import explain as explain_survey
from matcher.explain_report import explanation_json, print_explanation
from matcher.json_input import Json
from matcher.lint import raw_surveys
from matcher.options import (
    DEFAULTS,
    Options,
    PanelPath,
    Payloads,
    load_inputs,
    make_console,
    write_document,
)
from matcher.report import print_finding
from matcher.survey import Survey, Surveys
from profiles.codes import trimmed
from profiles.errors import InputError, did_you_mean
from profiles.panel import Panel
from profiles.participation import Participation, read_participation
from profiles.sources import Source
from profiles.values import UnreadableError


def explain(
    payloads: Payloads,
    /,
    *,
    panel: PanelPath,
    member: Annotated[str, Parameter(help="The member's id in the panel.")],
    survey: Annotated[str, Parameter(help="The survey's name, such as dynata:13231.")],
    options: Options = DEFAULTS,
) -> int:
    """Why a member may or may not take a survey, with the place in the payload."""
    opened, surveys = load_inputs(payloads, panel, options)
    console = make_console()
    findings = [each for each in surveys.diagnostics if each.survey in (None, survey)]
    if survey in surveys.rejected:
        for finding in findings:
            print_finding(console, finding)
        raise InputError(f"`{survey}` is set aside because of its errors; it takes nobody")
    asked = _survey(surveys, survey)
    choice = (
        matcher.compile([asked]).match(opened, choose=options.choose, seed=options.seed).choice()
    )
    found = explain_survey(
        asked, _respondent(opened, member), opened.mapping, choice, uncertain=options.uncertain
    )
    if options.json:
        write_document(explanation_json(opened.as_of, found, findings))
    elif not options.quiet:
        payload = _payload(payloads, survey, options.marketplace)
        print_explanation(console, found, payload)
        for finding in findings:
            if finding.level is not Level.INFO:
                print_finding(console, finding)
    set_aside = any(each.level is Level.ERROR for each in surveys.diagnostics)
    return 1 if options.strict and set_aside else 0


def _survey(surveys: Surveys, name: str) -> Survey:
    by_name = {each.name: each for each in surveys.surveys}
    if name in by_name:
        return by_name[name]
    known = [*by_name, *surveys.rejected]
    same_id = [each for each in known if each.partition(":")[2] == name]
    hint = f"did you mean `{same_id[0]}`?" if same_id else did_you_mean(name, known)
    raise InputError("; ".join(filter(None, (f"no survey `{name}` in the payloads", hint))))


def _payload(paths: tuple[str, ...], name: str, marketplace: str | None) -> Json:
    """The object that a survey was read from: where it comes twice, the later one stands."""
    payload: Json = None
    for found, raw in raw_surveys(paths, marketplace):
        if f"{found.name}:{found.name_of(raw)}" == name:
            payload = raw
    return payload


def _respondent(panel: Panel, member_id: str) -> Known:
    """The member of that id, read with all that the panel knows of him."""
    schema = panel.schema
    columns = [schema.member_id, *(each.column for each in schema.attributes.values())]
    columns += [
        each.respondent_id for each in panel.mapping.marketplaces.values() if each.respondent_id
    ]
    rows = _rows_of(panel.source, columns, schema.member_id, member_id)
    row = next(rows, None)
    if row is None:
        raise InputError(f"{panel.source.name}: no member `{member_id}`")
    try:
        return read_member(panel.mapping, row, panel.as_of, _history(panel, member_id))
    except UnreadableError as error:
        raise InputError(f"{panel.source.name}: member `{member_id}`: {error}") from None


def _history(panel: Panel, member_id: str) -> list[Participation] | None:
    if panel.history is None:
        return None
    source = panel.history.source
    rows = _rows_of(source, source.schema().names, "member_id", member_id)
    try:
        return [read_participation(row) for row in rows]
    except UnreadableError as error:
        raise InputError(f"{source.name}: member `{member_id}`: {error}") from None


def _rows_of(
    source: Source, columns: list[str], id_column: str, member_id: str
) -> Iterator[dict[str, Any]]:
    """The rows of a member; ids compare as text after trimming."""
    for batch in source.batches(list(dict.fromkeys(columns))):
        same = pc.equal(trimmed(batch.data[id_column]), member_id.strip())
        yield from batch.data.filter(same).to_pylist()
