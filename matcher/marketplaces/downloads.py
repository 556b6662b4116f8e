"""Collections as they are downloaded: a file holds the collection, a status, or something else.

What is no collection (the body of an error, a page, half of a list) raises InputError, with which
`Collections` takes it as not downloaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import orjson

from matcher.support.json_text import Json
from profiles.errors import InputError
from profiles.schema import Collections, as_code

_EMPTY = "EMPTY_PAYLOAD"
_BEING_MADE = "PROCESSING"
_LONGEST_STATUS = 100
_MARKUP = re.compile(r"^[ \t]*<[!?/a-z]", re.ASCII | re.IGNORECASE | re.MULTILINE)
_NO_VALUE = re.compile(r"^[ \t]*[\[{]", re.MULTILINE)
_HTTP_ERROR = re.compile(
    rf"(?:http\S* )?(?:error )?(?:[45]\d\d )?"
    rf"(?:{'|'.join(re.escape(each.phrase) for each in HTTPStatus if each >= 400)})\.?\Z",
    re.ASCII | re.IGNORECASE,
)


def downloaded(collections: Collections, name: str, suffix: str) -> tuple[str, Path] | None:
    """What the file of a collection holds; None: not downloaded, or still being made."""
    path = collections.path(name, suffix)
    text = collections.text(name, suffix)
    if path is None or text is None:
        return None
    if len(text) < _LONGEST_STATUS:
        status = text.strip()
        if status == _BEING_MADE:
            return None
        if status == _EMPTY:
            return "", path
        if _HTTP_ERROR.match(status) or status == "null":
            raise InputError(f"{path}: holds `{status}`")
    if _MARKUP.search(text):
        raise InputError(f"{path}: holds HTML or XML")
    if "\0" in text:
        raise InputError(f"{path}: not text")
    return text, path


def json_list(text: str, path: Path) -> list[Json] | None:
    """The elements of a JSON list; None: the text is no JSON."""
    if not text.lstrip().startswith(("[", "{")):
        return None
    found = read_json(text, path)
    if not isinstance(found, list):
        raise InputError(f"{path}: holds a JSON object, as errors are answered, and no list")
    return found


def read_json(text: str, path: Path) -> Json:
    """What a text is as JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path}: JSON that cannot be read: {error}") from None


def listed_codes(elements: list[Json], key: str, path: Path) -> Iterator[str]:
    """The codes in a list of values, or of objects that have them by a key."""
    for number, element in enumerate(elements):
        raw = element.get(key) if isinstance(element, dict) else element
        if not isinstance(raw, str | int | float) or isinstance(raw, bool):
            raise InputError(
                f"{path}: element {number} is neither a text or number nor an object with `{key}`"
            )
        yield as_code(raw)


def lines_of(text: str, path: Path) -> Iterator[str]:
    """The values in a text that has one a line."""
    if _NO_VALUE.search(text):
        raise InputError(f"{path}: holds JSON after the first line")
    return (line.strip() for line in text.splitlines())
