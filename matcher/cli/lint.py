"""The command `lint`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from matcher.cli.inputs import load_inputs
from matcher.cli.options import (
    DEFAULTS,
    Options,
    Payloads,
    make_console,
    reportable,
    write_document,
)
from matcher.linting import NEEDS_PANEL, lint_panel, lint_surveys, open_mapping
from matcher.loading import load_surveys
from matcher.reports.diagnostics import findings_json, print_finding
from matcher.reports.text import plural
from matcher.surveys import Diagnostic, Level, Surveys
from profiles.check import number_lists


def lint(
    payloads: Payloads,
    /,
    *,
    panel: Annotated[
        Path | None, Parameter(name="--panel", help="The panel file; without it, rules alone.")
    ] = None,
    options: Options = DEFAULTS,
) -> int:
    """What is wrong or suspicious in the rules, the mapping and the panel."""
    if panel is None:
        surveys, findings = _lint_rules(payloads, options)
    else:
        opened, surveys = load_inputs(payloads, panel, options)
        several = number_lists(opened)
        findings = [
            *lint_panel(opened),
            *surveys.diagnostics,
            *lint_surveys(surveys.surveys, opened.mapping, several),
        ]
    total = len(surveys.surveys) + len(surveys.rejected)
    if options.json:
        write_document(findings_json(total, findings))
    else:
        console = make_console()
        for finding in reportable(findings, options):
            print_finding(console, finding)
        if not options.quiet:
            levels = [sum(each.level is level for each in findings) for level in reversed(Level)]
            console.print(
                f"{plural(total, 'survey')}: "
                + ", ".join(map(plural, levels, ("error", "warning", "note")))
            )
    return 1 if any(finding.level is Level.ERROR for finding in findings) else 0


def _lint_rules(payloads: tuple[str, ...], options: Options) -> tuple[Surveys, list[Diagnostic]]:
    """Surveys linted without a panel, of which nothing is said that depends on one."""
    mapping = open_mapping(payloads, options.marketplace)
    surveys = load_surveys(payloads, mapping, options.marketplace)
    findings = [each for each in surveys.diagnostics if each.code not in NEEDS_PANEL]
    return surveys, [*findings, *lint_surveys(surveys.surveys, mapping)]
