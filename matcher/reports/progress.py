"""A bar on a terminal while members are matched."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_PATIENCE = 1.0


class ProgressBar:
    """A bar on a terminal, shown only once the work has taken a moment."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._shown = not quiet and console.is_terminal
        self._began = time.monotonic()
        self._bar: Progress | None = None
        self._task: Any = None

    def __call__(self, members: int, total: int | None) -> None:
        """Show how many members are done, of how many where that is known."""
        if not self._shown or time.monotonic() - self._began < _PATIENCE:
            return
        if self._bar is None:
            self._bar = Progress(
                TextColumn("matching members"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=total)
        self._bar.update(self._task, completed=members)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
