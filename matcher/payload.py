"""From payload files to surveys: reading, recognising the marketplace, lowering.

A malformed survey is set aside with its diagnostics and the others go on; only a file that cannot
be read at all ends the work.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, TypeAlias

from matcher.diagnostic import Diagnostic, Level
from matcher.json_input import (
    Json,
    NotJsonError,
    RepeatedKeys,
    escape,
    faults,
    parse_json,
    without_surrogates,
)
from matcher.lowering import Lowering
from matcher.marketplaces import marketplaces
from matcher.marketplaces.shape import Marketplace
from matcher.survey import Survey
from matcher.survey import Surveys as Surveys
from profiles.errors import InputError, did_you_mean, system_reason
from profiles.mapping import PanelMapping

STDIN = "-"
_SUFFIXES = (".json", ".jsonl")


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON document, and where it stands: `at` is empty, or a line of JSON lines."""

    value: Json
    suspicious: bool
    file: str
    at: str = ""


Found: TypeAlias = Document | Diagnostic


def load_surveys(
    paths: Iterable[str | Path], mapping: PanelMapping, marketplace: str | None = None
) -> Surveys:
    """Read payload files, folders of them or `-`, and lower every survey in them.

    `marketplace` overrides recognition by shape. Raises InputError where a file cannot be read,
    is not JSON, or no survey is found at all.
    """
    loader = _Loader(mapping, named(marketplace))
    paths = list(paths)
    with _no_garbage_collection():
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


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """What is read stays alive to the end; looking through it meanwhile takes a third of the time.

    Reference counts still free what they can.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Loader:
    def __init__(self, mapping: PanelMapping, marketplace: Marketplace | None) -> None:
        self._mapping = mapping
        self._marketplace = marketplace
        self._lowerings: dict[str, Lowering] = {}
        self.surveys: dict[str, Survey | None] = {}
        self.diagnostics: list[Diagnostic] = []

    def add(self, document: Document) -> None:
        """Lower every survey of a document."""
        parts = document.value if isinstance(document.value, list) else [document.value]
        for number, part in enumerate(parts):
            at = f"/{number}" if isinstance(document.value, list) else ""
            marketplace = recognise(part, self._marketplace)
            if marketplace is None:
                known = isinstance(part, dict)
                self.diagnostics.append(
                    Diagnostic(
                        Level.ERROR,
                        "unrecognised-payload",
                        "not the payload of a known marketplace"
                        if known
                        else "a survey must be an object",
                        hint="--marketplace names it" if known else "",
                        file=document.file,
                        at=" ".join(filter(None, (document.at, at))),
                    )
                )
                continue
            found = list(marketplace.surveys(part))
            if isinstance(part, RepeatedKeys) and all(raw is not part for _, raw in found):
                self._tell_repeated(part, document, at)
            for pointer, raw in found:
                place = " ".join(filter(None, (document.at, at + pointer)))
                self._lower(marketplace, raw, document, place)

    def result(self) -> Surveys:
        """What has been loaded; what was said once comes last."""
        self._link()
        unique: dict[str, Diagnostic] = {}
        for lowering in self._lowerings.values():
            for note in lowering.once.values():
                key = note.code + note.message.partition(" (")[0]
                if key not in unique or note.level > unique[key].level:
                    unique[key] = note
        return Surveys(
            tuple(survey for survey in self.surveys.values() if survey is not None),
            tuple(name for name, survey in self.surveys.items() if survey is None),
            (*self.diagnostics, *unique.values()),
            self._mapping,
        )

    def _link(self) -> None:
        """Let each marketplace look at all of its surveys together."""
        for name in self._lowerings:
            mine = [each for each in self.surveys.values() if each and each.marketplace == name]
            for survey in marketplaces()[name].link(mine):
                self.surveys[survey.name] = survey

    def _tell_repeated(self, part: RepeatedKeys, document: Document, at: str) -> None:
        for key in part.repeated:
            self.diagnostics.append(
                Diagnostic(
                    Level.WARNING,
                    "repeated-key",
                    f"the key `{key}` stands twice; the later one stands",
                    pointer=f"/{escape(key)}",
                    file=document.file,
                    at=" ".join(filter(None, (document.at, at))),
                )
            )

    def _lower(self, marketplace: Marketplace, raw: Json, document: Document, at: str) -> None:
        lowering = self._lowerings.get(marketplace.name)
        if lowering is None:
            lowering = Lowering(marketplace.name, self._mapping)
            self._lowerings[marketplace.name] = lowering
        id_ = marketplace.name_of(raw) if isinstance(raw, dict) else None
        name = None if id_ is None else f"{marketplace.name}:{without_surrogates(id_)}"
        findings = lowering.start(name)
        if not isinstance(raw, dict):
            findings.error("invalid-payload", "", "a survey must be an object")
        elif document.suspicious:
            for code, pointer, message in faults(raw):
                findings.error(code, pointer, message)
        survey = None
        if not findings.fatal:
            survey = marketplace.lower(raw, lowering)
        if survey is not None:
            name = survey.name
        if name in self.surveys:
            findings.info("replaced-survey", "", "the survey comes twice; the later one stands")
        if name is not None:
            self.surveys[name] = None if findings.fatal else survey
        self.diagnostics += [
            replace(finding, file=document.file, at=at) for finding in findings.all
        ]


def recognise(part: Json, given: Marketplace | None) -> Marketplace | None:
    """The marketplace that a document is of: the one given, or the first that knows its shape."""
    if not isinstance(part, dict):
        return None
    known = marketplaces().values()
    return given or next((each for each in known if each.recognises(part)), None)


def named(marketplace: str | None) -> Marketplace | None:
    """The marketplace of that name; raises InputError where there is none."""
    if marketplace is None:
        return None
    known = marketplaces()
    if marketplace not in known:
        hint = did_you_mean(marketplace, list(known)) or f"known: {', '.join(known)}"
        raise InputError(f"no marketplace `{marketplace}`; {hint}")
    return known[marketplace]


def documents(path: str | Path) -> Iterator[Found]:
    """Every JSON document of a payload file, a folder of them, or standard input."""
    if str(path) == STDIN:
        if sys.stdin is None:
            raise InputError("standard input is closed")
        yield from _parse(_read_stream(sys.stdin.buffer), "standard input", lines=None)
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
        yield from _parse(data, str(file), lines=file.suffix.lower() == ".jsonl")


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


def _parse(data: bytes, file: str, *, lines: bool | None) -> Iterator[Found]:
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
