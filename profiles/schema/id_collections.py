"""Collections that marketplaces publish beside their surveys: value lists and lists of ids.

A collection that has not been downloaded, or is still being made by the marketplace, is None
here, never an empty list: nothing is known of it.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path

import orjson

from profiles.errors import InputError, system_reason
from profiles.schema.values import UnreadableError, as_code

_EMPTY = "EMPTY_PAYLOAD"
_PROCESSING = "PROCESSING"
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class IdList:
    """Respondent ids. Of one that is not `complete` only who is on it is known."""

    ids: frozenset[str]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Collections:
    """The folder of downloaded collections; `folder` None: nothing has been downloaded.

    Layout: `<marketplace>/<kind>/<id>.txt` (one value a line), `.csv` (with `respondent_id` and
    `expiration` columns) or `.json` (Toluna's recontact answer or a list of its pages).
    """

    folder: Path | None = None
    _values: dict[str, tuple[str, ...] | None] = field(
        default_factory=dict, repr=False, compare=False
    )
    _ids: dict[tuple[str, date], IdList | None] = field(
        default_factory=dict, repr=False, compare=False
    )

    def values(self, name: str) -> tuple[str, ...] | None:
        """The values of a collection such as `dynata/collection/2169971`, in file order."""
        if name not in self._values:
            text = self._read(name, ".txt")
            lines = None if text is None else [line.strip() for line in text.splitlines()]
            self._values[name] = None if lines is None else tuple(line for line in lines if line)
        return self._values[name]

    def ids(self, name: str, as_of: date) -> IdList | None:
        """The respondent ids on a list such as `dynata/invite/621079`, unexpired on the day."""
        key = (name, as_of)
        if key not in self._ids:
            if (text := self._read(name, ".csv")) is not None:
                self._ids[key] = IdList(self._invited(name, text, as_of))
            elif (text := self._read(name, ".json")) is not None:
                self._ids[key] = self._recontacts(name, text)
            else:
                self._ids[key] = None
        return self._ids[key]

    def has(self, name: str) -> bool:
        """Whether a list of ids has been downloaded (and is no longer being made)."""
        for suffix in (".csv", ".json"):
            path = self._path(name, suffix)
            if path is not None and path.is_file():
                return (
                    path.stat().st_size > len(_PROCESSING) + 8
                    or self._read(name, suffix) is not None
                )
        return False

    def _read(self, name: str, suffix: str) -> str | None:
        path = self._path(name, suffix)
        if path is None or not path.is_file():
            return None
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not UTF-8 text at byte {error.start + 1}") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {system_reason(error)}") from None
        status = text.strip() if len(text) < 100 else ""
        return None if status == _PROCESSING else "" if status == _EMPTY else text

    def _path(self, name: str, suffix: str) -> Path | None:
        """The file of a collection; an id that would lead out of its folder has none."""
        if self.folder is None or name.count("/") != 2 or ".." in name or "\0" in name:
            return None
        path = self.folder / (name + suffix)
        return path if len(path.name.encode("utf-8", "replace")) <= _LONGEST_NAME else None

    def _invited(self, name: str, text: str, as_of: date) -> frozenset[str]:
        rows = csv.DictReader(io.StringIO(text))
        if text.strip() and "respondent_id" not in (rows.fieldnames or ()):
            raise InputError(f"{self._path(name, '.csv')}: no column `respondent_id`")
        start_of_day = datetime.combine(as_of, time(), UTC)
        try:
            return frozenset(
                row["respondent_id"].strip()
                for row in rows
                if row["respondent_id"] and not self._expired(name, row, start_of_day)
            )
        except csv.Error as error:
            raise InputError(f"{self._path(name, '.csv')}: cannot be read: {error}") from None

    def _expired(self, name: str, row: dict[str, str], start_of_day: datetime) -> bool:
        written = (row.get("expiration") or "").strip()
        if not written:
            return False
        try:
            expiration = datetime.fromisoformat(written)
        except ValueError:
            path = self._path(name, ".csv")
            raise InputError(f"{path}: expiration `{written}` is not a date and time") from None
        if expiration.tzinfo is None:
            expiration = expiration.replace(tzinfo=UTC)
        return expiration < start_of_day

    def _recontacts(self, name: str, text: str) -> IdList:
        path = self._path(name, ".json")
        try:
            pages = orjson.loads(text) if text else []
        except orjson.JSONDecodeError as error:
            raise InputError(f"{path}: not JSON: {error}") from None
        members: set[str] = set()
        more = False
        for page in pages if isinstance(pages, list) else [pages]:
            codes = page.get("MemberCodes") if isinstance(page, dict) else None
            if not isinstance(codes, list):
                raise InputError(f"{path}: no list `MemberCodes`")
            try:
                members.update(as_code(code) for code in codes)
            except UnreadableError:
                raise InputError(f"{path}: `MemberCodes` must hold texts or numbers") from None
            more = page.get("HasAdditionalMembers") is True
        return IdList(frozenset(members), complete=not more)
