"""The documents of the router: what they show runs, and does what they say."""

from __future__ import annotations

import asyncio
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import matcher
from matcher import Plan, Router
from profiles import open_panel
from tests.support.commandline import (
    ADULT_MEN,
    MEMBERS,
    PANEL,
    put,
    put_panel,
)
from tests.support.corpus import ROOT

DOCUMENT = (ROOT / "docs" / "guide" / "router.md").read_text("utf-8")
EXAMPLES = ROOT / "docs" / "examples"
HISTORY = '[history]\nsource = "history.csv"\n'
MAN = {name: values[0] for name, values in MEMBERS.items()}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a panel, its history and a payload."""
    monkeypatch.chdir(tmp_path)
    put_panel(tmp_path, HISTORY + PANEL)
    put(tmp_path, "history.csv", "member_id,marketplace,survey_id,outcome\nm2,dynata,1,complete\n")
    put(tmp_path, "opportunities.json", [ADULT_MEN, {**ADULT_MEN, "id": "13231"}])
    return tmp_path


@pytest.fixture
def router(here: Path) -> Router:
    put_panel(here)
    panel = open_panel("panel.toml")
    return Router(matcher.compile(matcher.load_surveys(["opportunities.json"], panel.mapping)))


def test_what_the_document_shows_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every block that is not a whole example, one after the other."""
    del here
    known: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL):
        if not block.startswith('"""'):
            exec(block, known)
    assert capsys.readouterr().out == "dynata:1 ('q2',)\ndynata:13231 ('q2',)\n"
    assert known["applied"].changed == ("dynata:13231",)
    assert known["router"].match(known["member"]).eligible[0].survey == "dynata:1"


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_the_document_shows_the_examples_as_they_are(example: Path) -> None:
    assert f"```python\n{example.read_text('utf-8')}```\n" in DOCUMENT


def test_an_async_process_routes_and_changes(router: Router) -> None:
    service = runpy.run_path(str(EXAMPLES / "service.py"))["Service"](router)

    async def session() -> None:
        assert await service.surveys(MAN) == {"dynata:1": ["q1"], "dynata:13231": ["q1"]}
        first = await service.enter("m1", "dynata:1", ["q1"])
        assert await service.leave(first, completed=True)
        assert not await service.leave(first, completed=True)
        assert await service.enter("m1", "dynata:1", ["q1"]) is None
        closing, wrong = {"survey": "dynata:1", "status": "closed"}, {"survey": "x"}
        told, found = await asyncio.gather(service.surveys(MAN), service.change([closing, wrong]))
        assert "dynata:13231" in told
        assert len(found) == 1
        assert await service.surveys(MAN) == {"dynata:13231": ["q1"]}

    asyncio.run(session())


@pytest.mark.usefixtures("here")
def test_a_router_may_begin_empty() -> None:
    put_panel(Path())
    router = Router(Plan((), open_panel("panel.toml").mapping))
    assert router.match(MAN).eligible == []
    assert router.apply(ADULT_MEN).added == ("dynata:1",)
    assert [each.survey for each in router.match(MAN).eligible] == ["dynata:1"]


def test_what_is_settled_is_acknowledged_and_what_failed_is_kept(router: Router) -> None:
    listen = runpy.run_path(str(EXAMPLES / "notifications.py"))["listen"]
    taken = {**ADULT_MEN, "status": "CLOSED"}
    malformed = {**ADULT_MEN, "filters": 5}
    strange = {"hello": 1}
    batches = iter([[taken, strange, malformed], [], None])
    acknowledged: list[Any] = []
    saved: list[bytes] = []
    logged: list[str] = []
    listen(router, lambda: next(batches), acknowledged.extend, saved.append, logged.append)
    assert acknowledged == [taken, malformed]
    assert len(logged) == 2
    assert [each.survey for each in router.match(MAN).eligible] == ["dynata:13231"]
    assert Router.from_bytes(saved[-1]).surveys == router.surveys


def test_nothing_is_acknowledged_that_was_not_saved(router: Router) -> None:
    listen = runpy.run_path(str(EXAMPLES / "notifications.py"))["listen"]
    acknowledged: list[Any] = []

    def fail(data: bytes) -> None:
        raise OSError(len(data))

    with pytest.raises(OSError, match=r"\d+"):
        listen(router, lambda: [ADULT_MEN], acknowledged.extend, fail, print)
    assert acknowledged == []
