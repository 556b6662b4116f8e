"""What `index` prints."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Console

from matcher.reports.json_document import document
from profiles.index import Indexed
from profiles.plural import plural


def index_json(done: Indexed) -> bytes:
    """The document of `index --json`."""
    return document(asdict(done))


def print_index(console: Console, done: Indexed, seconds: float) -> None:
    """One line: what was written."""
    console.print(
        f"{plural(done.members, 'member')}: {done.new:,} new, {done.changed:,} changed, "
        f"{done.deleted:,} deleted · {plural(done.shards, 'shard')}, {done.size / 1e6:,.1f} MB · "
        f"{seconds:.2f} s",
        soft_wrap=True,
    )
