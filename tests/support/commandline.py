"""Runs the command line, in this process or in one of its own, in a folder with a small panel."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq

from matcher.cli.app import run

AS_OF = "2026-11-21"
PANEL = """\
[panel]
source = "members.parquet"

[attributes.gender]
type = "single"
column = "sex"

[attributes.age]
type = "birth_date"
column = "dob"

[attributes.income]
type = "number"

[attributes.pets]
type = "multi"

[attributes.zip]
type = "text"

[attributes.children]
type = "children"

[marketplaces.dynata.attributes]
1 = { attribute = "gender", answers = { 1 = "M", 2 = "F" } }
80 = { attribute = "age" }
45 = { attribute = "income" }
9 = { attribute = "pets" }
8 = { attribute = "zip" }

[marketplaces.toluna.attributes]
1001007 = { attribute = "gender", answers = { 2000247 = "M", 2000246 = "F" } }
1001538 = { attribute = "age", answers = { 2006352 = "18-24", 2006361 = "65-" } }
1001042 = { attribute = "zip" }

[marketplaces.rfg.attributes]
Gender = { attribute = "gender", answers = { 1 = "M", 2 = "F" } }
Age = { attribute = "age" }
Pets = { attribute = "pets" }
Zip = { attribute = "zip" }
Children = { attribute = "children", answers = { 1 = "M", 2 = "F" } }
"""
MEMBERS: dict[str, list[Any]] = {
    "member_id": ["m1", "m2", "m3", "m4"],
    "sex": ["M", "F", "F", None],
    "dob": ["1990-02-03", "2004-05-06", None, "1950-07-08"],
    "income": [10_000.0, 20_000.5, None, 0.0],
    "pets": [["cat"], ["cat", "dog"], [], None],
    "zip": ["00031", "10001", "1", None],
    "children": [["M:3"], [], None, ["F:2010-01-01"]],
}
ADULT_MEN = {
    "id": "1",
    "status": "OPEN",
    "cells": [
        {"tag": "men", "kind": "VALUE", "attribute_id": "1", "value": "1"},
        {"tag": "adults", "kind": "RANGE", "attribute_id": "80", "range": {"from": 18, "to": 99}},
    ],
    "filters": [[{"cells": ["adults"]}]],
    "quotas": [
        [
            {"id": "q1", "cells": ["men"], "count": 3, "status": "OPEN"},
            {"id": "q2", "cells": [], "count": 5, "status": "OPEN"},
        ]
    ],
}
"""A Dynata opportunity for adults, with a quota of men and one of everyone."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


def command(*arguments: str | Path, stdin: bytes = b"") -> Result:
    """Run a command in this process."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    given = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "stdin", given):
        status = run([str(each) for each in arguments])
    out.flush()
    written = out.buffer
    assert isinstance(written, io.BytesIO)
    return Result(status, written.getvalue().decode("utf-8"), err.getvalue())


def process(
    *arguments: str | Path, wrap: Sequence[str] = (), beginning: str = "", **options: Any
) -> subprocess.Popen[bytes]:
    """Start a command in a process of its own, in which a warning is an error.

    `beginning`: what is done before anything of the project is loaded.
    """
    main = f"{beginning}from matcher.cli import main; main()"
    line = [*wrap, sys.executable, "-W", "error", "-c", main, *map(str, arguments)]
    environment = {**os.environ, "PYTHONFAULTHANDLER": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        line, **{"stdin": pipe, "stdout": pipe, "stderr": pipe, "env": environment, **options}
    )


def wait_until_it_listens(started: subprocess.Popen[bytes]) -> None:
    """Wait until a command has set what it does when it is terminated; Linux tells."""
    status = Path(f"/proc/{started.pid}/status")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        caught = re.search(r"SigCgt:\s*(\w+)", status.read_text())
        if caught and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.01)
    raise TimeoutError


INTERRUPTED = {
    signal.SIGINT: (130, "matcher: interrupted\n"),
    signal.SIGTERM: (143, "matcher: terminated\n"),
}
"""The exit status and standard error of a command that was sent a signal."""


def finish(started: subprocess.Popen[bytes], stdin: bytes | None = None) -> Result:
    """Wait for a process and give what it printed, as far as that came through a pipe."""
    with started:
        out, err = started.communicate(stdin, timeout=60)
    return Result(started.returncode, (out or b"").decode(), (err or b"").decode())


def put(folder: Path, name: str, content: Any) -> Path:
    """Write a file: bytes and text as they stand, anything else as JSON."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def put_panel(
    folder: Path, text: str = PANEL, members: Mapping[str, Any] | pa.Table | None = None
) -> Path:
    """Write a panel file, and a Parquet file of members beside it."""
    table = members if isinstance(members, pa.Table) else pa.table(members or MEMBERS)
    pq.write_table(table, folder / "members.parquet")
    return put(folder, "panel.toml", text)


def listing(folder: Path) -> list[str]:
    """Everything in a folder, hidden files included."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
