"""Reads JSON as marketplaces send it, and misses nothing that a fast parser would pass over.

orjson is fast, but lets the last of two equal keys win and rounds integers past 64 bits. Where
what it read does not write back to as many structural bytes as stood there, or it refuses the
input, the standard library reads once more, slowly, keeping every repeated key, NaN, long integer
and lone surrogate, so that just the survey it stands in can be set aside.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

Json = Any
_BLOCK = 1 << 20


class NotJsonError(ValueError):
    """The bytes are not JSON; the message says where and why, in one line."""


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
    if _structure(orjson.dumps(document)) != _structure(data):
        return _parse_slowly(data), True
    return document, False


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
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_keep_repeated)
    except UnicodeDecodeError as error:
        raise NotJsonError(f"not UTF-8 text at byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        message = error.msg[0].lower() + error.msg[1:]
        raise NotJsonError(f"line {error.lineno}, column {error.colno}: {message}") from None
    except RecursionError:
        raise NotJsonError("nested too deeply") from None
    except ValueError:
        raise NotJsonError("an integer of more than 4,300 digits") from None


def _keep_repeated(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    marked = RepeatedKeys(plain)
    names = [name for name, _ in pairs]
    marked.repeated = tuple(dict.fromkeys(name for name in names if names.count(name) > 1))
    return marked


def faults(value: Json, pointer: str = "") -> Iterator[tuple[str, str, str]]:
    """What no marketplace means to send: (code, JSON pointer, message) of each place."""
    if isinstance(value, dict):
        if isinstance(value, RepeatedKeys):
            for name in value.repeated:
                yield "repeated-key", f"{pointer}/{escape(name)}", f"the key `{name}` stands twice"
        for name, part in value.items():
            if not _writable(name):
                yield "invalid-payload", pointer, "a key with half a surrogate pair"
            yield from faults(part, f"{pointer}/{escape(name)}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from faults(part, f"{pointer}/{number}")
    elif isinstance(value, str) and not _writable(value):
        yield "invalid-payload", pointer, "a text with half a surrogate pair"
    elif isinstance(value, float) and not math.isfinite(value):
        yield "invalid-payload", pointer, "a number that is not finite"


def _writable(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text) if not text.isascii() else True


def escape(name: str) -> str:
    """A key as one step of a JSON pointer; half surrogate pairs become question marks."""
    name = name.encode("utf-8", "replace").decode("utf-8")
    return name.replace("~", "~0").replace("/", "~1")
