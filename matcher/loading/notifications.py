"""Reads what changed: surveys as marketplaces send them, their notices, and seats.

Seats have a form of our own: `{"survey": "dynata:13231", "remaining": 5}`, with the ids of a quota
in `quota_ids` (or of a Toluna quota and a subquota in it; without them the survey itself is meant),
`"status": "open"` or `"closed"`, and `at`, when it was so. What is malformed is set aside with its
diagnostic, and the rest is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from matcher.loading.decode import (
    Document,
    PayloadReader,
    document_of,
    is_sound,
    name_of,
    named,
    placed,
    recognise,
)
from matcher.marketplaces import DEFAULT_SIZES, LoweringSizes, Marketplace, marketplaces
from matcher.marketplaces.payload import (
    Id,
    Moment,
    Payload,
    Whole,
    unknown_keys,
)
from matcher.marketplaces.payload import validate as read_as
from matcher.support.json_text import Json, NotJsonError, parse_json, without_surrogates
from matcher.surveys import (
    Diagnostic,
    Findings,
    Level,
    QuotaUpdate,
    Rejected,
    SeatUpdate,
    SurveyUpdate,
    Update,
)
from profiles.errors import did_you_mean
from profiles.schema import PanelMapping, as_code

_NO_KEYS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Changes:
    """What one batch says, in its order. `unread`: how many parts of it are of no one survey."""

    updates: tuple[Update, ...]
    diagnostics: tuple[Diagnostic, ...]
    unread: int

    def __repr__(self) -> str:
        return (
            f"Changes({len(self.updates):,} updates, {len(self.diagnostics):,} diagnostics, "
            f"{self.unread:,} unread)"
        )


def _as_live(raw: Json) -> Json:
    if raw in (None, "open", "closed"):
        return None if raw is None else raw == "open"
    raise PydanticCustomError("status", "must be `open` or `closed`")


class SeatChange(Payload):
    """Seats and status of a survey or of one quota, in our own form."""

    survey: str
    quota_ids: list[Id] | None = None
    remaining: Whole | None = None
    live: Annotated[bool | None, BeforeValidator(_as_live), Field(None, alias="status")]
    at: Moment | None = None


class ChangeReader:
    """Reads batches of changes for one panel mapping; what reads alike is lowered once."""

    def __init__(self, mapping: PanelMapping, sizes: LoweringSizes = DEFAULT_SIZES) -> None:
        self._mapping = mapping
        self._sizes = sizes
        self._readers: dict[str | None, PayloadReader] = {}
        self._reported: set[Diagnostic] = set()

    def read(self, changes: Json | bytes | str, marketplace: str | None = None) -> Changes:
        """One change, a list of them, or an object as files hold it; JSON text or what it holds.

        `marketplace` overrides recognition by shape. Raises InputError where there is none of
        that name.
        """
        given = named(marketplace)
        reader = self._readers.get(marketplace)
        if reader is None:
            reader = self._readers[marketplace] = PayloadReader(self._mapping, given, self._sizes)
        try:
            document = _document(changes)
        except NotJsonError as error:
            return Changes((), (Diagnostic(Level.ERROR, "invalid-json", f"not JSON: {error}"),), 1)
        batch = _Batch(document)
        for at, part in document.parts():
            batch.add(at, part, reader, given)
        new = [notice for notice in reader.notices() if notice not in self._reported]
        self._reported.update(new)
        return Changes(tuple(batch.updates), (*batch.diagnostics, *new), batch.unread)


class _Batch:
    """What has been read of one batch."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.updates: list[Update] = []
        self.diagnostics: list[Diagnostic] = []
        self.unread = 0

    def add(self, at: str, part: Json, reader: PayloadReader, given: Marketplace | None) -> None:
        """Read one element of the batch."""
        notifier = _notifier(part, given)
        if notifier is not None:
            findings = Findings(name_of(notifier, part))
            sound = is_sound(part, "a notice", self._document.suspicious, findings)
            update = notifier.read_notification(part, findings) if sound else None
            self._keep(findings.survey, update, placed(findings, self._document, at))
        elif isinstance(part, dict) and "survey" in part and recognise(part, None) is None:
            findings = Findings(_named_in(part))
            sound = is_sound(part, "a change", self._document.suspicious, findings)
            seats = _read_seats(part, findings) if sound else None
            self._keep(findings.survey, seats, placed(findings, self._document, at))
        else:
            for read in reader.read(part, self._document, at):
                if isinstance(read, Diagnostic):
                    self.diagnostics.append(read)
                    self.unread += read.level is Level.ERROR
                else:
                    survey = None if read.survey is None else SurveyUpdate(read.survey)
                    self._keep(read.name, survey, read.diagnostics)

    def _keep(self, name: str | None, update: Update | None, diagnostics: list[Diagnostic]) -> None:
        self.diagnostics += diagnostics
        if update is not None:
            self.updates.append(update)
        elif name is not None:
            self.updates.append(Rejected(name))
        else:
            self.unread += 1


def _document(changes: Json | bytes | str) -> Document:
    """The batch, and whether there may be in it what no marketplace means to send.

    Raises NotJsonError where text is not JSON.
    """
    if isinstance(changes, str):
        changes = changes.encode("utf-8", "surrogatepass")
    if isinstance(changes, bytes | bytearray | memoryview):
        return Document(*parse_json(bytes(changes)))
    return document_of(changes)


def _notifier(part: Json, given: Marketplace | None) -> Marketplace | None:
    """The marketplace of which a part is a notice."""
    if not isinstance(part, dict):
        return None
    known: Iterator[Marketplace] = iter((given,) if given else marketplaces().values())
    return next((found for found in known if found.is_notification(part)), None)


def _named_in(part: dict[str, Json]) -> str | None:
    """The name of the survey whose seats change, where it is the name of one."""
    name = part["survey"]
    if not isinstance(name, str):
        return None
    marketplace, _, id_ = name.partition(":")
    if marketplace not in marketplaces() or not id_.strip():
        return None
    return f"{marketplace}:{as_code(without_surrogates(id_))}"


def _read_seats(raw: dict[str, Json], findings: Findings) -> QuotaUpdate | SeatUpdate | None:
    change = read_as(SeatChange, raw, findings)
    if change is None:
        return None
    unknown_keys(change, _NO_KEYS, "", findings)
    name = findings.survey
    if name is None:
        known = list(marketplaces())
        findings.error(
            "invalid-payload",
            "/survey",
            f"`{change.survey}` is not the name of a survey",
            did_you_mean(change.survey.partition(":")[0], known) or f"such as `{known[0]}:13231`",
        )
        return None
    if change.remaining is None and change.live is None:
        findings.error("invalid-payload", "", "neither `remaining` nor `status` is given")
        return None
    remaining = None if change.remaining is None else max(change.remaining, 0)
    if not change.quota_ids:
        return SeatUpdate(name, change.live, remaining, change.at)
    marketplace, _, id_ = name.partition(":")
    quota_ids = tuple(map(as_code, change.quota_ids))
    return QuotaUpdate(marketplace, id_, quota_ids, change.live, remaining, change.at)
