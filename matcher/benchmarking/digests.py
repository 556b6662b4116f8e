"""Digests of what a benchmark reads: equal where the inputs are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa

from matcher.loading import read_payload
from profiles.encoding import hash_ids, id_array
from profiles.errors import InputError, system_reason
from profiles.panel import Panel
from profiles.schema import PanelMapping, write_mapping


def payloads_digest(payloads: Iterable[str]) -> str:
    """A digest of all payload files, one after the other."""
    digest = hashlib.blake2b(digest_size=16)
    for path in payloads:
        for content in read_payload(path):
            digest.update(hashlib.blake2b(content.data).digest())
    return digest.hexdigest()


def mapping_digest(mapping: PanelMapping) -> str:
    """A digest of the mapping, without the folder of collections."""
    content = {**write_mapping(mapping), "collections": None}
    return hashlib.blake2b(
        orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16
    ).hexdigest()


def members_digest(panel: Panel) -> str:
    """A digest of the files of members, and of every member's id."""
    total = np.uint64(0)
    column = panel.schema.member_id
    for batch in panel.source.batches([column], frozenset({column})):
        ids = id_array(pa.chunked_array([batch.data.column(0)]))
        total += hash_ids(ids).sum(dtype=np.uint64)
    return files_digest(panel.source.files, int(total).to_bytes(8, "little"))


def history_digest(panel: Panel) -> str | None:
    """A digest of the files of participation history; None where there is none."""
    return files_digest(panel.history.source.files) if panel.history else None


def collections_digest(mapping: PanelMapping) -> str | None:
    """A digest of every file in the folder of collections; None where there is no such folder."""
    folder = mapping.collections.folder
    if folder is None or not folder.is_dir():
        return None
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    names = "\n".join(file.relative_to(folder).as_posix() for file in files)
    return files_digest(files, names.encode("utf-8", "surrogateescape"))


def files_digest(files: Iterable[Path], besides: bytes = b"") -> str:
    """A digest of the content of some files, one after the other."""
    digest = hashlib.blake2b(besides, digest_size=16)
    for path in files:
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "blake2b").digest())
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {system_reason(error)}") from None
    return digest.hexdigest()
