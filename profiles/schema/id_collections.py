"""Collections that marketplaces publish beside their surveys: value lists and lists of ids.

The folder, its files and what has been read of them stand here; what a file looks like, the
marketplace knows. A collection that has not been downloaded, or is still being made by the
marketplace, is None here, never an empty list: nothing is known of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeAlias

from profiles.errors import InputError, system_reason

_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class IdList:
    """Respondent ids. Of one that is not `complete` only who is on it is known."""

    ids: frozenset[str]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Collections:
    """The folder of downloaded collections; `folder` None: nothing has been downloaded.

    A collection is named `<marketplace>/<kind>/<id>`, and its file likewise, with a suffix.
    """

    folder: Path | None = None
    _values: dict[str, tuple[str, ...] | None] = field(
        default_factory=dict, repr=False, compare=False
    )
    _ids: dict[tuple[str, date], IdList | None] = field(
        default_factory=dict, repr=False, compare=False
    )

    def values(self, name: str, read: ValuesReader) -> tuple[str, ...] | None:
        """The values of a collection, in file order, read once."""
        if name not in self._values:
            self._values[name] = read(self, name)
        return self._values[name]

    def ids(self, name: str, as_of: date, read: IdListReader) -> IdList | None:
        """The respondent ids that are on a list on a day, read once."""
        key = (name, as_of)
        if key not in self._ids:
            self._ids[key] = read(self, name, as_of)
        return self._ids[key]

    def path(self, name: str, suffix: str) -> Path | None:
        """The downloaded file of a collection; None where there is none.

        An id that would lead out of its folder has none.
        """
        if self.folder is None or name.count("/") != 2 or ".." in name or "\0" in name:
            return None
        path = self.folder / (name + suffix)
        fits = len(path.name.encode("utf-8", "replace")) <= _LONGEST_NAME
        return path if fits and path.is_file() else None

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
"""Reads the collection of values of a name; None: not downloaded."""

IdListReader: TypeAlias = Callable[[Collections, str, date], IdList | None]
"""Reads the list of ids of a name, as it is on a day; None: not downloaded."""
