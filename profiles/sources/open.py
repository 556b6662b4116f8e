"""Opens what a location names: a file, a folder of files, or a database. The only way in."""

from __future__ import annotations

from pathlib import Path

from profiles.errors import InputError, system_reason
from profiles.schema import Location
from profiles.sources.files import SUFFIXES, FileSource
from profiles.sources.source import Source


def open_location(location: Location, base: Path, member_id: str | None = None) -> Source:
    """Find what a location names; relative paths start from `base`.

    `member_id`: the column by which messages call the rows of a database.
    """
    if location.scheme is None:
        return open_source(base / location.source)
    from profiles.sources.database import open_database

    return open_database(location, base, member_id)


def open_source(path: Path) -> FileSource:
    """Find the file or folder of files; raises InputError where there is nothing to read."""
    try:
        if path.is_dir():
            return FileSource(_files(path))
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {system_reason(error)}") from None
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: not a .parquet, .csv or .arrow file")
    return FileSource((path,))


def _files(folder: Path) -> tuple[Path, ...]:
    """The files of a folder; names that begin with a dot or an underscore are not data."""
    files = tuple(
        sorted(
            file
            for file in folder.iterdir()
            if file.suffix.lower() in SUFFIXES and file.name[0] not in "._" and not file.is_dir()
        )
    )
    if not files:
        raise InputError(f"{folder}: no .parquet, .csv or .arrow file in the folder")
    return files
