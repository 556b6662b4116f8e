"""Writes an index again and again, killed at the first file operation, at the second, and so on.

`python -m tests.killed FOLDER build|update`: FOLDER holds `index`, the panel file `new.toml`, and
`changes.parquet` and `gone.parquet` for updates. What the n-th process leaves stands in `FOLDER/n`;
the last one was not killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from profiles.panel import open_panel
from profiles.sources import open_source

SHARD_MEMBERS = 128
_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir"}


def write(folder: Path, index: Path, how: str) -> None:
    """Build the index anew, or update it."""
    panel = open_panel(folder / "new.toml")
    if how == "build":
        panel.write_index(index, shard_members=SHARD_MEMBERS)
        return
    changes, gone = (open_source(folder / f"{name}.parquet") for name in ("changes", "gone"))
    panel.update_index(index, changes, gone, shard_members=SHARD_MEMBERS)


def _kill_at(number: int, index: Path) -> None:
    """Kill this process when it comes to its n-th operation on files in the folder."""
    done, sync = 0, os.fsync

    def count() -> None:
        nonlocal done
        done += 1
        if done == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _EVENTS and str(arguments[0]).startswith(str(index)):
            count()

    def counted_sync(fd: Any) -> None:
        count()
        sync(fd)

    sys.addaudithook(hook)
    os.fsync = counted_sync


def _run(folder: Path, how: str) -> None:
    number, killed = 0, True
    while killed:
        number += 1
        index = folder / str(number)
        shutil.copytree(folder / "index", index)
        child = os.fork()
        if not child:
            _kill_at(number, index)
            write(folder, index, how)
            os._exit(0)
        killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    _run(Path(sys.argv[1]), sys.argv[2])
