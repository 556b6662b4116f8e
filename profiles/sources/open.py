"""Opens what a location names: a file, a folder of files, or a database. The only way in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from profiles.errors import InputError, system_reason
from profiles.schema import PLAIN_CSV, CsvFormat, Location
from profiles.sources.files import FileSource, format_of
from profiles.sources.source import Source

_KEYED = re.compile(r"[^=]+=")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def open_location(location: Location, base: Path, member_id: str | None = None) -> Source:
    """Find what a location names; relative paths start from `base`.

    `member_id`: the column by which messages call the rows of a database.
    """
    if location.scheme is None:
        return open_source(base / location.source, location.csv)
    from profiles.sources.database import open_database

    return open_database(location, base, member_id)


def open_source(path: Path, csv: CsvFormat = PLAIN_CSV) -> FileSource:
    """Find the file or folder of files; raises InputError where there is nothing to read."""
    try:
        if path.is_dir():
            files = _files(path)
            return FileSource(files, csv, _partitions(path, files))
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {system_reason(error)}") from None
    if format_of(path) is None:
        raise InputError(f"{path}: not a .parquet, .csv or .arrow file")
    return FileSource((path,), csv)


def _files(folder: Path) -> tuple[Path, ...]:
    """The files of a folder, or of its folders that are named `key=value`."""
    there = [path for path in sorted(folder.iterdir()) if path.name[0] not in "._"]
    files = tuple(path for path in there if format_of(path) and not path.is_dir())
    folders = [path for path in there if path.is_dir()]
    keyed = [path for path in folders if _KEYED.match(path.name)]
    if keyed and files:
        raise InputError(
            f"{folder}: files lie in the folder itself and in folders such as `{keyed[0].name}`"
        )
    if keyed:
        files = tuple(file for part in keyed for file in _files(part))
    if not files:
        inside = f"; it has the folder `{folders[0].name}`" if folders else ""
        raise InputError(f"{folder}: no .parquet, .csv or .arrow file in the folder{inside}")
    return files


def _partitions(folder: Path, files: tuple[Path, ...]) -> tuple[Mapping[str, str | None], ...]:
    """What the names of the folders say of each file: of all the same keys."""
    partitions: list[dict[str, str | None]] = []
    for file in files:
        keys: dict[str, str | None] = {}
        for name in file.relative_to(folder).parts[:-1]:
            key, _, value = name.partition("=")
            keys[unquote(key)] = None if value == _NO_VALUE else unquote(value)
        partitions.append(keys)
        if list(keys) != list(partitions[0]):
            raise InputError(
                f"{file}: lies in folders of `{', '.join(keys)}`, but the first file in folders of "
                f"`{', '.join(partitions[0])}`"
            )
    return tuple(partitions) if partitions[0] else ()
