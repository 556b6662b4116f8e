"""CSV files as others write them, and folders that are columns."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from profiles.encoding import decode_column
from profiles.errors import InputError
from profiles.panel import open_members
from profiles.schema import Location
from profiles.schema.panel_file import PanelFile, parse_panel
from profiles.sources import ShardReader

TEXT = "member_id,code,size\na,é,1.5\nb,00031,2\nc,,\n"
EXPECTED = {"code": ["é", "00031", None], "size": [1.5, 2.0, None]}


def panel(folder: Path, source: str, csv: dict[str, str] | None = None, **kinds: str) -> PanelFile:
    tables: dict[str, Any] = {
        "panel": {"source": source, **({"csv": csv} if csv else {})},
        "attributes": {name: {"type": kind} for name, kind in kinds.items()},
    }
    return parse_panel(tables, folder / "panel.toml")


def read(file: PanelFile) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in file.schema.attributes}
    for shard in ShardReader(file.mapping, open_members(file)).read(found):
        for name, attribute in file.schema.attributes.items():
            found[name] += decode_column(attribute, shard.columns[name], shard.size).to_pylist()
    return found


def parted(separator: str) -> str:
    return TEXT.replace(",", separator)


@pytest.mark.parametrize(
    ("name", "content", "csv"),
    [
        ("m.csv", TEXT.encode(), None),
        ("m.csv", TEXT.encode("utf-8-sig"), {"encoding": "UTF8"}),
        ("m.csv", TEXT.encode("utf-16"), None),
        ("m.csv", b"\xfe\xff" + TEXT.encode("utf-16-be"), None),
        ("m.csv", TEXT.encode("utf-16-le"), {"encoding": "utf-16-le"}),
        ("m.csv", TEXT.encode("cp1252"), {"encoding": "Windows-1252"}),
        ("m.csv.gz", gzip.compress(TEXT.encode()), None),
        ("m.CSV.GZ", gzip.compress(TEXT.encode("utf-16")), None),
        ("m.tsv", parted("\t").encode(), None),
        ("m.tsv.gz", gzip.compress(parted("\t").encode()), None),
        ("m.csv", parted(";").encode(), {"separator": ";"}),
        ("m.csv", parted("\t").encode("utf-16"), {"separator": "\t"}),
        ("m.csv", parted(";").replace("1.5", "1,5").encode(), {"separator": ";", "decimal": ","}),
    ],
)
def test_csv_files_of_every_kind(
    name: str, content: bytes, csv: dict[str, str] | None, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    assert read(panel(tmp_path, name, csv, code="single", size="number")) == EXPECTED


@pytest.mark.parametrize(
    ("name", "content", "csv", "why"),
    [
        (
            "m.csv",
            parted(";").encode(),
            None,
            'not by commas; if so, say separator = ";" in [panel.csv]',
        ),
        ("m.csv", parted("\t").encode(), None, 'say separator = "\\t" in [panel.csv]'),
        ("m.csv", TEXT.encode("cp1252"), None, "not UTF-8 text"),
        ("m.csv", TEXT.encode(), {"decimal": ","}, "`1.5` is not a number with a decimal `,`"),
        ("m.csv", TEXT.encode(), {"encoding": "utf-16"}, "m.csv: "),
        ("m.csv.gz", gzip.compress(TEXT.encode())[:-9], None, "m.csv.gz: "),
        ("m.csv.gz", TEXT.encode(), None, "m.csv.gz: "),
        ("m.csv.zip", TEXT.encode(), None, "not a .parquet, .csv or .arrow file"),
        ("m.csv", b"", {"encoding": "utf-61"}, "panel.csv.encoding: no such encoding `utf-61`"),
        ("m.csv", b"", {"separator": ";;"}, "panel.csv.separator: must be one ASCII character"),
        ("m.csv", b"", {"seperator": ";"}, "did you mean `separator`?"),
    ],
)
def test_csv_files_that_cannot_be_read(
    name: str, content: bytes, csv: dict[str, str] | None, why: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(panel(tmp_path, name, csv, code="single", size="number"))
    assert why in str(caught.value)
    assert str(caught.value).isprintable()


def put(folder: Path, place: str, **columns: list[Any]) -> None:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def test_folders_named_by_key_and_value_are_columns(tmp_path: Path) -> None:
    members = tmp_path / "members"
    put(members, "country=DE/month=01/0.parquet", member_id=["a", "b"], code=[7, 8])
    put(members, "country=US/month=02/0.parquet", member_id=["c"], code=[9])
    put(members, "country=__HIVE_DEFAULT_PARTITION__/month=a%20b/0.parquet",
        member_id=["d"], code=[10])  # fmt: skip
    (members / "_SUCCESS").write_text("")
    file = panel(tmp_path, "members", country="single", month="single", code="single")
    found = read(file)
    assert set(zip(found["code"], found["country"], found["month"], strict=True)) == {
        ("7", "DE", "01"), ("8", "DE", "01"), ("9", "US", "02"), ("10", None, "a b")
    }  # fmt: skip
    assert open_members(file).schema().names == ["member_id", "code", "country", "month"]
    only = panel(tmp_path, "members", country="single")
    assert sorted(map(str, read(only)["country"])) == ["DE", "DE", "None", "US"]


def test_a_column_of_the_file_comes_before_one_of_its_folder(tmp_path: Path) -> None:
    put(tmp_path / "members", "code=7/0.parquet", member_id=["a"], code=[8])
    assert read(panel(tmp_path, "members", code="single")) == {"code": ["8"]}


@pytest.mark.parametrize(
    ("places", "why"),
    [
        (["country=DE/0.parquet", "0.parquet"], "files lie in the folder itself and in folders"),
        (["country=DE/0.parquet", "month=1/0.parquet"], "lies in folders of `month`"),
        (["2026/0.parquet"], "file in the folder; it has the folder `2026`"),
    ],
)
def test_folders_that_are_not_alike(places: list[str], why: str, tmp_path: Path) -> None:
    for place in places:
        put(tmp_path / "members", place, member_id=["a"])
    with pytest.raises(InputError, match=why):
        open_members(panel(tmp_path, "members"))


def test_changes_are_written_as_the_panel_is(tmp_path: Path) -> None:
    (tmp_path / "changes.csv").write_text(parted(";"))
    file = panel(tmp_path, "m.csv", {"separator": ";"}, code="single")
    source = open_members(file, Location(str(tmp_path / "changes.csv")))
    assert source.schema().names == ["member_id", "code", "size"]
