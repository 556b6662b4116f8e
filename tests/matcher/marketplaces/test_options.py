"""A marketplace of another package: its options are declared, and its lists of ids are read."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from matcher.marketplaces import (
    Marketplace,
    Options,
    check_options,
    marketplaces,
    options_of,
    read_id_list,
)
from profiles.errors import InputError
from profiles.schema import Collections, IdList, PanelMapping
from profiles.schema.panel_file import parse_panel


class OtherOptions(Options):
    depth: int = 3


def read_lines(collections: Collections, name: str) -> IdList | None:
    text = collections.text(name, ".ids")
    return None if text is None else IdList(frozenset(text.split()))


OTHER = Marketplace(
    name="other",
    recognises=lambda _: False,
    survey_objects=lambda _: iter(()),
    name_of=lambda _: None,
    lower=lambda _, __: None,
    read_id_list=read_lines,
    options=OtherOptions,
)


@pytest.fixture(autouse=True)
def _another_package(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    entry = EntryPoint("other", f"{__name__}:OTHER", "matcher.marketplaces")
    monkeypatch.setattr("matcher.marketplaces.entry_points", lambda **_: [entry])
    marketplaces.cache_clear()
    yield
    marketplaces.cache_clear()


def mapping_of(**tables: dict[str, Any]) -> PanelMapping:
    file = {"panel": {"source": "x.csv"}, "attributes": {}, "marketplaces": tables}
    return parse_panel(file, Path("panel.toml")).mapping


def test_its_options_are_known() -> None:
    mapping = mapping_of(other={"depth": 5}, rfg={"device_support": {"no": 7}})
    check_options(mapping)
    assert options_of(mapping, "other") == OtherOptions(depth=5)
    assert options_of(mapping_of(), "other") == OtherOptions()


@pytest.mark.parametrize(
    ("tables", "why"),
    [
        ({"othr": {}}, "othr: no such marketplace; did you mean `other`?"),
        ({"other": {"deepth": 5}}, "other.deepth: no such key; did you mean `depth`?"),
        ({"other": {"depth": "5"}}, "other.depth: must be a whole number"),
        ({"other": {"depth": True}}, "other.depth: must be a whole number"),
        ({"dynata": {"depth": 5}}, "dynata.depth: no such key"),
        ({"dynata": {"respondentid": "x"}}, "dynata.respondentid: no such key; did you mean "),
    ],
)
def test_what_is_not_declared_is_refused(tables: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError) as raised:
        check_options(mapping_of(**tables))
    assert str(raised.value).startswith(f"panel.toml: marketplaces.{why}")


def test_its_lists_are_read(tmp_path: Path) -> None:
    (tmp_path / "other" / "list").mkdir(parents=True)
    (tmp_path / "other" / "list" / "7.ids").write_text("m1 m2\n")
    collections = Collections(tmp_path)
    found = collections.ids("other/list/7", read_id_list)
    assert found == IdList(frozenset({"m1", "m2"}))
    (tmp_path / "other" / "list" / "7.ids").unlink()
    assert collections.ids("other/list/7", read_id_list) is found
    for name in ("other/list/8", "rfg/list/7", "nobody/list/7", "other/list/../7"):
        assert collections.ids(name, read_id_list) is None
