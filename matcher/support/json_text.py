"""Reads JSON as marketplaces send it, and misses nothing that a fast parser would pass over.

orjson is fast, but lets the last of two equal keys win and rounds integers past 64 bits. Where
what it read does not write back to the same bytes but for white space, or at least to as many
structural bytes as stood there, or it refuses the input, the standard library reads once more,
slowly, keeping every repeated key, NaN, long integer and lone surrogate, so that just the survey it
stands in can be set aside.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import orjson

Json: TypeAlias = Any
"""What a JSON text holds: objects, lists, texts, numbers, true, false and null."""

_BLOCK = 1 << 20
_SPACE = b" \t\r\n"
_DEEPEST = 250
_LARGEST = 10**300
_MOST_DIGITS = 4000
_WORDS = {
    "Extra data": "more after the end of the document",
    "Unterminated string starting at": "a text that never ends",
    "Expecting value": "a value is expected here",
    "Expecting property name enclosed in double quotes": "a key in double quotes is expected here",
    "Expecting ':' delimiter": "`:` is expected here",
    "Expecting ',' delimiter": "`,` is expected here",
    "Illegal trailing comma before end of object": "a comma before the end of an object",
    "Illegal trailing comma before end of array": "a comma before the end of an array",
    "Invalid control character at": "a control character in a text",
}


class NotJsonError(ValueError):
    """The bytes are not JSON; the message says where and why, in one line.

    `line` and `column` count from 1; both are 0 where the fault has no one place.
    """

    def __init__(self, why: str, line: int = 0, column: int = 0) -> None:
        place = f"line {line}, column {column}: " if line else ""
        super().__init__(place + why)
        self.why = why
        self.line = line
        self.column = column


class RepeatedKeys(dict[str, Json]):
    """An object in which keys stood more than once: `repeated` lists them."""

    repeated: tuple[str, ...] = ()


def parse_json(data: bytes) -> tuple[Json, bool]:
    """One JSON document, and whether `faults` may find something in it.

    Raises NotJsonError where it is none, or nested too deeply to read.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return _parse_slowly(data), True
    try:
        written = orjson.dumps(document)
    except TypeError:  # nested more deeply than orjson writes
        return _parse_slowly(data), True
    if not _differ_in_space_only(written, data) and _structure(written) != _structure(data):
        return _parse_slowly(data), True
    return document, False


def _differ_in_space_only(one: bytes, other: bytes) -> bool:
    """Whether two documents are the same but for white space; large ones are not looked at."""
    small = len(other) <= _BLOCK
    return small and one.translate(None, _SPACE) == other.translate(None, _SPACE)


def _structure(data: bytes) -> int:
    """How many bytes stand outside strings, white space left out."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    text = np.frombuffer(data, np.uint8)
    total = 0
    inside = np.uint8(0)
    for start in range(0, len(text), _BLOCK):
        block = text[start : start + _BLOCK]
        quotes = block == ord('"')
        within = np.bitwise_xor.accumulate(quotes.view(np.uint8))
        within ^= inside
        inside = within[-1]
        total += int(np.count_nonzero((within == 0) & (block > ord(" ")) & ~quotes))
    return total


def _parse_slowly(data: bytes) -> Json:
    if not data.strip():
        raise NotJsonError("empty")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJsonError(_not_utf8(data, error.start)) from None
    if "\0" in text[:4]:
        raise NotJsonError(_not_utf8(data, text.index("\0")))
    try:
        return json.loads(text, object_pairs_hook=_keep_repeated, parse_int=_read_integer)
    except json.JSONDecodeError as error:
        why = _WORDS.get(error.msg, error.msg[0].lower() + error.msg[1:].removesuffix(" at"))
        if error.pos >= len(text.rstrip()):
            why = "cut off"
        raise NotJsonError(why, error.lineno, error.colno) from None
    except RecursionError:
        raise NotJsonError("nested too deeply") from None


def _not_utf8(data: bytes, at: int) -> str:
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]
    return "UTF-16 text; it must be UTF-8" if utf16 else f"not UTF-8 text at byte {at + 1}"


def _read_integer(digits: str) -> int | float:
    """The integer, or infinity, which `faults` reports, for one longer than Python reads."""
    return int(digits) if len(digits) <= _MOST_DIGITS else math.inf


def _keep_repeated(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    marked = RepeatedKeys(plain)
    times = Counter(name for name, _ in pairs)
    marked.repeated = tuple(name for name, count in times.items() if count > 1)
    return marked


def faults(value: Json, pointer: str = "", depth: int = 0) -> Iterator[tuple[str, str, str]]:
    """What no marketplace means to send: (code, JSON pointer, message) of each place."""
    if depth > _DEEPEST:
        yield "invalid-payload", pointer, f"nested more than {_DEEPEST} levels deep"
    elif isinstance(value, dict):
        if isinstance(value, RepeatedKeys):
            for name in value.repeated:
                yield "repeated-key", f"{pointer}/{escape(name)}", f"the key `{name}` stands twice"
        for name, part in value.items():
            if not _writable(name):
                yield "invalid-payload", pointer, "a key with half a surrogate pair"
            yield from faults(part, f"{pointer}/{escape(name)}", depth + 1)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from faults(part, f"{pointer}/{number}", depth + 1)
    elif isinstance(value, str) and not _writable(value):
        yield "invalid-payload", pointer, "a text with half a surrogate pair"
    elif isinstance(value, float) and not math.isfinite(value):
        why = "NaN is not a number" if math.isnan(value) else "a number too large to read"
        yield "invalid-payload", pointer, why
    elif isinstance(value, int) and abs(value) > _LARGEST:
        yield "invalid-payload", pointer, "a number too large to read"


def _writable(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text) if not text.isascii() else True


def escape(name: str) -> str:
    """A key as one step of a JSON pointer; half surrogate pairs become question marks."""
    return without_surrogates(name).replace("~", "~0").replace("/", "~1")


def without_surrogates(text: str) -> str:
    """The text with half surrogate pairs, which cannot be written, as question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
