"""The manifest of an index: what it says, and how it is replaced in one step."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from profiles.envelope import Envelope
from profiles.errors import InputError, system_reason

MANIFEST = "manifest.json"
UNFINISHED = f"{MANIFEST}.part"
_ENVELOPE = Envelope("quota-matcher index", 1, "an index")


def read_manifest(folder: Path) -> dict[str, Any]:
    """What the manifest says; raises InputError where it is unreadable or of another version."""
    path = folder / MANIFEST
    document = read_format(folder)
    try:
        _ENVELOPE.check(document)
    except InputError as error:
        raise InputError(f"{path}: {error}; build it anew") from None
    body = document.get("body")
    if not isinstance(body, dict) or document.get("digest") != digest(body):
        raise InputError(f"{path}: changed since it was written; build the index anew")
    return body


def read_format(folder: Path) -> dict[str, Any]:
    """The manifest of an index of any version; raises InputError where it is something else."""
    path = folder / MANIFEST
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: missing; the folder holds no index") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {system_reason(error)}") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path}: not JSON") from None
    if not _ENVELOPE.holds(document):
        raise InputError(f"{path}: not the manifest of an index")
    return document


def write_manifest(folder: Path, body: Mapping[str, Any]) -> None:
    """Replace the manifest, whole or not at all, and on the disk under it."""
    document = {**_ENVELOPE.head, "digest": digest(body), "body": body}
    unfinished = folder / UNFINISHED
    with unfinished.open("wb") as file:
        file.write(json.dumps(document, indent=2).encode())
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / MANIFEST)
    if sys.platform != "win32":
        entry = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(entry)
        finally:
            os.close(entry)


def digest(content: Any) -> str:
    """A checksum of JSON, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
