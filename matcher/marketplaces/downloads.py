"""Collections as they are downloaded: what a file holds in place of the collection itself."""

from __future__ import annotations

from profiles.schema import Collections

_EMPTY = "EMPTY_PAYLOAD"
_BEING_MADE = "PROCESSING"
_LONGEST_STATUS = 100
_LARGER_THAN_STATUS = len(_BEING_MADE) + 8


def downloaded(collections: Collections, name: str, suffix: str) -> str | None:
    """What the file of a collection holds; None: not downloaded, or still being made."""
    text = collections.text(name, suffix)
    if text is None or len(text) >= _LONGEST_STATUS:
        return text
    status = text.strip()
    return None if status == _BEING_MADE else "" if status == _EMPTY else text


def is_downloaded(collections: Collections, name: str, suffix: str) -> bool:
    """Whether `downloaded` gives something; a large file is not read for it."""
    path = collections.path(name, suffix)
    if path is not None and path.stat().st_size > _LARGER_THAN_STATUS:
        return True
    return downloaded(collections, name, suffix) is not None
