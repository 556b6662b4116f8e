"""What all commands share: flags, how payloads and the panel are loaded, where output goes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, TextIO

from cyclopts import Parameter
from rich.console import Console

from matcher.cli.usage import at_least_one, read_payloads, read_whole
from matcher.surveys import ChoiceStrategy, Diagnostic, Level
from profiles.errors import InputError, system_reason

Payloads = Annotated[
    tuple[str, ...],
    Parameter(
        help="Payload files (.json, .jsonl), folders of them, or - for standard input.",
        negative=(),
        converter=read_payloads,
    ),
]


PanelPath = Annotated[
    Path, Parameter(name="--panel", help="The panel file (panel.toml), or the folder of an index.")
]


@Parameter(name="*")
@dataclass(frozen=True)
class Options:
    """Flags that all commands share."""

    as_of: Annotated[date | None, Parameter(help="The day ages count on (default: today).")] = None
    choose: Annotated[
        ChoiceStrategy, Parameter(help="Which quota of a group a member is given.")
    ] = ChoiceStrategy.FIRST
    seed: Annotated[int, Parameter(help="Seed of the balanced choice.", converter=read_whole)] = 0
    uncertain: Annotated[
        bool, Parameter(help="Give out members who only may be eligible, too.", negative=())
    ] = False
    strict: Annotated[
        bool, Parameter(help="End with status 1 where a survey is set aside.", negative=())
    ] = False
    json: Annotated[bool, Parameter(help="One JSON document on standard output.", negative=())] = (
        False
    )
    quiet: Annotated[bool, Parameter(help="No tables, no progress.", negative=())] = False
    marketplace: Annotated[
        str | None, Parameter(help="Take payloads for this marketplace's, whatever their shape.")
    ] = None
    workers: Annotated[
        int | None,
        Parameter(
            help="Threads to evaluate with (default: one a processor).",
            converter=read_whole,
            validator=at_least_one,
        ),
    ] = None

    @property
    def day(self) -> date:
        """The as-of day."""
        return self.as_of or date.today()

    @property
    def threads(self) -> int:
        """How many threads to evaluate with: as many as processors, where it is not given."""
        if self.workers is None and hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return self.workers or os.cpu_count() or 1

    def refuses(self, findings: Iterable[Diagnostic]) -> bool:
        """Whether `--strict` ends with status 1: a survey is set aside."""
        return self.strict and any(each.level is Level.ERROR for each in findings)


DEFAULTS = Options()


_FILE_WIDTH = 200


def make_console() -> Console:
    """Standard error, for progress and diagnostics."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    """A stream for people; lines of a file are long."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _FILE_WIDTH
    return console


@contextmanager
def standard_output() -> Iterator[TextIO]:
    """Standard output, to write a result to; raises InputError where that cannot be done."""
    if sys.stdout is None:
        raise InputError("standard output is closed")
    try:
        yield sys.stdout
        sys.stdout.flush()
    except OSError as error:
        _give_up_stdout()
        if isinstance(error, BrokenPipeError):
            raise
        raise InputError(f"standard output cannot be written: {system_reason(error)}") from None


@contextmanager
def result_console() -> Iterator[Console]:
    """Standard output, for people: the table that is a command's result.

    Letters that its encoding does not have are replaced. Raises InputError where it cannot be
    written.
    """
    with standard_output() as stream:
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
        yield _console(stderr=False)


def reportable(
    findings: list[Diagnostic] | tuple[Diagnostic, ...], options: Options
) -> list[Diagnostic]:
    """All findings, or under --quiet the errors alone."""
    return [each for each in findings if not options.quiet or each.level is Level.ERROR]


def write_document(document: bytes) -> None:
    """Write to standard output; raises InputError where that cannot be done."""
    with standard_output() as stream:
        stream.buffer.write(document)
        stream.buffer.flush()


def _give_up_stdout() -> None:
    """Let what has not been written go nowhere, so that it does not fail once more at the end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
