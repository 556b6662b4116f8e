"""The one loader of the conformance corpus."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from matcher import Surveys, load_surveys
from profiles.schema.panel_file import PanelFile, parse_panel
from tests.support.panels import Row

ROOT = Path(__file__).resolve().parents[2]
CONFORMANCE = ROOT / "fixtures" / "conformance"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a case says of one member."""

    verdict: str
    reason: str
    quota_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One case of the corpus, with what its file says for all cases in it.

    It is about the first survey of its payload. `history` None: the panel file names none.
    """

    name: str
    panel: Mapping[str, Any]
    collections: Mapping[str, str]
    as_of: date
    payload: Any
    members: Sequence[Row]
    expect: Mapping[str, Expected]
    diagnostics: frozenset[str]
    history: Sequence[Row] | None

    @property
    def rejected(self) -> bool:
        """Whether the survey is to be set aside."""
        return any(each.verdict == "rejected" for each in self.expect.values())


@dataclass(frozen=True, slots=True)
class Prepared:
    """A case whose collections and payload stand in a folder, the payload lowered."""

    case: Case
    folder: Path
    file: PanelFile
    surveys: Surveys


def read_cases() -> list[Case]:
    """Every case of every file, in file order."""
    return [
        _read_case(f"{path.stem}-{number}", document, raw)
        for path in sorted(CONFORMANCE.glob("*.json"))
        for document in [json.loads(path.read_text(encoding="utf-8"))]
        for number, raw in enumerate(document["cases"])
    ]


def _read_case(name: str, document: Mapping[str, Any], raw: Mapping[str, Any]) -> Case:
    expect = {
        member: Expected(each["verdict"], each["reason"], tuple(each["quota_ids"]))
        for member, each in raw["expect"].items()
    }
    return Case(
        name,
        document["panel"],
        document.get("collections", {}),
        date.fromisoformat(document["as_of"]),
        raw["payload"],
        raw["members"],
        expect,
        frozenset(raw.get("diagnostics", ())),
        raw.get("history", document.get("history")),
    )


def history_table(rows: Sequence[Row]) -> pa.Table:
    """Participations in columns; those that are needed are always there."""
    needed = ["member_id", "marketplace", "survey_id", "outcome"]
    names = dict.fromkeys([*needed, *(name for row in rows for name in row)])
    return pa.table({name: [row.get(name) for row in rows] for name in names})


def prepare(case: Case, folder: Path) -> Prepared:
    """Write the collections, the history and the payload of a case, and load the payload."""
    (folder / "collections").mkdir()
    for name, text in case.collections.items():
        path = folder / "collections" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    tables = {"panel": {"source": "."}, "collections": {"folder": "collections"}, **case.panel}
    if case.history is not None:
        pq.write_table(history_table(case.history), folder / "history.parquet")
        tables["history"] = {"source": "history.parquet"}
    file = parse_panel(tables, folder / "panel.toml")
    payload = folder / "payload.json"
    payload.write_text(json.dumps(case.payload), encoding="utf-8")
    return Prepared(case, folder, file, load_surveys([payload], file.mapping))
