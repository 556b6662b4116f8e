"""The command `explain`: why a member of the panel may or may not take a survey."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from matcher.cli.inputs import load_inputs
from matcher.cli.options import (
    DEFAULTS,
    Options,
    PanelPath,
    Payloads,
    make_console,
    result_console,
    write_document,
)
from matcher.loading import raw_surveys
from matcher.reports.diagnostics import print_finding
from matcher.reports.explain import explanation_json, print_explanation
from matcher.routing import explain_member
from matcher.support.json_text import Json
from matcher.surveys import Level


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
    found = explain_member(
        surveys,
        opened,
        member=member,
        survey=survey,
        choose=options.choose,
        seed=options.seed,
        uncertain=options.uncertain,
        workers=options.threads,
    )
    if options.json:
        write_document(explanation_json(opened.as_of, found, findings))
    elif not options.quiet:
        payload = _payload(payloads, survey, options.marketplace)
        with result_console() as result:
            print_explanation(result, found, payload)
        for finding in findings:
            if finding.level is not Level.INFO:
                print_finding(console, finding)
    return 1 if options.refuses(surveys.diagnostics) else 0


def _payload(paths: tuple[str, ...], name: str, marketplace: str | None) -> Json:
    """The object that a survey was read from: where it appears twice, the later one stands."""
    payload: Json = None
    for found, raw in raw_surveys(paths, marketplace):
        if f"{found.name}:{found.name_of(raw)}" == name:
            payload = raw
    return payload
