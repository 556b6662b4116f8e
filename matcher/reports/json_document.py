"""JSON documents that commands write."""

from __future__ import annotations

import json
from typing import Any

import orjson


def document(content: dict[str, Any]) -> bytes:
    """One JSON document, indented."""
    try:
        return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # half a surrogate pair, in the name of a file or a key
        return json.dumps(content, indent=2).encode() + b"\n"
