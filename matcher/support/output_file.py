"""Files that commands write: refused early where they cannot be, whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from profiles.errors import InputError, system_reason


def check_output(path: Path, suffix: str) -> Path:
    """A path that may be written to; raises InputError where it ends otherwise, or cannot be."""
    if path.suffix.lower() != suffix:
        raise InputError(f"{path}: the output must be a {suffix} file")
    try:
        if path.is_dir():
            raise InputError(f"{path}: cannot be written: it is a folder")
        if not path.parent.is_dir():
            raise InputError(f"{path}: no such folder `{path.parent}`")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {system_reason(error)}") from None
    return path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Another path to write to, which takes the file's place at the end, or leaves nothing behind.

    Raises InputError where it cannot be written.
    """
    unfinished = path.with_name(f".{path.stem[:40]}.{secrets.token_hex(4)}.part")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {system_reason(error)}") from None
    finally:
        with suppress(OSError):
            unfinished.unlink()
