"""The command `index`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from matcher.cli.options import (
    DEFAULTS,
    Options,
    result_console,
    write_document,
)
from matcher.marketplaces import check_options
from matcher.reports.index import index_json, print_index
from profiles.errors import InputError
from profiles.panel import open_members, open_panel
from profiles.schema import Location
from profiles.sources import open_source


def index(
    *,
    panel: Annotated[Path, Parameter(name="--panel", help="The panel file (panel.toml).")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Folder of the index.")],
    update: Annotated[
        bool, Parameter(help="Take in what has changed since it was written.", negative=())
    ] = False,
    changes: Annotated[
        str | None,
        Parameter(help="With --update: files, or a database, of changed and new members."),
    ] = None,
    table: Annotated[str | None, Parameter(help="The table of a database of changes.")] = None,
    deleted: Annotated[
        Path | None, Parameter(help="With --update: the ids of members who are gone.")
    ] = None,
    options: Options = DEFAULTS,
) -> int:
    """Prepare a panel for repeated use; every --panel takes the folder, too."""
    if not update and (changes or deleted):
        raise InputError("`--changes` and `--deleted` go with `--update`")
    changed_rows = Location(changes, table) if changes is not None else None
    if (table is not None) != (changed_rows is not None and changed_rows.scheme is not None):
        raise InputError("`--changes` of a database and `--table` go together")
    opened = open_panel(panel, options.day)
    if opened.is_index:
        raise InputError(f"{panel}: `matcher index` needs the panel file, not an index of it")
    check_options(opened.mapping)
    began = time.perf_counter()
    if update:
        changed = open_members(opened.file, changed_rows) if changed_rows else None
        done = opened.update_index(output, changed, open_source(deleted) if deleted else None)
    else:
        done = opened.write_index(output)
    if options.json:
        write_document(index_json(done))
    elif not options.quiet:
        with result_console() as result:
            print_index(result, done, time.perf_counter() - began)
    return 0
