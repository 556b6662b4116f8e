"""The command `route`: one member at a time, in an inventory that may change meanwhile.

Every line of standard input is a JSON object, and is answered with one line before the next is
read: a member by panel columns, or an operation on the router.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import orjson
from cyclopts import Parameter
from pydantic import ConfigDict, Field
from rich.console import Console

from matcher.cli.inputs import load_inputs, open_router
from matcher.cli.options import (
    DEFAULTS,
    Options,
    PanelPath,
    Payloads,
    make_console,
    reportable,
    write_document,
)
from matcher.cli.usage import at_least_one, read_whole
from matcher.loading import STDIN
from matcher.marketplaces.payload import (
    Id,
    ListOrNone,
    Number,
    Payload,
    validate,
)
from matcher.reports.diagnostics import print_finding, print_summary
from matcher.routing import Router
from matcher.support.json_text import Json, NotJsonError, faults, parse_json, without_surrogates
from matcher.surveys import Diagnostic, Findings, Level
from profiles.errors import InputError, did_you_mean, system_reason
from profiles.schema import PanelMapping, as_code, id_columns

_CONTEXT = "context"
_MOST_REPORTED = 100


def route(
    payloads: Payloads,
    /,
    *,
    panel: PanelPath,
    limit: Annotated[
        int | None,
        Parameter(
            help="The most surveys of each list (default: all).",
            converter=read_whole,
            validator=at_least_one,
        ),
    ] = None,
    options: Options = DEFAULTS,
) -> int:
    """One member at a time: JSON lines of members on standard input, of surveys out."""
    if STDIN in payloads:
        raise InputError("`-`: members come from standard input; payloads must be files or folders")
    if sys.stdin is None:
        raise InputError("standard input is closed")
    opened, surveys = load_inputs(payloads, panel, options)
    console = make_console()
    print_summary(console, reportable(surveys.diagnostics, options))
    router = open_router(opened, surveys, options)
    lines = _Lines(router, opened.mapping, limit, options, console)
    for number, line in _read_lines():
        write_document(orjson.dumps(lines.answer(number, line), option=orjson.OPT_APPEND_NEWLINE))
    failed = options.strict and lines.failed
    return 1 if failed or options.refuses(surveys.diagnostics) else 0


def _read_lines() -> Iterator[tuple[int, bytes]]:
    """The lines of standard input that are not blank, as they come, with their numbers from 1."""
    lines = enumerate(sys.stdin.buffer, start=1)
    try:
        yield from ((number, line) for number, line in lines if line.strip())
    except OSError as error:
        raise InputError(f"standard input cannot be read: {system_reason(error)}") from None


class _Operation(Payload, ABC):
    """A line that is not a member; a key that it does not know is refused."""

    model_config = ConfigDict(extra="forbid")

    @abstractmethod
    def run(self, lines: _Lines) -> Json:
        """Do it; gives the answer."""


class _Apply(_Operation):
    apply: Any
    marketplace: str | None = None
    refresh: ListOrNone[str]
    at: Number | None = None

    def run(self, lines: _Lines) -> Json:
        applied = lines.router.apply(
            self.apply, marketplace=self.marketplace, refresh=self.refresh, at=self.at
        )
        lines.failed |= any(finding.level is Level.ERROR for finding in applied.diagnostics)
        diagnostics = [finding.to_json() for finding in applied.diagnostics]
        return asdict(applied) | {"diagnostics": diagnostics}


class _Seats(Payload):
    model_config = ConfigDict(extra="forbid")

    member_id: Id
    survey: str
    quota_ids: list[Id]
    ttl: Number
    seats: list[list[Id]] = Field(default_factory=list)


def _with_seats(found: dict[str, Json]) -> dict[str, Json]:
    """An offer or a reservation, without `seats` where there are none besides those given."""
    return {key: value for key, value in found.items() if key != "seats" or value}


class _Reserve(_Operation):
    reserve: _Seats

    def run(self, lines: _Lines) -> Json:
        seats = self.reserve
        held = lines.router.reserve(
            as_code(seats.member_id), seats.survey, seats.quota_ids, seats.ttl, seats.seats
        )
        return None if held is None else _with_seats(asdict(held))


class _Complete(_Operation):
    complete: Id

    def run(self, lines: _Lines) -> Json:
        return lines.router.complete(self.complete)


class _Release(_Operation):
    release: Id

    def run(self, lines: _Lines) -> Json:
        return lines.router.release(self.release)


class _Reverse(_Operation):
    reverse: Id

    def run(self, lines: _Lines) -> Json:
        return lines.router.reverse(self.reverse)


class _NextQuestion(_Operation):
    next_question: dict[str, Any]

    def run(self, lines: _Lines) -> Json:
        _, context = lines.read_member(self.next_question)
        question = lines.router.next_question(self.next_question, context)
        return None if question is None else asdict(question)


_OPERATIONS: dict[str, type[_Operation]] = {
    "apply": _Apply,
    "reserve": _Reserve,
    "complete": _Complete,
    "release": _Release,
    "reverse": _Reverse,
    "next_question": _NextQuestion,
}
"""What else than a member a line may hold, by its key; the answer stands under the same key."""


class _Lines:
    """Answers one line after the other. `failed`: one was malformed, or set something aside."""

    def __init__(
        self,
        router: Router,
        mapping: PanelMapping,
        limit: int | None,
        options: Options,
        console: Console,
    ) -> None:
        self.router = router
        self.failed = False
        self._limit = limit
        self._options = options
        self._console = console
        schema = mapping.schema
        self._member_id = schema.member_id
        self._columns = {name: each.column for name, each in schema.attributes.items()}
        self._known = {*id_columns(mapping), *self._columns.values()}
        self._takes_context = _CONTEXT not in self._known
        self._reported: set[str] = set()
        self._line = 0

    def answer(self, number: int, line: bytes) -> dict[str, Json]:
        """What a line is answered with; where it is malformed, what is wrong with it."""
        self._line = number
        try:
            return self._answer(_parse(line))
        except InputError as error:
            self.failed = True
            return {"error": without_surrogates(str(error)), "line": number}

    def _answer(self, line: dict[str, Json]) -> dict[str, Json]:
        if self._member_id in line:
            return self._match(line)
        operation = next((name for name in _OPERATIONS if name in line), None)
        if operation is None:
            others = ", ".join(f"`{name}`" for name in _OPERATIONS)
            raise InputError(f"no `{self._member_id}`, and none of {others}")
        findings = Findings(None)
        read = validate(_OPERATIONS[operation], line, findings)
        if read is None:
            raise InputError(
                "; ".join(f"{finding.pointer}: {finding.message}" for finding in findings.all)
            )
        return {operation: read.run(self)}

    def _match(self, row: dict[str, Json]) -> dict[str, Json]:
        member_id, context = self.read_member(row)
        routed = self.router.match(row, context, limit=self._limit)
        return {
            "member_id": member_id,
            "eligible": [_with_seats(asdict(offer)) for offer in routed.eligible],
            "uncertain": [
                {"survey": survey.survey, "ask": survey.ask}
                | ({"quota_ids": survey.quota_ids} if self._options.uncertain else {})
                for survey in routed.uncertain
            ],
        }

    def read_member(self, row: dict[str, Json]) -> tuple[str | int, dict[str, Json] | None]:
        """The id of a member, and the context beside their columns.

        Raises InputError where there is no id, or it is none.
        """
        member_id = row.get(self._member_id)
        if member_id is None or member_id == "" or str(member_id).isspace():
            raise InputError(f"no `{self._member_id}`")
        if not isinstance(member_id, str | int) or isinstance(member_id, bool):
            raise InputError(f"{self._member_id}: must be text or a whole number")
        if isinstance(member_id, int) and not -(1 << 63) <= member_id < 1 << 63:
            raise InputError(f"{self._member_id}: a number too large to read")
        self._report_unknown(row)
        context = row.get(_CONTEXT) if self._takes_context else None
        if not isinstance(context, dict | None):
            raise InputError(f"{_CONTEXT}: must be an object")
        return member_id, context

    def _report_unknown(self, row: dict[str, Json]) -> None:
        """Report a key that is no column of the panel, once."""
        unknown = row.keys() - self._known - self._reported
        if self._takes_context:
            unknown.discard(_CONTEXT)
        if not unknown or len(self._reported) > _MOST_REPORTED:
            return
        self._reported |= unknown
        for name in sorted(unknown):
            column = self._columns.get(name)
            hint = f"its column is `{column}`" if column else did_you_mean(name, list(self._known))
            why = f"the panel has no column `{name}`; it has no effect"
            note = Diagnostic(Level.INFO, "unknown-key", why, hint=hint, at=f"line {self._line}")
            for finding in reportable([note], self._options):
                print_finding(self._console, finding)


def _parse(line: bytes) -> dict[str, Json]:
    """The object that a line holds; raises InputError where it is none, or a malformed one."""
    try:
        value, suspicious = parse_json(line.rstrip())
    except NotJsonError as error:
        place = f"column {error.column}: " if error.column else ""
        raise InputError(f"not JSON: {place}{error.why}") from None
    if not isinstance(value, dict):
        raise InputError("must be an object")
    fault = next(faults(value), None) if suspicious else None
    if fault is not None:
        _, pointer, message = fault
        raise InputError(f"{pointer}: {message}")
    return value
