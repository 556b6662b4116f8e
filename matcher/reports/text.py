"""Text for people: one line, whatever is in it. Light."""

from __future__ import annotations

LONGEST_LINE = 1000


def one_line(text: str) -> str:
    """The text on one line, with what a terminal could interpret escaped; a long one is cut."""
    if len(text) > LONGEST_LINE:
        text = f"{text[: LONGEST_LINE * 3 // 4]} … {text[-LONGEST_LINE // 4 :]}"
    if text.isprintable():
        return text
    shown = (char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return "".join(shown)


def shorten(quota_id: str) -> str:
    """A quota id short enough to read; some are long hashes."""
    return quota_id if len(quota_id) <= 24 else f"{quota_id[:12]}…{quota_id[-4:]}"
