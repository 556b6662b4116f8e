"""Text in the tables and lines that rich prints."""

from __future__ import annotations

from rich.markup import escape

from matcher.reports.text import one_line

NONE = "[dim]-[/dim]"


def shown(text: str) -> str:
    """A name in a table or line of rich's."""
    return escape(one_line(text))
