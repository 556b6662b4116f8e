"""A mapping as JSON values: what is written is read as the same, and nothing else is read."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import matcher
from matcher.plan import Plan
from profiles.errors import InputError
from profiles.schema import (
    Attribute,
    AttributeMapping,
    Collections,
    Kind,
    MarketplaceMapping,
    PanelMapping,
    Schema,
    read_mapping,
    write_mapping,
)
from profiles.schema.panel_file import parse_panel, read_panel_file
from tests.support.commandline import (
    ADULT_MEN,
    PANEL,
    put,
    put_panel,
)
from tests.support.corpus import ROOT
from tests.support.strategies import (
    Json,
    Variation,
    variations,
    write_collections,
)

PANEL_FILES = sorted((ROOT / "fixtures").rglob("panel.toml"))
NAMES = st.text(max_size=4)
OPTIONS = st.integers(-9, 9) | NAMES | st.dictionaries(NAMES, st.booleans(), max_size=2)
ENDS = st.floats(allow_nan=False, allow_infinity=False)
RANGES = st.tuples(ENDS | st.just(-inf), ENDS | st.just(inf)).filter(
    lambda ends: ends[0] <= ends[1]
)


@st.composite
def mappings(draw: st.DrawFn) -> PanelMapping:
    """Any mapping: more than a panel file can say."""
    attributes = {
        name: Attribute(name, draw(st.sampled_from(Kind)), draw(NAMES), draw(NAMES))
        for name in draw(st.lists(NAMES, unique=True, max_size=4))
    }
    constants = draw(st.dictionaries(NAMES, NAMES, max_size=2))
    schema = Schema(attributes, constants, draw(NAMES))
    marketplaces = {
        name: MarketplaceMapping(
            name,
            {
                id_: draw(attribute_mappings(schema, of))
                for id_, of in draw(entries(schema)).items()
            },
            draw(st.none() | NAMES),
            draw(st.dictionaries(NAMES, OPTIONS, max_size=2)),
        )
        for name in draw(st.lists(NAMES, unique=True, max_size=2))
    }
    folder = draw(st.none() | st.sampled_from([Path("/"), Path("/a b/ü"), Path("/x/../y")]))
    return PanelMapping(schema, marketplaces, Collections(folder), draw(st.booleans()))


def entries(schema: Schema) -> st.SearchStrategy[dict[str, str]]:
    known = sorted({*schema.attributes, *schema.constants})
    return st.dictionaries(NAMES, st.sampled_from(known), max_size=4) if known else st.just({})


def attribute_mappings(schema: Schema, name: str) -> st.SearchStrategy[AttributeMapping]:
    attribute = schema.attribute(name)
    parts: st.SearchStrategy[Any] = RANGES if attribute.numeric else NAMES
    answers = st.dictionaries(NAMES, st.lists(parts, max_size=3).map(tuple), max_size=3)
    return st.builds(AttributeMapping, st.just(attribute), st.none() | answers)


def assert_comes_back(mapping: PanelMapping) -> None:
    """Equal, in the same order, and through JSON text."""
    written = orjson.dumps(write_mapping(mapping))
    found = read_mapping(orjson.loads(written))
    assert found == mapping
    assert orjson.dumps(write_mapping(found)) == written


@given(mapping=mappings())
def test_any_mapping_comes_back(mapping: PanelMapping) -> None:
    assert_comes_back(mapping)


@pytest.mark.parametrize("path", PANEL_FILES, ids=lambda path: path.parent.name)
def test_the_mapping_of_a_panel_file_comes_back(path: Path) -> None:
    assert_comes_back(read_panel_file(path).mapping)


@given(variation=variations)
def test_the_mapping_of_a_generated_panel_file_comes_back(
    variation: Variation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    write_collections(folder / "collections")
    assert_comes_back(parse_panel(variation.tables(), folder / "panel.toml").mapping)


def test_the_folder_of_collections_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the panel file was named relative to the folder one was in."""
    write_collections(tmp_path / "collections")
    put_panel(tmp_path, PANEL + '[collections]\nfolder = "collections"\n')
    monkeypatch.chdir(tmp_path)
    written = write_mapping(read_panel_file(Path("panel.toml")).mapping)
    assert written["collections"] == str(tmp_path / "collections")


def test_a_folder_that_is_not_utf8_is_refused() -> None:
    mapping = PanelMapping(Schema({}, {}), {}, Collections(Path("/\udcff")))
    with pytest.raises(InputError, match="the path of the collections folder is not UTF-8 text"):
        write_mapping(mapping)


def test_a_compiled_plan_carries_the_mapping_and_nothing_secret(tmp_path: Path) -> None:
    members = 'source = "members.parquet"'
    assert members in PANEL
    secret = 'source = "postgresql://user:secret@host/panel"\ntable = "hidden"'
    history = '[history]\nsource = "postgresql://user:secret@host/panel"\ntable = "hidden"\n'
    path = put(tmp_path, "panel.toml", PANEL.replace(members, secret) + history)
    surveys = matcher.load_surveys(
        [put(tmp_path, "payload.json", ADULT_MEN)], read_panel_file(path).mapping
    )
    plan = matcher.compile(surveys)
    assert plan.mapping is surveys.mapping
    assert plan.mapping.history
    written = plan.to_bytes()
    assert not [each for each in (b"secret", b"hidden", b"host", b"user:") if each in written]
    assert Plan.from_bytes(written) == plan
    assert matcher.compile(surveys.surveys).mapping is None


def document() -> dict[str, Any]:
    """A mapping as it is written, with everything in it."""
    age = Attribute("age", Kind.NUMBER, "age")
    sex = Attribute("sex", Kind.SINGLE, "sex")
    entries = {
        "1": AttributeMapping(age, {"7": ((18.0, 24.0), (65.0, inf))}),
        "2": AttributeMapping(sex, {"1": ("M", "m")}),
        "3": AttributeMapping(sex),
    }
    marketplaces = {"dynata": MarketplaceMapping("dynata", entries, "rid", {"key": {"in": 1}})}
    schema = Schema({"age": age, "sex": sex}, {"country": "US"})
    return write_mapping(PanelMapping(schema, marketplaces, Collections(Path("/c")), history=True))


def paths_of(value: Json) -> list[tuple[Any, ...]]:
    """Where every value inside of a document stands."""
    if not isinstance(value, dict | list):
        return []
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    return [path for key, part in inside for path in [(key,), *((key, *p) for p in paths_of(part))]]


PATHS = paths_of(document())
OTHERS: tuple[Any, ...] = (None, True, 7, 2.5, "no such text", [], [[1]], {}, {"x": 1})


@pytest.mark.parametrize("path", PATHS, ids=lambda path: "/".join(map(str, path)))
@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_another_value_is_refused_or_still_a_mapping(path: tuple[Any, ...], other: Any) -> None:
    changed = document()
    *above, last = path
    inside: Any = changed
    for key in above:
        inside = inside[key]
    inside[last] = other
    try:
        found = read_mapping(changed)
    except (ValueError, KeyError, TypeError):
        return
    assert_comes_back(found)


@pytest.mark.parametrize("key", document())
def test_every_part_is_needed(key: str) -> None:
    changed = document()
    del changed[key]
    with pytest.raises(KeyError):
        read_mapping(changed)


@pytest.mark.parametrize(
    "value", [None, 7, "text", [], {}, [document()], document() | {"collections": "relative"}]
)
def test_anything_else_is_no_mapping(value: Any) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_mapping(value)
