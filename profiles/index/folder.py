"""The folder of an index while it is written to: by one process at a time, leaving nothing behind.

What the manifest does not name is left over from a writer that was killed, and goes with the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from profiles.errors import InputError, system_reason
from profiles.index.manifest import (
    MANIFEST,
    UNFINISHED,
    read_format,
    read_manifest,
)

_LOCK = ".lock"
_SHARD = re.compile(r"shard-[0-9a-f]{16}\.bin\Z")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder, made where it is not there, for this process alone to write to.

    Where the work fails, what it has written is deleted.
    """
    try:
        made = not folder.is_dir()
        if not made:
            _check_ours(folder)
        folder.mkdir(exist_ok=True)
        with FileLock(folder / _LOCK, timeout=0):
            before = {file.name for file in folder.iterdir()}
            try:
                yield
            except BaseException:
                sweep(folder, _named(folder) or before)
                if made and not (folder / MANIFEST).is_file():
                    _remove(folder)
                raise
    except Timeout:
        raise InputError(f"{folder}: another process is writing the index") from None
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {system_reason(error)}") from None


def _remove(folder: Path) -> None:
    """Remove a folder that holds nothing but the lock, where the system lets go of a held one."""
    with suppress(OSError):
        (folder / _LOCK).unlink()
        folder.rmdir()


def _check_ours(folder: Path) -> None:
    """Refuse a folder that holds something else, which an index would mix with or replace."""
    if (folder / MANIFEST).is_file():
        read_format(folder)
    elif any(file.name != _LOCK and not _ours(file) for file in folder.iterdir()):
        raise InputError(f"{folder}: holds other files, and no index")


def _ours(file: Path) -> bool:
    name = file.name
    return bool(_SHARD.match(name)) or name == UNFINISHED


def _named(folder: Path) -> set[str]:
    """The files of the shards in the index that is there; none where there is no whole one."""
    try:
        return {shard["file"] for shard in read_manifest(folder)["shards"]}
    except InputError:
        return set()


def sweep(folder: Path, named: set[str]) -> None:
    """Delete the files of shards that are not named, and an unfinished manifest."""
    for file in folder.iterdir():
        if _ours(file) and file.name not in named:
            file.unlink()
