"""Payloads to surveys: files, documents, and what marketplaces send as things change."""

from matcher.loading.decode import named
from matcher.loading.files import STDIN, load_surveys, raw_surveys, read_payload
from matcher.loading.notifications import ChangeReader, Changes

__all__ = [
    "STDIN",
    "ChangeReader",
    "Changes",
    "load_surveys",
    "named",
    "raw_surveys",
    "read_payload",
]
