"""From payload files to surveys: reading, recognising the marketplace, lowering.

A malformed survey is set aside with its diagnostics and the others go on; only a file that cannot
be read at all ends the work.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, TypeAlias

from matcher.loading.decode import (
    Document,
    Lowered,
    PayloadReader,
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


DecodedFile: TypeAlias = Document | Diagnostic


def load_surveys(
    paths: Iterable[str | Path], mapping: PanelMapping, marketplace: str | None = None
) -> Surveys:
    """Read payload files, folders of them or `-`, and lower every survey in them.

    `marketplace` overrides recognition by shape. Raises InputError where a file cannot be read,
    is not JSON, or no survey is found at all.
    """
    check_options(mapping)
    loader = _Loader(mapping, named(marketplace))
    paths = list(paths)
    with no_garbage_collection():
        for path in paths:
            for found in documents(path):
                if isinstance(found, Diagnostic):
                    loader.diagnostics.append(found)
                else:
                    loader.add(found)
    if not loader.surveys:
        raise InputError(_nothing_found(paths, loader.diagnostics))
    return loader.result()


def _nothing_found(paths: Iterable[str | Path], findings: list[Diagnostic]) -> str:
    """Why there is nothing to work on: the first fault, and how many there are."""
    if not findings:
        return f"{', '.join(map(str, paths))}: no survey found"
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

    def add(self, document: Document) -> None:
        """Lower every survey of a document."""
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
            why = "the survey comes twice; the later one stands"
            self.diagnostics.append(
                Diagnostic(Level.INFO, "replaced-survey", why, name, file=file, at=lowered.at)
            )
        if name is not None:
            self.surveys[name] = lowered.survey

    def result(self) -> Surveys:
        """What has been loaded; what was said once comes last."""
        self._link()
        return Surveys(
            tuple(survey for survey in self.surveys.values() if survey is not None),
            tuple(name for name, survey in self.surveys.items() if survey is None),
            (*self.diagnostics, *self._reader.once()),
            self._mapping,
        )

    def _link(self) -> None:
        """Let each marketplace look at all of its surveys together."""
        loaded = [survey for survey in self.surveys.values() if survey is not None]
        for marketplace in marketplaces().values():
            mine = [survey for survey in loaded if survey.marketplace == marketplace.name]
            self.surveys.update((survey.name, survey) for survey in marketplace.link(mine))


@dataclass(frozen=True, slots=True)
class Content:
    """What a payload file holds, as it stands; `lines`: one document a line, None: not known."""

    file: str
    data: bytes
    lines: bool | None


def read_payload(path: str | Path) -> Iterator[Content]:
    """A payload file, every one of a folder, or standard input; InputError: cannot be read."""
    if str(path) == STDIN:
        if sys.stdin is None:
            raise InputError("standard input is closed")
        yield Content("standard input", _read_stream(sys.stdin.buffer), lines=None)
        return
    if not str(path):
        raise InputError("the name of a payload file is empty")
    for file in _files(Path(path)):
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            raise InputError(f"{file}: no such file") from None
        except (OSError, ValueError) as error:
            raise InputError(f"{file}: cannot be read: {system_reason(error)}") from None
        yield Content(str(file), data, lines=file.suffix.lower() == ".jsonl")


def documents(path: str | Path) -> Iterator[DecodedFile]:
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
    except OSError:  # a name too long: said when it is opened
        return [path]
    files = sorted(
        each for each in path.rglob("*") if each.suffix.lower() in _SUFFIXES and not each.is_dir()
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
    paths: Iterable[str | Path], marketplace: str | None
) -> Iterator[tuple[Marketplace, dict[str, Json]]]:
    """The survey objects in payload files; what is none is for `load_surveys` to tell of."""
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
