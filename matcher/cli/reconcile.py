"""The command `reconcile`: what marketplaces answered, against what we would have said."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from matcher.cli.destination import Destination, ParquetFile, check_apart, choose_destination
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
from matcher.output import write_parquet
from matcher.reconciliation import reconcile as reconcile_log
from matcher.reports.diagnostics import print_summary
from matcher.reports.reconcile import print_reconciliation, reconciliation_json
from profiles.errors import InputError
from profiles.panel import Panel
from profiles.schema import Location
from profiles.sources import Source, open_location


def reconcile(
    outcomes: Annotated[
        str, Parameter(help="The log: a .csv, .parquet or .arrow file or folder, or a database.")
    ],
    payloads: Payloads,
    /,
    *,
    panel: PanelPath,
    output: Annotated[
        str | None,
        Parameter(name=["--output", "-o"], help="Parquet file of all surprises, with member ids."),
    ] = None,
    table: Annotated[str | None, Parameter(help="The table of a database of outcomes.")] = None,
    options: Options = DEFAULTS,
) -> int:
    """What marketplaces answered, against what we would have said: wrong mappings."""
    console = make_console()
    began = time.perf_counter()
    location = Location(outcomes, table)
    if (table is not None) != (location.scheme is not None):
        raise InputError("a database of outcomes and `--table` go together")
    if output is not None and Location(output).scheme is not None:
        raise InputError("`--output`: surprises are written to a .parquet file")
    destination = choose_destination(output, None)
    log = open_location(location, Path())
    opened, surveys = load_inputs(payloads, panel, options)
    path = _checked(destination, opened, log)
    done = reconcile_log(log, surveys, opened)
    if path is not None:
        write_parquet(iter(done.surprises.to_batches()), done.surprises.schema, path)
    if options.json:
        write_document(reconciliation_json(done.found, surveys.diagnostics))
    else:
        if not options.quiet:
            with result_console() as result:
                print_reconciliation(result, done.found, time.perf_counter() - began)
        print_summary(console, reportable(surveys.diagnostics, options))
    rows_set_aside = options.strict and done.found.set_aside
    return 1 if rows_set_aside or options.refuses(surveys.diagnostics) else 0


def _checked(destination: Destination | None, panel: Panel, log: Source) -> Path | None:
    """Where to write; refuses to write over what is read."""
    if not isinstance(destination, ParquetFile):
        return None
    destination.check_apart(panel)
    check_apart(destination.path, log, "the log")
    return destination.path
