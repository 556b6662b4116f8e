"""What looking through a panel finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class PanelFinding:
    """One finding; `place` is a file with its row or column, or a key of the panel file.

    An error keeps the panel from being read. The message is one line, lower case, without a full
    stop; `hint` says what to do, where that is known.
    """

    code: str
    level: Level
    place: str
    message: str
    hint: str = ""
