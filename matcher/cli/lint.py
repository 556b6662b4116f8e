"""The command `lint`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from matcher.cli.options import (
    DEFAULTS,
    Options,
    Payloads,
    reportable,
    result_console,
    write_document,
)
from matcher.linting import lint as lint_all
from matcher.linting import open_mapping
from matcher.loading import load_surveys
from matcher.reports.diagnostics import findings_json, print_finding
from matcher.surveys import Level
from profiles.panel import open_panel
from profiles.plural import plural


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
    opened = None if panel is None else open_panel(panel, options.day, keep=False)
    mapping = opened.mapping if opened else open_mapping(payloads, options.marketplace)
    surveys = load_surveys(payloads, mapping, options.marketplace)
    findings = lint_all(surveys, opened)
    total = len(surveys.surveys) + len(surveys.rejected)
    if options.json:
        write_document(findings_json(total, findings))
    else:
        with result_console() as result:
            for finding in reportable(findings, options):
                print_finding(result, finding)
            if not options.quiet:
                levels = (
                    sum(finding.level is level for finding in findings) for level in reversed(Level)
                )
                result.print(
                    f"{plural(total, 'survey')}: "
                    + ", ".join(map(plural, levels, ("error", "warning", "note")))
                )
    return 1 if any(finding.level is Level.ERROR for finding in findings) else 0
