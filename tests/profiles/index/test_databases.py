"""An index of members in a database, kept fresh by when their rows were changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from profiles.errors import InputError
from profiles.index import Index, open_index
from profiles.panel import Panel, open_panel
from tests.support.stores import put_duckdb, put_postgres

AS_OF = date(2026, 11, 21)
START = datetime(2026, 11, 1, tzinfo=UTC)
PANEL = """
[panel]
source = "{url}"
table = "members"
updated_at = "changed"

[attributes.sex]
type = "single"

[attributes.income]
type = "number"

[attributes.hobbies]
type = "multi"
"""
TYPES = pa.schema(
    {
        "member_id": pa.string(),
        "sex": pa.string(),
        "income": pa.int32(),
        "hobbies": pa.list_(pa.string()),
        "changed": pa.timestamp("us", "UTC"),
    }
)
Row = dict[str, Any]


@pytest.fixture(params=["duckdb", "postgresql"])
def put(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[list[Row]], Panel]:
    """Puts members into a database and opens the panel."""
    is_file = request.param == "duckdb"
    path = tmp_path / "panel.duckdb"
    url = "duckdb:///panel.duckdb" if is_file else request.getfixturevalue("postgres")
    (tmp_path / "panel.toml").write_text(PANEL.format(url=url))

    def replace(rows: list[Row]) -> Panel:
        tables = {"members": pa.Table.from_pylist(rows, TYPES)}
        if is_file:
            path.unlink(missing_ok=True)
            put_duckdb(tables, path)
        else:
            put_postgres(tables, url)
        return open_panel(tmp_path / "panel.toml", AS_OF)

    return replace


def made(rng: Random, number: int, changed: datetime | None) -> Row:
    hobbies = rng.choice([None, [], ["chess"], ["chess", "golf"], ["sailing"]])
    return {
        "member_id": f"m{number:03}",
        "sex": rng.choice(["F", "M", None]),
        "income": rng.choice([None, rng.randrange(200)]),
        "hobbies": hobbies,
        "changed": changed,
    }


def held(index: Index) -> dict[str, Row]:
    columns = ["member_id", "sex", "income", "hobbies"]
    rows = [row for batch in index.batches(columns) for row in batch.data.to_pylist()]
    assert len({row["member_id"] for row in rows}) == len(rows)
    return {row["member_id"]: row for row in rows}


def expected(rows: list[Row]) -> dict[str, Row]:
    return {row["member_id"]: {k: v for k, v in row.items() if k != "changed"} for row in rows}


@pytest.mark.parametrize("seed", range(4))
def test_what_has_changed_is_found(
    seed: int, put: Callable[[list[Row]], Panel], tmp_path: Path
) -> None:
    rng, now = Random(seed), START
    rows = [made(rng, number, now + timedelta(seconds=number % 7)) for number in range(60)]
    folder = tmp_path / "index"
    put(rows).write_index(folder)
    assert held(open_index(folder)) == expected(rows)
    for round_ in range(3):
        now += timedelta(days=1)
        kept = [row for row in rows if rng.random() > 0.1]
        deleted = len(rows) - len(kept)
        changed = rng.sample(range(len(kept)), 8)
        latest = max(row["changed"] for row in rows if row["changed"])
        times = [now, now, latest, None]
        for place in changed:
            number = int(kept[place]["member_id"][1:])
            kept[place] = made(rng, number, rng.choice(times))
        new = [
            made(rng, 100 * (round_ + 1) + number, rng.choice([now, START, None]))
            for number in range(5)
        ]
        rows = [*kept, *new]
        done = put(rows).update_index(folder)
        assert held(open_index(folder)) == expected(rows)
        assert (done.members, done.new, done.deleted) == (len(rows), len(new), deleted)
        assert done.changed >= len(changed)


def test_a_column_of_another_type_than_the_changes_seen(
    put: Callable[[list[Row]], Panel], tmp_path: Path
) -> None:
    rows = [made(Random(0), number, START) for number in range(3)]
    put(rows).write_index(tmp_path / "index")
    panel = put(rows)
    text = (tmp_path / "panel.toml").read_text().replace('"changed"', '"hobbies"')
    (tmp_path / "panel.toml").write_text(text)
    panel = open_panel(tmp_path / "panel.toml", AS_OF)
    with pytest.raises(InputError, match="build it anew, without --update"):
        panel.update_index(tmp_path / "index")
