"""The demo: its files are what its maker makes, and what is planted in it can be found."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import matcher
from fixtures.demo.make import make
from fixtures.demo.making import outcomes
from profiles import open_panel
from tests.support.corpus import ROOT

DEMO = ROOT / "fixtures" / "demo"
TABLES = ("members.parquet", "participation.parquet")


def files(folder: Path) -> dict[str, Path]:
    return {
        str(path.relative_to(folder)): path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }


def test_the_files_are_what_is_made(tmp_path: Path) -> None:
    make(tmp_path)
    made, kept = files(tmp_path), files(DEMO)
    assert made.keys() == kept.keys()
    for name, path in made.items():
        if name in TABLES:
            assert pq.read_table(path).equals(pq.read_table(kept[name]))
        else:
            assert path.read_bytes() == kept[name].read_bytes(), name


def test_the_changed_payloads_take_a_region_out_of_a_large_survey() -> None:
    panel = open_panel(DEMO / "panel.toml", date(2026, 11, 21))
    before, after = (
        matcher.compile(matcher.load_surveys([DEMO / name], panel.mapping)).match(panel)
        for name in ("payloads", "changed")
    )
    lost = before.eligible("dynata:20105") - after.eligible("dynata:20105")
    region = pq.read_table(DEMO / "members.parquet").column("region")
    assert len(lost) > 1000
    assert set(region.take(pa.array(list(lost))).to_pylist()) == {"south"}
    names = [{survey.name for survey in each.surveys} for each in (before, after)]
    assert names[0] ^ names[1] == {"dynata:20121", "toluna:2510016/791016"}
    for alike in ("dynata:20108", "dynata:20104"):
        assert before.eligible(alike) == after.eligible(alike)


def test_the_outcomes_hold_one_wrong_answer() -> None:
    marketplace, attribute, answer, _ = outcomes.WRONG
    panel = open_panel(DEMO / "panel.toml", date(2026, 11, 21))
    mapped = panel.mapping.marketplaces[marketplace].attributes[attribute]
    ((held,),) = [target for code, target in (mapped.answers or {}).items() if code == answer]
    members = pq.read_table(DEMO / "members.parquet", columns=["member_id", mapped.attribute.name])
    holds = dict(zip(*(column.to_pylist() for column in members.columns), strict=True))
    with (DEMO / "outcomes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 4000
    survey = max(outcomes.SENT)
    by_code = {
        code: Counter(
            holds[row["member_id"]] == held
            for row in rows
            if (row["survey"], row["code"]) == (survey, code)
        )
        for code in ("1/0", "2/6")
    }
    assert by_code["2/6"][True] > 100
    assert by_code["2/6"][True] > 3 * by_code["2/6"][False]
    assert by_code["1/0"][True] < 0.05 * by_code["1/0"][False]
