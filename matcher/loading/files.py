"""From payload files to surveys: reading, recognising the marketplace, lowering.

A malformed survey is set aside with its diagnostics and the others go on; only a file that cannot
be read at all ends the work.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from os import PathLike, fsdecode
from pathlib import Path
from typing import BinaryIO, TypeAlias

from matcher.loading.decode import (
    Document,
    Lowered,
    PayloadReader,
    document_of,
    named,
    recognise,
)
from matcher.marketplaces import Marketplace, check_options, marketplaces
from matcher.support import no_garbage_collection
from matcher.support.json_text import Json, NotJsonError, parse_json
from matcher.surveys import Diagnostic, Level, Survey, Surveys
from profiles.errors import InputError, system_reason
from profiles.schema import PanelMapping

STDIN = "-"


_SUFFIXES = (".json", ".jsonl")


Payload: TypeAlias = (
    str | PathLike[str] | bytes | bytearray | memoryview | dict[str, Json] | list[Json]
)
"""A path, the content of a payload, or what it was parsed to."""

DecodedFile: TypeAlias = Document | Diagnostic


def load_surveys(
    payloads: Payload | Iterable[Payload], mapping: PanelMapping, marketplace: str | None = None
) -> Surveys:
    """Lower every survey in payloads: one, or several.

    A payload is a path (of a file, a folder of files, or `-`, standard input), its content as
    bytes (JSON, or one document a line), or what such content was parsed to. Diagnostics call what
    has no path `payload 1`, `payload 2`, by its place among the payloads. `marketplace` overrides
    recognition by shape. An inventory with nothing in it (`[]`, `{"Surveys": []}`) has no surveys.
    Raises InputError where a payload cannot be read or is not JSON, where there is no survey
    because of a fault or because there is nothing to read at all, and for a marketplace that is not
    known.

    >>> from profiles.schema import Collections, PanelMapping, Schema
    >>> mapping = PanelMapping(Schema({}, {}), {}, Collections())
    >>> survey = {"id": 7, "status": "OPEN", "cells": [], "filters": [], "quotas": []}
    >>> surveys = load_surveys([survey, b'{"hello": 1}'], mapping)
    >>> [survey.name for survey in surveys]
    ['dynata:7']
    >>> surveys.diagnostics[0].file, surveys.diagnostics[0].message
    ('payload 2', 'not the payload of a known marketplace')
    """
    if not isinstance(mapping, PanelMapping):
        raise InputError("the mapping must be a panel's: `panel.mapping`")
    check_options(mapping)
    loader = _Loader(mapping, named(marketplace))
    given = _as_list(payloads)
    with no_garbage_collection():
        for number, payload in enumerate(given, start=1):
            for found in _decoded(payload, f"payload {number}"):
                if isinstance(found, Diagnostic):
                    loader.diagnostics.append(found)
                else:
                    loader.add(found)
    if not loader.surveys and not loader.is_empty_inventory:
        raise InputError(_nothing_found(given, loader.diagnostics))
    return loader.result()


def _as_list(payloads: Payload | Iterable[Payload]) -> list[Payload]:
    if isinstance(payloads, str | PathLike | bytes | bytearray | memoryview | dict):
        return [payloads]
    if not isinstance(payloads, Iterable):
        raise InputError(_no_payload("payloads", payloads))
    given = list(payloads)
    if not given:
        raise InputError("no payload is given")
    return given


def _decoded(payload: Payload, name: str) -> Iterator[DecodedFile]:
    if isinstance(payload, str | PathLike):
        yield from documents(payload)
    elif isinstance(payload, bytes | bytearray | memoryview):
        yield from _parse(bytes(payload), name, lines=None)
    elif isinstance(payload, dict | list):
        yield document_of(payload, name)
    else:
        raise InputError(_no_payload(name, payload))


def _no_payload(name: str, given: object) -> str:
    return (
        f"{name}: must be a path, bytes, or parsed JSON (a dict, or a list of them), "
        f"not `{type(given).__name__}`"
    )


def _nothing_found(payloads: Sequence[Payload], findings: list[Diagnostic]) -> str:
    """Why there is nothing to work on: the first fault, and how many there are."""
    if not findings:
        names = (
            fsdecode(payload) if isinstance(payload, str | PathLike) else f"payload {number}"
            for number, payload in enumerate(payloads, start=1)
        )
        return f"{', '.join(names)}: no survey found"
    first = min(findings, key=lambda finding: -finding.level)
    place = " ".join(part for part in (first.at, first.pointer) if part)
    at = f"at {place}: " if place else ""
    hint = f" ({first.hint})" if first.hint else ""
    more = f" (and {len(findings) - 1:,} more)" if len(findings) > 1 else ""
    return f"{first.file}: no survey found: {at}{first.message}{hint}{more}"


class _Loader:
    def __init__(self, mapping: PanelMapping, marketplace: Marketplace | None) -> None:
        self._mapping = mapping
        self._reader = PayloadReader(mapping, marketplace)
        self.surveys: dict[str, Survey | None] = {}
        self.diagnostics: list[Diagnostic] = []
        self._documents = 0

    @property
    def is_empty_inventory(self) -> bool:
        """Whether there are payloads, without a fault, that have nothing on offer."""
        faulty = any(finding.level is Level.ERROR for finding in self.diagnostics)
        return self._documents > 0 and not self.surveys and not faulty

    def add(self, document: Document) -> None:
        """Lower every survey of a document."""
        self._documents += 1
        for at, part in document.parts():
            for read in self._reader.read(part, document, at):
                if isinstance(read, Diagnostic):
                    self.diagnostics.append(read)
                else:
                    self._keep(read, document.file)

    def _keep(self, lowered: Lowered, file: str) -> None:
        self.diagnostics += lowered.diagnostics
        name = lowered.name
        if name in self.surveys:
            why = "the survey appears twice; the later one counts"
            self.diagnostics.append(
                Diagnostic(Level.INFO, "replaced-survey", why, name, file=file, at=lowered.at)
            )
        if name is not None:
            self.surveys[name] = lowered.survey

    def result(self) -> Surveys:
        """What has been loaded; notices come last."""
        self._link()
        return Surveys(
            tuple(survey for survey in self.surveys.values() if survey is not None),
            tuple(name for name, survey in self.surveys.items() if survey is None),
            (*self.diagnostics, *self._reader.notices()),
            self._mapping,
        )

    def _link(self) -> None:
        """Let each marketplace look at all of its surveys together."""
        loaded = [survey for survey in self.surveys.values() if survey is not None]
        for marketplace in marketplaces().values():
            own = [survey for survey in loaded if survey.marketplace == marketplace.name]
            self.surveys.update((survey.name, survey) for survey in marketplace.link(own))


@dataclass(frozen=True, slots=True)
class Content:
    """What a payload file holds; `lines`: one document a line, None: not known."""

    file: str
    data: bytes = field(repr=False)
    lines: bool | None


def read_payload(path: str | PathLike[str]) -> Iterator[Content]:
    """A payload file, every one of a folder, or standard input; InputError: cannot be read."""
    path = fsdecode(path)
    if path == STDIN:
        if sys.stdin is None:
            raise InputError("standard input is closed")
        yield Content("standard input", _read_stream(sys.stdin.buffer), lines=None)
        return
    if not path:
        raise InputError("the name of a payload file is empty")
    for file in _files(Path(path)):
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            raise InputError(f"{file}: no such file") from None
        except (OSError, ValueError) as error:
            raise InputError(f"{file}: cannot be read: {system_reason(error)}") from None
        yield Content(str(file), data, lines=file.suffix.lower() == ".jsonl")


def documents(path: str | PathLike[str]) -> Iterator[DecodedFile]:
    """Every JSON document of a payload file, a folder of them, or standard input."""
    for content in read_payload(path):
        yield from _parse(content.data, content.file, lines=content.lines)


@lru_cache(maxsize=1)
def _read_stream(stream: BinaryIO) -> bytes:
    """All of standard input, which can be read only once; linting goes through it twice."""
    return stream.read()


def _files(path: Path) -> list[Path]:
    """The file itself, or the payload files of a folder and of those in it."""
    try:
        if not path.is_dir():
            return [path]
    except OSError:  # a name too long: reported when it is opened
        return [path]
    files = sorted(
        file for file in path.rglob("*") if file.suffix.lower() in _SUFFIXES and not file.is_dir()
    )
    if not files:
        raise InputError(f"{path}: no .json or .jsonl file in the folder")
    return files


def _parse(data: bytes, file: str, *, lines: bool | None) -> Iterator[DecodedFile]:
    """Parse one document, or one a line; `lines` None: as a document, or else as lines."""
    if not lines:
        try:
            yield Document(*parse_json(data), file)
            return
        except NotJsonError as error:
            one_a_line = _looks_like_lines(data)
            if lines is False or not one_a_line:
                hint = "; one document a line belongs in a .jsonl file" if one_a_line else ""
                raise InputError(f"{file}: not JSON: {error}{hint}") from None
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            yield Document(*parse_json(line), file, f"line {number}")
        except NotJsonError as error:
            column = f"column {error.column}: " if error.column else ""
            yield Diagnostic(
                Level.ERROR,
                "invalid-json",
                f"not JSON: {column}{error.why}",
                hint="one document a line is expected",
                file=file,
                at=f"line {number}",
            )


def _looks_like_lines(data: bytes) -> bool:
    """Whether the first line of several is a JSON document by itself."""
    first, newline, rest = data.lstrip().partition(b"\n")
    if not newline or not rest.strip():
        return False
    try:
        parse_json(first)
    except NotJsonError:
        return False
    return True


def raw_surveys(
    paths: Iterable[str | PathLike[str]], marketplace: str | None
) -> Iterator[tuple[Marketplace, dict[str, Json]]]:
    """The survey objects in payload files; what is none, `load_surveys` reports."""
    given = named(marketplace)
    for path in paths:
        for document in documents(path):
            if isinstance(document, Diagnostic):
                continue
            value = document.value
            for part in value if isinstance(value, list) else [value]:
                found = recognise(part, given)
                if found is not None:
                    yield from (
                        (found, raw)
                        for _, raw in found.survey_objects(part)
                        if isinstance(raw, dict)
                    )
