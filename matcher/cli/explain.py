"""The command `explain`: why a member of the panel may or may not take a survey."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from cyclopts import Parameter

from matcher.cli.inputs import load_inputs, open_router
from matcher.cli.options import (
    DEFAULTS,
    Options,
    PanelPath,
    Payloads,
    make_console,
    write_document,
)
from matcher.explanation import Explanation
from matcher.loading import raw_surveys
from matcher.reports.diagnostics import print_finding
from matcher.reports.explain import explanation_json, print_explanation
from matcher.support.json_text import Json
from matcher.surveys import Level, Survey, Surveys
from profiles.errors import InputError, did_you_mean
from profiles.panel import Panel


def explain(
    payloads: Payloads,
    /,
    *,
    panel: PanelPath,
    member: Annotated[str, Parameter(help="The member's id in the panel.")],
    survey: Annotated[str, Parameter(help="The survey's name, MARKETPLACE:ID.")],
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
    found = _explain(opened, replace(surveys, surveys=(asked,)), member, options)
    if options.json:
        write_document(explanation_json(opened.as_of, found, findings))
    elif not options.quiet:
        payload = _payload(payloads, survey, options.marketplace)
        print_explanation(console, found, payload)
        for finding in findings:
            if finding.level is not Level.INFO:
                print_finding(console, finding)
    return 1 if options.refuses(surveys.diagnostics) else 0


def _survey(surveys: Surveys, name: str) -> Survey:
    by_name = {each.name: each for each in surveys.surveys}
    if name in by_name:
        return by_name[name]
    known = [*by_name, *surveys.rejected]
    same_id = [each for each in known if each.partition(":")[2] == name]
    hint = f"did you mean `{same_id[0]}`?" if same_id else did_you_mean(name, known)
    raise InputError("; ".join(filter(None, (f"no survey `{name}` in the payloads", hint))))


def _payload(paths: tuple[str, ...], name: str, marketplace: str | None) -> Json:
    """The object that a survey was read from: where it appears twice, the later one stands."""
    payload: Json = None
    for found, raw in raw_surveys(paths, marketplace):
        if f"{found.name}:{found.name_of(raw)}" == name:
            payload = raw
    return payload


def _explain(panel: Panel, of: Surveys, member_id: str, options: Options) -> Explanation:
    """The verdict on the member of that id for the one survey."""
    router = open_router(panel, of, options)
    row = panel.find(member_id)
    if row is None:
        raise InputError(f"{panel.source.name}: no member `{member_id}`")
    (survey,) = of.surveys
    try:
        return router.explain(row, survey.name, uncertain=options.uncertain)
    except InputError as error:
        raise InputError(f"{panel.source.name}: member `{member_id}`: {error}") from None
