"""`matcher index`: the same results as from the source, updates, and what it refuses."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from profiles.errors import InputError
from profiles.index import open_index
from profiles.index.folder import locked
from tests.support.commandline import (
    ADULT_MEN,
    AS_OF,
    MEMBERS,
    PANEL,
    Result,
    command,
    put,
    put_panel,
)
from tests.support.corpus import ROOT
from tests.support.stores import put_duckdb

DEMO = ROOT / "fixtures" / "demo"
TIMES = [1, 2, 2, None]
TIMED = PANEL.replace('"members.parquet"', '"members.parquet"\nupdated_at = "changed"')
CHANGED: dict[str, list[Any]] = {name: [values[0]] for name, values in MEMBERS.items()}
"""The row of the first member."""


def index(*more: str | Path, panel: str = "panel.toml", output: str = "idx") -> Result:
    return command("index", "--panel", panel, "-o", output, *more)


def count(panel: str = "idx") -> Result:
    return command("count", "payload.json", "--panel", panel, "--as-of", AS_OF, "--json")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A panel and its index, which says when rows were changed."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "payload.json", ADULT_MEN)
    put_panel(tmp_path, TIMED, {**MEMBERS, "changed": TIMES})
    assert index().status == 0
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def assert_refused(
    expected: str, run: Callable[..., Result], *arguments: str, **options: str
) -> None:
    """One line, and nothing is changed."""
    before = contents(Path("idx"))
    result = run(*arguments, **options)
    assert (result.status, result.out, result.err) == (2, "", f"matcher: {expected}\n")
    assert contents(Path("idx")) == before


def shard_of(here: Path) -> Path:
    (shard,) = here.glob("idx/shard-*.bin")
    return shard


# --- results


@pytest.mark.parametrize("how", ["first", "balanced", "scarcest"])
def test_an_index_gives_the_bytes_that_its_source_gives_on_any_day(
    how: str, tmp_path: Path
) -> None:
    """It is built in March, and matched in June."""
    made = command("index", "--panel", DEMO / "panel.toml", "-o", tmp_path / "idx")
    assert made.status == 0
    out = {}
    for name, panel in {"source": DEMO / "panel.toml", "index": tmp_path / "idx"}.items():
        path = tmp_path / f"{name}.parquet"
        flags = ["--as-of", "2026-06-30", "--uncertain", "--choose", how, "--json"]
        result = command("match", DEMO / "payloads", "--panel", panel, "-o", path, *flags)
        assert result.status == 0, result.err
        out[name] = path.read_bytes(), result.document
    assert out["index"] == out["source"]
    assert pq.read_metadata(tmp_path / "index.parquet").num_rows > 1000


@pytest.mark.parametrize(
    "ids",
    [
        pa.array([7, 3, 12, 5], pa.int16()),
        pa.array(["b", "a", " c", "é"], pa.large_string()),
        pa.array(["b", "a", "d", "c"]).dictionary_encode(),
    ],
    ids=str,
)
def test_member_ids_come_back_as_they_are(ids: pa.Array, here: Path) -> None:
    table = pa.table({**MEMBERS, "changed": TIMES}).drop_columns("member_id")
    put_panel(here, TIMED, table.append_column("member_id", ids))
    assert index().status == 0
    for panel in ("panel.toml", "idx"):
        flags = ["--as-of", AS_OF, "-o", f"{panel}.parquet"]
        assert command("match", "payload.json", "--panel", panel, *flags).status == 0
    assert Path("panel.toml.parquet").read_bytes() == Path("idx.parquet").read_bytes()


def test_a_panel_without_members_has_an_index(here: Path) -> None:
    schema = pa.table({**MEMBERS, "changed": TIMES}).schema
    put_panel(here, TIMED, schema.empty_table())
    assert index().status == 0
    assert count().document["members"] == 0


def test_what_was_done_is_reported(here: Path) -> None:
    put(here, "gone.csv", "member_id\nm4\nm9\n")
    pq.write_table(pa.table({**CHANGED, "member_id": ["new"]}), here / "changes.parquet")
    done = index("--update", "--changes", "changes.parquet", "--deleted", "gone.csv", "--json")
    assert {name: done.document[name] for name in ("members", "new", "changed", "deleted")} == {
        "members": 4,
        "new": 1,
        "changed": 0,
        "deleted": 1,
    }


# --- the panel file beside it


def changed_files(result: Result) -> list[dict[str, Any]]:
    """What is reported of panel files that have changed."""
    found = result.document["diagnostics"]
    return [each for each in found if each["code"] == "panel-file-changed"]


def test_a_panel_file_that_has_changed_is_reported_and_taken_over_by_an_update(here: Path) -> None:
    before = count()
    assert changed_files(before) == []
    put(here, "panel.toml", TIMED.replace('1 = "M"', '1 = "X"', 1))
    warned = count()
    (finding,) = changed_files(warned)
    assert finding["level"] == "warning"
    assert finding["message"].startswith("panel.toml has changed since the index was made")
    assert warned.document["surveys"] == before.document["surveys"]
    assert index("--update").status == 0
    after = count()
    assert after.document == count("panel.toml").document
    assert changed_files(after) == []
    assert after.document["surveys"] != before.document["surveys"]


@pytest.mark.usefixtures("here")
def test_an_index_does_without_its_panel_file_and_members() -> None:
    before = count().document
    Path("panel.toml").unlink()
    Path("members.parquet").unlink()
    assert count().document == before


# --- an index that is not as it was written


def edit(change: Callable[[dict[str, Any]], object]) -> None:
    path = Path("idx/manifest.json")
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))


CHANGED_FILE = "changed since it was written; build the index anew"
EDITED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another version": (
        lambda each: each.update(version=99),
        "an index of version 99, not 1; build it anew",
    ),
    "no version": (
        lambda each: each.pop("version"),
        "not an index; build it anew",
    ),
    "another format": (lambda each: each.update(format="x"), "not the manifest of an index"),
    "edited": (lambda each: each["body"].update(members=5), CHANGED_FILE),
    "no body": (lambda each: each.pop("body"), CHANGED_FILE),
    "a body that is none": (lambda each: each.update(body=[]), CHANGED_FILE),
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("change", "why"), EDITED.values(), ids=EDITED)
def test_a_manifest_that_says_something_else(
    change: Callable[[dict[str, Any]], object], why: str
) -> None:
    edit(change)
    assert_refused(f"idx/manifest.json: {why}", count)
    assert_refused(f"idx/manifest.json: {why}", index, "--update")


@pytest.mark.parametrize("content", ["", "{", "hello", "[" * 100_000, b"\xff"])
def test_a_manifest_that_is_not_json(content: str | bytes, here: Path) -> None:
    put(here, "idx/manifest.json", content)
    assert_refused("idx/manifest.json: not JSON", count)


def test_an_index_of_another_version_is_replaced_by_building_anew(here: Path) -> None:
    expected = count().document
    edit(lambda each: each.update(version=0))
    assert index().status == 0
    assert count().document == expected
    assert len(contents(here / "idx")) == 3


@pytest.mark.usefixtures("here")
def test_a_folder_that_holds_no_index() -> None:
    Path("empty").mkdir()
    assert_refused("empty/manifest.json: missing; the folder holds no index", count, "empty")
    Path("idx/manifest.json").unlink()
    assert_refused("idx/manifest.json: missing; the folder holds no index", count)


@pytest.mark.parametrize("kept", [True, False], ids=["time kept", "time changed"])
def test_a_flipped_byte_anywhere_is_noticed(kept: bool, here: Path) -> None:
    """Every part of the file is compared with its checksum before it is used."""
    shard = shard_of(here)
    written, stat = shard.read_bytes(), shard.stat()
    body = json.loads(Path("idx/manifest.json").read_bytes())["body"]
    (description,) = body["shards"]
    parts = [description["ids"]]
    for column in description["columns"].values():
        parts += [each["part"] for each in column.values() if isinstance(each, dict)]
    assert len(parts) > 12
    for start, size, _ in parts:
        for place in {start, start + size - 1} if size else ():
            flipped = bytearray(written)
            flipped[place] ^= 1
            shard.write_bytes(flipped)
            if kept:
                os.utime(shard, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            with pytest.raises(InputError, match=CHANGED_FILE):
                list(open_index(Path("idx")).read(description["columns"]))
            if start == 0 or not kept:
                assert_refused(f"{shard.relative_to(here)}: {CHANGED_FILE}", count)
    shard.write_bytes(written)
    assert count().document["members"] == 4


def test_a_shard_that_is_cut_off_or_missing(here: Path) -> None:
    shard = shard_of(here)
    name, written, stat = shard.relative_to(here), shard.read_bytes(), shard.stat()
    for content in (written[:-1], written + b"x", b""):
        shard.write_bytes(content)
        os.utime(shard, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert_refused(f"{name}: {CHANGED_FILE}", count)
        assert_refused(f"{name}: {CHANGED_FILE}", index, "--update")
    shard.unlink()
    assert_refused(f"{name}: missing; build the index anew", count)
    assert index().status == 0
    assert count().document["members"] == 4


# --- where it cannot be written


def test_a_folder_with_other_files_is_left_alone(here: Path) -> None:
    Path("other").mkdir()
    for name in ("thesis.part", "shard-of-glass.bin", "notes.txt"):
        put(here, f"other/{name}", "mine")
        assert_refused("other: holds other files, and no index", index, output="other")
        assert contents(here / "other") == {name: b"mine"}
        Path("other", name).unlink()
    put(here, "other/manifest.json", {"name": "an extension of a browser"})
    assert_refused("other/manifest.json: not the manifest of an index", index, output="other")
    assert list(contents(here / "other")) == ["manifest.json"]


def test_files_of_others_beside_an_index_stay(here: Path) -> None:
    put(here, "idx/thesis.part", "mine")
    assert index().status == 0
    assert Path("idx/thesis.part").read_text() == "mine"


@pytest.mark.usefixtures("here")
def test_where_a_folder_cannot_be() -> None:
    for output, why in {
        "none/idx": "no such file or directory",
        "panel.toml": "file exists",
        "panel.toml/idx": "not a directory",
    }.items():
        assert_refused(f"{output}: cannot be written: {why}", index, output=output)
    Path("idx/.lock").unlink()
    Path("idx/.lock").mkdir()
    result = index()
    assert (result.status, result.err) == (2, "matcher: idx: cannot be written: is a directory\n")


@pytest.mark.usefixtures("here")
def test_another_process_that_is_writing() -> None:
    with locked(Path("idx")):
        for more in ((), ("--update",)):
            assert_refused("idx: another process is writing the index", index, *more)
    assert index("--update").status == 0


def test_a_source_that_cannot_be_read_leaves_nothing(here: Path) -> None:
    rows = {**MEMBERS, "changed": TIMES}
    put_panel(here, TIMED, {**rows, "dob": [*MEMBERS["dob"][:3], "soon"]})
    why = "members.parquet: row 4, column `dob`: `soon` is not a date (YYYY-MM-DD)"
    assert_refused(why, index)
    assert_refused(why, index, output="fresh")
    put_panel(here, TIMED, {**rows, "member_id": ["m1", "m2", "m3", "m1"]})
    twice = "members.parquet: row 4: member id `m1` appears twice, first in members.parquet: row 1"
    assert_refused(twice, index)
    assert_refused(twice, index, "--update")
    assert not Path("fresh").exists()


# --- updates that do not fit


def changed(**columns: list[Any]) -> Callable[[Path], None]:
    """Changes to the first member, with other columns, or without those that are empty."""
    table = {name: values for name, values in {**CHANGED, **columns}.items() if values}
    return lambda here: pq.write_table(pa.table(table), here / "changes.parquet")


TWICE = {name: [values[0]] * 3 for name, values in MEMBERS.items()}
NUMBER = "changes.parquet: column `member_id`: ids are int64, but string in the index"
BAD_CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a member twice": (
        changed(**{**TWICE, "member_id": ["m3", "m1", "m3"]}),
        "changes.parquet: row 3: member id `m3` appears twice, first in changes.parquet: row 1",
    ),
    "no such column": (changed(income=[]), "changes.parquet: no column `income`"),
    "no ids": (changed(member_id=[]), "changes.parquet: no column `member_id`"),
    "an unreadable value": (
        changed(dob=["soon"]),
        "changes.parquet: row 1, column `dob`: `soon` is not a date (YYYY-MM-DD)",
    ),
    "a missing id": (
        changed(**{**TWICE, "member_id": ["m2", None, "m3"]}),
        "changes.parquet: row 2, column `member_id`: no member id",
    ),
    "ids of another type": (changed(member_id=[1]), NUMBER),
    "no file": (lambda _: None, "changes.parquet: no such file or folder"),
}


@pytest.mark.parametrize(("make", "why"), BAD_CHANGES.values(), ids=BAD_CHANGES)
def test_changes_that_cannot_be_taken(make: Callable[[Path], None], why: str, here: Path) -> None:
    make(here)
    assert_refused(why, index, "--update", "--changes", "changes.parquet")


def test_text_that_is_no_number_is_no_id_where_ids_are_numbers(here: Path) -> None:
    """In CSV all is text: 7 is the member 7, and 007 is not."""
    put_panel(here, TIMED, {**MEMBERS, "member_id": [7, 8, 9, 10], "changed": TIMES})
    assert index().status == 0
    for bad in ("007", " 7", "x", "7.0", "99999999999999999999"):
        put(here, "gone.csv", f"member_id\n8\n{bad}\n")
        assert_refused(
            "gone.csv: column `member_id`: ids are string, but int64 in the index",
            index,
            "--update",
            "--deleted",
            "gone.csv",
        )
    pq.write_table(pa.table({"member_id": ["8"]}), here / "gone.parquet")
    assert_refused(
        "gone.parquet: column `member_id`: ids are string, but int64 in the index",
        index,
        "--update",
        "--deleted",
        "gone.parquet",
    )
    put(here, "gone.csv", "member_id\n8\n7\n8\n")
    done = index("--update", "--deleted", "gone.csv", "--json")
    assert (done.document["members"], done.document["deleted"]) == (2, 2)


def test_deleted_ids_that_are_missing(here: Path) -> None:
    pq.write_table(pa.table({"member_id": ["m1", None]}), here / "gone.parquet")
    assert_refused(
        "gone.parquet: row 2, column `member_id`: no member id",
        index,
        "--update",
        "--deleted",
        "gone.parquet",
    )


def test_a_member_who_is_both_changed_and_deleted(here: Path) -> None:
    changed()(here)
    put(here, "gone.csv", "member_id\nm2\nm1\n")
    flags = ["--update", "--changes", "changes.parquet", "--deleted", "gone.csv"]
    assert_refused("member id `m1` is both changed and deleted", index, *flags)


def test_changes_without_an_index_or_without_update(here: Path) -> None:
    changed()(here)
    flags = ["--changes", "changes.parquet"]
    assert_refused("`--changes` and `--deleted` go with `--update`", index, *flags)
    assert_refused(
        "fresh: no index yet to take changes into",
        index,
        "--update",
        *flags,
        output="fresh",
    )
    assert not Path("fresh").exists()
    assert index("--update", output="fresh").status == 0


def test_other_attributes_than_those_of_the_index(here: Path) -> None:
    put(here, "panel.toml", f'{TIMED}\n[attributes.second]\ntype = "text"\ncolumn = "zip"\n')
    why = (
        "idx: panel.toml declares other attributes or columns than the index was built from; "
        "build it anew, without --update"
    )
    assert_refused(why, index, "--update")
    assert index().status == 0
    assert index("--update").status == 0


# --- updates by the time of the last change


def timed(here: Path, times: Any, **columns: list[Any]) -> None:
    """Files of the panel with these times of changes."""
    put_panel(here, TIMED, pa.table({**MEMBERS, **columns, "changed": times}))


def test_no_column_that_says_when_rows_were_changed(here: Path) -> None:
    put_panel(here, TIMED)
    for more in ((), ("--update",)):
        assert_refused("members.parquet: no column `changed`", index, *more)
    put_panel(here, PANEL)
    assert index().status == 0
    assert_refused(
        "panel.toml: panel: no column says when a row was changed; give the changed rows with "
        "--changes, or name the column in `updated_at`",
        index,
        "--update",
    )


_HOURS = [datetime(2026, 1, 1, hour) for hour in range(4)]
OTHER_TIMES: dict[str, tuple[pa.Array, pa.Array]] = {
    "texts": (pa.array([1, 2, 3, 4]), pa.array(["1", "2", "3", "4"])),
    "numbers": (pa.array(["1", "2", "3", "4"]), pa.array([1, 2, 3, 4])),
    "days": (pa.array(_HOURS), pa.array([date(2026, 1, 2)] * 4)),
    "moments of days": (pa.array([date(2026, 1, 2)] * 4), pa.array(_HOURS)),
    "in a time zone": (pa.array(_HOURS), pa.array(_HOURS, pa.timestamp("us", "UTC"))),
    "in no time zone": (pa.array(_HOURS, pa.timestamp("us", "UTC")), pa.array(_HOURS)),
    "lists": (pa.array([1, 2, 3, 4]), pa.array([[1], [2], [3], [4]])),
}


@pytest.mark.parametrize(("before", "after"), OTHER_TIMES.values(), ids=OTHER_TIMES)
def test_times_of_another_type(before: pa.Array, after: pa.Array, here: Path) -> None:
    timed(here, before)
    assert index().status == 0
    timed(here, after)
    kept = contents(here / "idx")
    result = index("--update")
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("matcher: members.parquet: column `changed`: now of type `")
    assert result.err.endswith("`; build it anew, without --update\n")
    assert contents(here / "idx") == kept


@pytest.mark.parametrize(
    "times",
    [
        pa.array([[1], [2], [3], [4]]),
        pa.array([True, False, True, True]),
        pa.array([b"1"] * 4),
        pa.array([{"at": 1}] * 4),
    ],
    ids=str,
)
def test_columns_that_do_not_say_when(times: pa.Array, here: Path) -> None:
    timed(here, times)
    kept = contents(here / "idx")
    result = index()
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("matcher: members.parquet: column `changed`: ")
    assert "internal error" not in result.err
    assert contents(here / "idx") == kept


def test_a_changed_row_is_called_by_its_member(here: Path) -> None:
    timed(here, [1, 2, 0, 3], dob=[*MEMBERS["dob"][:3], "soon"])
    assert_refused(
        "members.parquet: member `m4`, column `dob`: `soon` is not a date (YYYY-MM-DD)",
        index,
        "--update",
    )


@pytest.mark.parametrize("unknown", [None, float("nan")])
def test_rows_that_do_not_say_when_are_always_taken(unknown: float | None, here: Path) -> None:
    timed(here, pa.array([1.0, 2.0, 0.0, unknown], from_pandas=False))
    assert index().status == 0
    done = index("--update", "--json").document
    assert (done["changed"], done["new"], done["deleted"]) == (2, 0, 0)


def test_a_constant_that_json_cannot_say(here: Path) -> None:
    """TOML has infinity, and whole numbers of any size."""
    put(here, "panel.toml", f"{TIMED}\n[constants]\nheat = inf\nstars = {10**30}\n")
    assert index().status == 0
    assert changed_files(count()) == []


def test_changes_may_stand_in_a_database(here: Path) -> None:
    assert index().status == 0
    rows = {name: [*values[:1], values[1]] for name, values in MEMBERS.items()}
    rows["member_id"] = ["m1", "m9"]
    put_duckdb({"changed": pa.table(rows)}, here / "panel.duckdb")
    flags = ("--update", "--changes", "duckdb:///panel.duckdb", "--json")
    done = index(*flags, "--table", "changed").document
    assert (done["changed"], done["new"], done["deleted"]) == (1, 1, 0)
    together = "`--changes` of a database and `--table` go together"
    assert_refused(together, index, *flags)
    assert_refused(together, index, "--update", "--changes", "x.parquet", "--table", "changed")


def test_an_index_behind_a_link_knows_its_panel_file(here: Path) -> None:
    expected = count().document
    (here / "far" / "away").mkdir(parents=True)
    (here / "far" / "away" / "idx").symlink_to(here / "idx")
    found = count("far/away/idx").document
    assert found == expected
    put(here, "panel.toml", TIMED + '\n[constants]\ncountry = "CA"\n')
    codes = [each["code"] for each in count("far/away/idx").document["diagnostics"]]
    assert codes == [each["code"] for each in count().document["diagnostics"]]
    assert "panel-file-changed" in codes
