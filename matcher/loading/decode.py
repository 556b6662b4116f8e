"""From one parsed document to surveys: recognising the marketplace, finding surveys, lowering them.

Files (`matcher.loading.files`) and changes (`matcher.loading.notifications`) are read by the same
reader, so that a survey means the same wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import orjson
from pydantic_core import PydanticSerializationError, to_json

from matcher.marketplaces import (
    DEFAULT_SIZES,
    Lowering,
    LoweringSizes,
    Marketplace,
    marketplace_faults,
    marketplaces,
)
from matcher.support.json_text import Json, RepeatedKeys, escape, faults, without_surrogates
from matcher.surveys import Diagnostic, Findings, Level, Survey
from profiles.errors import InputError, did_you_mean
from profiles.schema import PanelMapping


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON document, and where it is: `at` is empty, or a line of JSON lines.

    `suspicious`: `matcher.support.json_text.faults` may find something in it.
    """

    value: Json = field(repr=False)
    suspicious: bool
    file: str = ""
    at: str = ""

    def parts(self) -> Iterator[tuple[str, Json]]:
        """The elements of an array, or the document itself, each with its JSON pointer."""
        if isinstance(self.value, list):
            for number, part in enumerate(self.value):
                yield f"/{number}", part
        else:
            yield "", self.value

    def place(self, pointer: str) -> str:
        """Where something in the document is in its file."""
        return " ".join(filter(None, (self.at, pointer)))


@dataclass(frozen=True, slots=True)
class Lowered:
    """What one survey object became: a survey, or None where it is set aside.

    `name` is None where not even that can be read; `at` is the object's place in its file.
    """

    name: str | None
    survey: Survey | None
    diagnostics: list[Diagnostic]
    at: str


def document_of(value: Json, file: str = "") -> Document:
    """A document that is parsed already; what no marketplace means to send may be in it."""
    try:
        orjson.dumps(value)
        written = to_json(value)
    except (TypeError, PydanticSerializationError, ValueError, RecursionError):
        return Document(value, suspicious=True, file=file)
    return Document(value, b"NaN" in written or b"Infinity" in written, file)


class PayloadReader:
    """Reads the parts of documents one after the other, for one panel mapping.

    `marketplace`, if not None, overrides recognition by shape.
    """

    def __init__(
        self,
        mapping: PanelMapping,
        marketplace: Marketplace | None,
        sizes: LoweringSizes = DEFAULT_SIZES,
    ) -> None:
        self._mapping = mapping
        self._sizes = sizes
        self._marketplace = marketplace
        self._lowerings: dict[str, Lowering] = {}

    def read(self, part: Json, document: Document, at: str) -> Iterator[Lowered | Diagnostic]:
        """What became of every survey in a part; a diagnostic alone is of no one survey."""
        marketplace = recognise(part, self._marketplace)
        if marketplace is None:
            known = isinstance(part, dict)
            yield Diagnostic(
                Level.ERROR,
                "unrecognised-payload",
                "not the payload of a known marketplace" if known else "a survey must be an object",
                hint="--marketplace names it" if known else "",
                file=document.file,
                at=document.place(at),
            )
            return
        found = list(marketplace.survey_objects(part))
        if isinstance(part, RepeatedKeys) and all(raw is not part for _, raw in found):
            yield from _repeated(part, document, at)
        for pointer, raw in found:
            yield self._lower(marketplace, raw, document, at + pointer)

    def notices(self) -> list[Diagnostic]:
        """What is reported once, however many surveys it concerns; the gravest of each sort."""
        unique: dict[str, Diagnostic] = {}
        for lowering in self._lowerings.values():
            for notice in lowering.notices.values():
                key = notice.code + notice.message.partition(" (")[0]
                if key not in unique or notice.level > unique[key].level:
                    unique[key] = notice
        return [*unique.values(), *marketplace_faults()]

    def _lower(
        self, marketplace: Marketplace, raw: Json, document: Document, pointer: str
    ) -> Lowered:
        lowering = self._lowerings.get(marketplace.name)
        if lowering is None:
            lowering = Lowering(marketplace.name, self._mapping, self._sizes)
            self._lowerings[marketplace.name] = lowering
        name = name_of(marketplace, raw)
        findings = lowering.start(name)
        survey = None
        if is_sound(raw, "a survey", document.suspicious, findings):
            survey = marketplace.lower(raw, lowering)
        if survey is not None:
            name = survey.name
        return Lowered(
            name,
            None if findings.fatal else survey,
            placed(findings, document, pointer),
            document.place(pointer),
        )


def name_of(marketplace: Marketplace, raw: Json) -> str | None:
    """How users name the survey that an object is about; None where it cannot be read."""
    id_ = marketplace.name_of(raw) if isinstance(raw, dict) else None
    return None if id_ is None else f"{marketplace.name}:{without_surrogates(id_)}"


def is_sound(raw: Json, what: str, suspicious: bool, findings: Findings) -> bool:
    """Whether `raw` is an object without what no marketplace means to send; findings, if not."""
    if not isinstance(raw, dict):
        findings.error("invalid-payload", "", f"{what} must be an object")
    elif suspicious:
        for code, pointer, message in faults(raw):
            findings.error(code, pointer, message)
    return not findings.fatal


def placed(findings: Findings, document: Document, pointer: str) -> list[Diagnostic]:
    """The findings with the place of the object that they are about."""
    at = document.place(pointer)
    return [replace(finding, file=document.file, at=at) for finding in findings.all]


def recognise(part: Json, given: Marketplace | None) -> Marketplace | None:
    """The marketplace that a document is of: the one given, or the first that knows its shape."""
    if not isinstance(part, dict):
        return None
    known = marketplaces().values()
    return given or next((found for found in known if found.recognises(part)), None)


def named(marketplace: str | None) -> Marketplace | None:
    """The marketplace of that name; raises InputError where there is none."""
    if marketplace is None:
        return None
    known = marketplaces()
    found = known.get(str(marketplace))
    if found is None:
        hint = did_you_mean(str(marketplace), list(known)) or f"known: {', '.join(known)}"
        raise InputError(f"no marketplace `{marketplace}`; {hint}")
    return found


def _repeated(part: RepeatedKeys, document: Document, at: str) -> Iterator[Diagnostic]:
    for key in part.repeated:
        yield Diagnostic(
            Level.WARNING,
            "repeated-key",
            f"the key `{key}` appears twice; the later one counts",
            pointer=f"/{escape(key)}",
            file=document.file,
            at=document.place(at),
        )
