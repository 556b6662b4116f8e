"""The commands `match` and `count`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import matcher
from matcher.cli.destination import Destination, choose_destination
from matcher.cli.inputs import load_inputs
from matcher.cli.options import (
    DEFAULTS,
    Options,
    PanelPath,
    Payloads,
    make_console,
    reportable,
    result_console,
    write_document,
)
from matcher.cli.usage import (
    at_least_one,
    read_whole,
)
from matcher.reports.counts import (
    counts_json,
    print_counts,
    quota_table,
    survey_table,
)
from matcher.reports.diagnostics import print_summary
from matcher.reports.progress import ProgressBar


def match(
    payloads: Payloads,
    /,
    *,
    panel: PanelPath,
    output: Annotated[
        str | None,
        Parameter(name=["--output", "-o"], help="Parquet file, or database, of all pairs."),
    ] = None,
    table: Annotated[
        str | None, Parameter(help="The database's table, made or filled anew.")
    ] = None,
    max_surveys_per_member: Annotated[
        int | None,
        Parameter(
            help="Give each member at most so many surveys, those that pay best.",
            converter=read_whole,
            validator=at_least_one,
        ),
    ] = None,
    options: Options = DEFAULTS,
) -> int:
    """For each survey, which members may be sent, each to which quota."""
    return _count(
        payloads,
        panel,
        options,
        destination=choose_destination(output, table),
        by_quota=False,
        max_surveys=max_surveys_per_member,
    )


def count(payloads: Payloads, /, *, panel: PanelPath, options: Options = DEFAULTS) -> int:
    """Feasibility only: members per survey and quota, no member list."""
    return _count(payloads, panel, options, destination=None, by_quota=True)


def _count(
    payloads: tuple[str, ...],
    panel_path: Path,
    options: Options,
    *,
    destination: Destination | None,
    by_quota: bool,
    max_surveys: int | None = None,
) -> int:
    console = make_console()
    began = time.perf_counter()
    panel, surveys = load_inputs(payloads, panel_path, options)
    if destination is not None:
        destination.check_apart(panel)
    progress = ProgressBar(console, quiet=options.quiet or options.json)
    matches = matcher.compile(surveys).match(
        panel,
        choose=options.choose,
        seed=options.seed,
        uncertain=options.uncertain,
        max_surveys=max_surveys,
        workers=options.threads,
        progress=progress,
    )
    try:
        counts = matches.counts() if destination is None else destination.write(matches)
    finally:
        progress.close()
    if options.json:
        write_document(counts_json(panel.as_of, counts, surveys.rejected, surveys.diagnostics))
    elif not options.quiet:
        table = (
            quota_table(counts, surveys.rejected)
            if by_quota
            else survey_table(counts, surveys.rejected, assigned=True)
        )
        seconds = time.perf_counter() - began
        with result_console() as result:
            print_counts(result, table, counts, surveys.rejected, seconds, limit=max_surveys)
    if not options.json:
        print_summary(console, reportable(surveys.diagnostics, options))
    return 1 if options.refuses(surveys.diagnostics) else 0
