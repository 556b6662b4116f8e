"""Collections that marketplaces publish beside their surveys: value lists and lists of ids.

This knows the folder, its files and what has been read of them; what a file looks like, the
marketplace knows. A collection that has not been downloaded, or is still being made by the
marketplace, is None here, never an empty list: nothing is known of it. So is one whose file holds
something else than a collection, such as the body of an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

from profiles.errors import InputError, system_reason

_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class IdList:
    """Respondent ids. Of one that is not `complete` only who is on it is known.

    `expires` has the moment (seconds since 1970) after which an id is no longer on it.
    """

    ids: frozenset[str]
    complete: bool = True
    expires: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"IdList({len(self.ids):,} ids{'' if self.complete else ', more not known'})"

    def at(self, moment: float) -> frozenset[str]:
        """The ids that are on it at a moment."""
        return self.ids - {id_ for id_, until in self.expires.items() if until < moment}

    def holds(self, respondent_id: str, moment: float) -> bool:
        """Whether an id is on it at a moment."""
        return respondent_id in self.ids and self.expires.get(respondent_id, moment) >= moment


Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Collections:
    """The folder of downloaded collections; `folder` None: nothing has been downloaded.

    A collection is named `<marketplace>/<kind>/<id>`, and its file likewise, with a suffix.

    >>> Collections(Path("lists")).path("dynata/invite/621079", ".csv") is None  # not downloaded
    True
    """

    folder: Path | None = None
    _values: dict[str, tuple[str, ...] | None] = field(
        default_factory=dict, repr=False, compare=False
    )
    _ids: dict[str, IdList | None] = field(default_factory=dict, repr=False, compare=False)
    _faults: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"Collections({self.folder})"

    def values(self, name: str, read: ValuesReader) -> tuple[str, ...] | None:
        """The values of a collection, in file order, read once."""
        if name not in self._values:
            self._values[name] = self._read(name, read)
        return self._values[name]

    def ids(self, name: str, read: IdListReader) -> IdList | None:
        """The respondent ids of a list, read once."""
        if name not in self._ids:
            self._ids[name] = self._read(name, read)
        return self._ids[name]

    def fault(self, name: str) -> str | None:
        """Why a collection that was asked for counts as not downloaded, though its file is there.

        None: it has been read, or there is no file.
        """
        return self._faults.get(name)

    def _read(self, name: str, read: Callable[[Collections, str], Read | None]) -> Read | None:
        try:
            return read(self, name)
        except InputError as error:
            self._faults[name] = str(error)
            return None

    def path(self, name: str, suffix: str) -> Path | None:
        """The downloaded file of a collection; None where there is none.

        An id that would lead out of its folder has none.
        """
        if self.folder is None or name.count("/") != 2 or ".." in name or "\0" in name:
            return None
        path = self.folder / (name + suffix)
        if len(path.name.encode("utf-8", "replace")) > _LONGEST_NAME:
            return None
        try:
            return path if path.is_file() else None
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {system_reason(error)}") from None

    def text(self, name: str, suffix: str) -> str | None:
        """What the file of a collection holds; InputError where it cannot be read."""
        path = self.path(name, suffix)
        if path is None:
            return None
        try:
            return path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not UTF-8 text at byte {error.start + 1}") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {system_reason(error)}") from None


ValuesReader: TypeAlias = Callable[[Collections, str], tuple[str, ...] | None]
"""Reads the collection of values of a name; None: not downloaded; InputError: not a collection."""

IdListReader: TypeAlias = Callable[[Collections, str], IdList | None]
"""Reads the list of ids of a name; None: not downloaded; InputError: not a list of ids."""
