"""The one error that bad input raises: a single line that a user can act on."""

from __future__ import annotations

import os
from difflib import get_close_matches


class InputError(Exception):
    """Input that the work cannot go on without is missing, unreadable or contradictory.

    The message is one line, lower case, names the place (file, row, key) and quotes user input
    in backticks.
    """


def system_reason(error: OSError | ValueError) -> str:
    """Why a file could not be opened, read or written, in the operating system's words."""
    number = getattr(error, "errno", None)
    return os.strerror(number).lower() if number else " ".join(str(error).split()).lower()


def did_you_mean(wrong: str, known: list[str] | tuple[str, ...]) -> str:
    """A hint for a misspelt name, or the empty text when nothing known is close."""
    close = [name for name in known if name.casefold() == wrong.casefold()]
    close = close or get_close_matches(wrong, known, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else ""
