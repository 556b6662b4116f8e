"""A marketplace of another package that fails is named, and ends no work."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from matcher import load_surveys
from matcher.marketplaces import Marketplace, check_options, marketplaces, read_id_list
from matcher.rules import UNKNOWN
from matcher.surveys import Survey
from profiles.errors import InputError
from profiles.schema import Collections, PanelMapping
from profiles.schema.panel_file import parse_panel

OWN = {"pid": "1", "state": 2, "datapoints": []}
OTHERS = {"acme": 7}


def _fail(*_: Any) -> Any:
    raise KeyError("broken")


def _survey(_: Any, __: Any) -> Survey:
    return Survey("acme", "7", True, (), ())


SOUND = Marketplace(
    name="acme",
    recognises=lambda document: "acme" in document,
    survey_objects=lambda document: iter([("", document)]),
    name_of=lambda raw: str(raw["acme"]),
    lower=_survey,
)
FAULTY = SOUND
NOTHING = 3


@pytest.fixture
def mapping() -> PanelMapping:
    file = {"panel": {"source": "x.csv"}, "attributes": {}, "marketplaces": {"acme": {}}}
    return parse_panel(file, Path("panel.toml")).mapping


@pytest.fixture(autouse=True)
def _forget() -> Any:
    yield
    marketplaces.cache_clear()


def install(monkeypatch: pytest.MonkeyPatch, name: str, **broken: Any) -> None:
    """Another package is there, whose functions of these names fail."""
    if name == "FAULTY":
        monkeypatch.setitem(globals(), "FAULTY", replace(SOUND, **broken))
    entry = EntryPoint("acme", f"{__name__}:{name}", "matcher.marketplaces")
    monkeypatch.setattr("matcher.marketplaces.entry_points", lambda **_: [entry])
    marketplaces.cache_clear()


@pytest.mark.parametrize("name", ["MISSING", "NOTHING"])
def test_one_that_cannot_be_loaded_is_set_aside(
    name: str, monkeypatch: pytest.MonkeyPatch, mapping: PanelMapping
) -> None:
    install(monkeypatch, name)
    check_options(mapping)
    surveys = load_surveys([OWN], mapping)
    assert [survey.name for survey in surveys.surveys] == ["rfg:1"]
    (found,) = [each for each in surveys.diagnostics if each.code == "marketplace-fault"]
    assert found.message.startswith("the marketplace `acme` of another package is set aside: ")


@pytest.mark.parametrize(
    ("function", "names"),
    [
        ("recognises", ["rfg:1"]),
        ("survey_objects", ["rfg:1"]),
        ("name_of", ["acme:7", "rfg:1"]),
        ("lower", ["rfg:1"]),
        ("link", ["acme:7", "rfg:1"]),
        ("link_keys", ["acme:7", "rfg:1"]),
    ],
)
def test_one_that_fails_is_named_and_the_others_are_read(
    function: str, names: list[str], monkeypatch: pytest.MonkeyPatch, mapping: PanelMapping
) -> None:
    install(monkeypatch, "FAULTY", **{function: _fail})
    surveys = load_surveys([OTHERS, OWN], mapping)
    assert sorted(survey.name for survey in surveys.surveys) == names
    found = [each.message for each in surveys.diagnostics if each.code == "marketplace-fault"]
    assert len(found) == (function != "link_keys")
    assert all("`acme`" in message and "broken" in message for message in found)
    gates = [clause.rule for each in surveys.surveys if each.id == "7" for clause in each.gate]
    assert gates == ([UNKNOWN] if function == "link" else [])


def test_surveys_that_cannot_be_linked_stay_unknown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "FAULTY", link=_fail)
    link = marketplaces()["acme"].link
    once = link([_survey(None, None)])
    assert link(once) == once


def test_a_list_of_ids_that_cannot_be_read_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "FAULTY", read_id_list=_fail)
    with pytest.raises(InputError, match="marketplace `acme` fails at reading `acme/x`"):
        read_id_list(Collections(), "acme/x")
