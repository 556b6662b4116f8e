"""What looking through a panel finds, and how much a finding matters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How much a finding matters: an error keeps a panel from being read, or rejects a survey."""

    INFO = 0
    WARNING = 1
    ERROR = 2


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
