"""Files that were damaged: one line that names the file, or the rows as they can be read."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from profiles.errors import InputError
from profiles.schema import Collections, PanelMapping, Schema
from profiles.schema.schema import Attribute, Kind
from profiles.sources import ShardReader, Source, open_source

KINDS = {"code": Kind.SINGLE, "codes": Kind.MULTI, "size": Kind.NUMBER, "born": Kind.BIRTH_DATE}
ATTRIBUTES = {name: Attribute(name, kind, name) for name, kind in KINDS.items()}
MAPPING = PanelMapping(Schema(ATTRIBUTES, {}), {}, Collections(None))
TRIES = 60


def read(source: Source) -> None:
    source.count_rows()
    for shard in ShardReader(MAPPING, source).read(ATTRIBUTES):
        assert shard.size


def members(rows: int = 500) -> pa.Table:
    draw = random.Random(7)
    texts = [f"answer {number}" for number in range(40)]
    return pa.table(
        {
            "member_id": [f"m{number}" for number in range(rows)],
            "code": [draw.choice([None, *texts]) for _ in range(rows)],
            "codes": [draw.sample(texts, draw.randrange(4)) for _ in range(rows)],
            "size": [draw.choice([None, 1.5, 2.0]) for _ in range(rows)],
            "born": pa.array([draw.randrange(20_000) for _ in range(rows)], pa.int32()).cast(
                pa.date32()
            ),
        }
    )


def write(path: Path, compression: str) -> bytes:
    if path.suffix == ".parquet":
        pq.write_table(members(), path, compression=compression, row_group_size=200)
    else:
        with pa.ipc.new_file(path, members().schema) as writer:
            writer.write(members())
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "compression"), [("m.parquet", "none"), ("m.parquet", "zstd"), ("m.arrow", "none")]
)
def test_a_damaged_file_is_one_line(name: str, compression: str, tmp_path: Path) -> None:
    path = tmp_path / name
    whole = write(path, compression)
    refused: list[str] = []
    for seed in range(TRIES):
        draw = random.Random(seed)
        damaged = bytearray(whole)
        for _ in range(draw.choice([1, 3, 30])):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        path.write_bytes(damaged[: draw.choice([len(damaged), len(damaged) - 9, len(damaged)])])
        try:
            read(open_source(path))
        except InputError as error:
            refused.append(str(error))
    assert refused
    assert all(line.startswith(str(path)) and line.isprintable() for line in refused)


def test_the_damaged_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    texts = pa.table({"member_id": ["a", "b"], "code": ["first", "other"]})
    pq.write_table(texts, path, compression="none", write_statistics=False)
    path.write_bytes(path.read_bytes().replace(b"other", b"oth\xfdr"))
    mapping = PanelMapping(Schema({"code": ATTRIBUTES["code"]}, {}), {}, Collections(None))
    with pytest.raises(InputError) as caught:
        list(ShardReader(mapping, open_source(path)).read(["code"]))
    assert str(caught.value).startswith(f"{path}: column `code`: the file is damaged: ")


def test_a_quotation_mark_that_is_never_closed_in_the_header(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text('member_id,"' + "x" * 140_000 + "\n1,2\n")
    with pytest.raises(InputError) as caught:
        open_source(path).schema()
    assert str(caught.value) == (
        f"{path}: cannot be read: a column name of more than 131,072 characters; "
        "is a quotation mark never closed?"
    )
