"""What public objects look like in a console: the counts and names that tell them apart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from profiles.encoding import ConstantColumn, Thresholds, coded
from profiles.history import HistoryRows, MemberHistory, Positions
from profiles.index import Index, open_index
from profiles.panel import Panel, SelectedMembers, open_panel
from profiles.schema import Location
from profiles.sources import DatabaseSource, ShardReader, UniqueIds, open_location, open_source
from profiles.synthetic import AS_OF
from tests.support.commandline import MEMBERS, PANEL, put, put_panel
from tests.support.corpus import ROOT
from tests.support.stores import put_duckdb

DEMO = ROOT / "fixtures" / "demo"


@pytest.fixture(scope="module")
def panel() -> Panel:
    return open_panel(DEMO / "panel.toml", AS_OF)


@pytest.fixture(scope="module")
def index(panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("panel") / "index"
    panel.write_index(folder, shard_members=1 << 13)
    return open_index(folder)


def objects(panel: Panel, index: Index) -> Iterator[object]:
    """Public objects of the demo."""
    yield from (
        panel,
        panel.schema,
        panel.source,
        panel.history,
        index,
        Panel(panel.file, index, AS_OF),
    )
    yield from panel.schema.attributes.values()
    history = panel.history
    assert history is not None
    yield history.location
    names = history.source.schema().names
    (batch, *_) = history.source.batches(names)
    yield from (batch, HistoryRows(batch), coded(batch.data.column(0)))
    yield MemberHistory(history.location, DEMO)
    (shard, *_) = panel.shards(panel.schema.attributes)
    yield from (shard, *shard.columns.values())
    yield Positions(history.participants, shard.member_ids)
    yield SelectedMembers(panel, shard.member_ids[:10], ["age"])
    reader = ShardReader(panel.mapping, panel.source)
    yield from (reader, *reader.read(["age"]), UniqueIds(panel.source, "member_id"))
    yield from (ConstantColumn("US", 70), Thresholds())


def test_the_demo_is_shown_in_short(panel: Panel, index: Index) -> None:
    for each in objects(panel, index):
        shown = repr(each)
        assert len(shown) < 200, shown
        assert shown.startswith(f"{type(each).__name__}("), shown
        assert shown.endswith(")"), shown
        assert " object at 0x" not in shown
        assert "array" not in shown


def test_counts_and_names(panel: Panel, index: Index) -> None:
    attributes = len(panel.schema.attributes)
    assert repr(panel) == f"Panel(panel.toml, 20,000 members, {attributes} attributes)"
    assert repr(index) == f"Index({index.folder}, 20,000 members, 3 shards)"
    assert repr(panel.schema) == f"Schema({attributes} attributes, 0 constants)"
    assert repr(panel.schema.attribute("age")) == "Attribute(age, birth_date, column birth_date)"
    assert repr(panel.source) == f"FileSource({DEMO / 'members.parquet'})"


def test_a_panel_whose_members_are_not_counted(tmp_path: Path) -> None:
    """CSV is not read for it, and a file that is gone is no error."""
    put_panel(tmp_path)
    panel = open_panel(tmp_path / "panel.toml")
    (tmp_path / "members.parquet").unlink()
    assert repr(panel) == "Panel(panel.toml, 6 attributes)"
    put(tmp_path, "members.csv", ",".join(MEMBERS) + "\n")
    put(tmp_path, "panel.toml", PANEL.replace("members.parquet", "members.csv"))
    assert repr(open_panel(tmp_path / "panel.toml")) == "Panel(panel.toml, 6 attributes)"


def test_a_database_does_not_count_for_it(tmp_path: Path) -> None:
    put_duckdb({"people": pa.table(MEMBERS)}, tmp_path / "panel.duckdb")
    source = '"duckdb:///panel.duckdb"\ntable = "people"'
    put(tmp_path, "panel.toml", PANEL.replace('"members.parquet"', source))
    panel = open_panel(tmp_path / "panel.toml", date(2026, 11, 21))
    assert repr(panel) == "Panel(panel.toml, 6 attributes)"
    assert panel.known_members == 4
    assert repr(panel) == "Panel(panel.toml, 4 members, 6 attributes)"
    assert repr(panel.source) == f"DatabaseSource({tmp_path / 'panel.duckdb'} table `people`)"


def test_no_password_is_shown(postgres: str) -> None:
    url = "postgresql://ann:secret@db.example/panel?sslpassword=secret"
    assert repr(Location(url, "people")) == "Location(postgresql://…, table people)"
    assert repr(Location(url, query="SELECT 1")) == "Location(postgresql://…, a query)"
    assert repr(Location("history.parquet")) == "Location(history.parquet)"
    source = open_location(Location(postgres, query="SELECT 1 AS member_id"), Path())
    assert isinstance(source, DatabaseSource)
    assert repr(source) == f"DatabaseSource({source.database.name} query)"


def test_a_folder_of_files_is_shown_by_the_first(tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path, f"{number}.csv", "member_id\n")
    assert repr(open_source(tmp_path)) == f"FileSource({tmp_path / '0.csv'} and 2 more)"
