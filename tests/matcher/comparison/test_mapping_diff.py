"""How two panel files differ."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from matcher.comparison import MappingChange
from matcher.comparison.mapping_diff import mapping_changes
from profiles.schema import PanelMapping, write_mapping
from profiles.schema.panel_file import parse_panel
from tests.support.strategies import Variation, variations

TABLES: dict[str, Any] = {
    "panel": {"source": "members.csv"},
    "attributes": {
        "age": {"type": "number"},
        "employment": {"type": "single"},
        "hobbies": {"type": "multi", "separator": ";"},
    },
    "constants": {"country": "US"},
    "marketplaces": {
        "dynata": {
            "attributes": {
                "785": {
                    "attribute": "employment",
                    "answers": {"3": "full_time", "4": ["retired", "part_time"]},
                },
                "81": {"attribute": "age", "answers": {"1": "-17", "2": ["18-24", "65-"]}},
                "80": {"attribute": "age"},
            }
        },
        "rfg": {"attributes": {"Job (US)": {"attribute": "employment", "answers": {"1": "other"}}}},
    },
}
AT = ("marketplaces", "dynata", "attributes")
NOTHING = object()


def mapping_of(tables: dict[str, Any]) -> PanelMapping:
    return parse_panel(tables, Path("panel.toml")).mapping


@pytest.mark.parametrize(
    ("place", "value", "texts"),
    [
        ((*AT, "785", "answers", "4"), "retired", ("part_time, retired", "retired")),
        ((*AT, "785", "answers", "5"), "student", (None, "student")),
        ((*AT, "785", "answers", "3"), NOTHING, ("full_time", None)),
        ((*AT, "81", "answers", "2"), ["18-25", "65-"], ("18-24, 65-", "18-25, 65-")),
        ((*AT, "80", "attribute"), "hobbies", ("age", "hobbies")),
        ((*AT, "81"), NOTHING, ("age, 2 answers", None)),
        ((*AT, "82"), {"attribute": "age"}, (None, "age")),
        ((*AT, "80", "answers"), {"1": "1"}, (None, "1 answer")),
        (("marketplaces", "dynata", "respondent_id"), "pid", (None, "pid")),
        (("attributes", "hobbies", "separator"), "|", (";", "|")),
        (("attributes", "age", "column"), "years", ("age", "years")),
        (("attributes", "hobbies", "type"), "single", ("multi", "single")),
        (("attributes", "smoker"), {"type": "single"}, (None, "single")),
        (("constants", "country"), "GB", ("US", "GB")),
        (("constants", "device"), "mobile", (None, "mobile")),
        (("panel", "member_id"), "pid", ("member_id", "pid")),
    ],
)
def test_one_change_is_reported_at_its_key(
    place: tuple[str, ...], value: Any, texts: tuple[str | None, str | None]
) -> None:
    tables = copy.deepcopy(TABLES)
    *inside, key = place
    table = tables
    for step in inside:
        table = table[step]
    if value is NOTHING:
        del table[key]
    else:
        table[key] = value
    before, after = mapping_of(TABLES), mapping_of(tables)
    assert mapping_changes(before, after) == (MappingChange(".".join(place), *texts),)
    assert mapping_changes(after, before) == (MappingChange(".".join(place), *texts[::-1]),)


def test_keys_are_spelt_as_in_the_file() -> None:
    tables = copy.deepcopy(TABLES)
    tables["marketplaces"]["rfg"]["attributes"]["Job (US)"]["answers"]["1"] = "none"
    tables["history"] = {"source": "history.csv"}
    tables["marketplaces"]["rfg"]["device_support"] = {"unknown": 2, "no": 0}
    del tables["marketplaces"]["dynata"]
    assert mapping_changes(mapping_of(TABLES), mapping_of(tables)) == (
        MappingChange("history", None, "given"),
        MappingChange("marketplaces.rfg.device_support.unknown", "0", "2"),
        MappingChange("marketplaces.rfg.device_support.no", "2", "0"),
        MappingChange('marketplaces.rfg.attributes."Job (US)".answers.1', "other", "none"),
        MappingChange("marketplaces.dynata.attributes.785", "employment, 2 answers", None),
        MappingChange("marketplaces.dynata.attributes.81", "age, 2 answers", None),
        MappingChange("marketplaces.dynata.attributes.80", "age", None),
    )


@given(before=variations, after=variations)
def test_mappings_with_the_same_json_do_not_differ(before: Variation, after: Variation) -> None:
    old, new = (
        mapping_of({**variation.tables(), "collections": None}) for variation in (before, after)
    )
    assert (not mapping_changes(old, new)) == (write_mapping(old) == write_mapping(new))
