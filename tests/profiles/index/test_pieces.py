"""An index whose shards are read in pieces, by two workers, where members have been deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import matcher
from matcher.surveys import ChoiceStrategy, Verdict
from profiles.index import open_index
from profiles.panel import Panel, Shard
from profiles.schema import AskedParticipation
from profiles.schema.panel_file import PanelFile, parse_panel, read_panel_file
from profiles.sources import open_source
from profiles.synthetic import AS_OF
from tests.support.commandline import put
from tests.support.corpus import ROOT
from tests.support.reference import Reference

DEMO = ROOT / "fixtures" / "demo"
MEMBERS, SHARD, PIECE = 500, 192, 64
GONE = {*range(0, MEMBERS, 5), *range(SHARD + PIECE, SHARD + 2 * PIECE), MEMBERS - 1}
"""Some of every piece, and all of one."""


class InPieces(Panel):
    """A panel of which few rows are read at a time, whatever is asked for."""

    def shards(
        self,
        attributes: Iterable[str],
        members: int = PIECE,
        history: Iterable[AskedParticipation] = (),
    ) -> Iterator[Shard]:
        return super().shards(attributes, min(members, PIECE), history)


@pytest.fixture(scope="module")
def file() -> PanelFile:
    """The demo's, without its history."""
    written = read_panel_file(DEMO / "panel.toml")
    return parse_panel({k: v for k, v in written.tables.items() if k != "history"}, written.path)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return pq.read_table(DEMO / "members.parquet").slice(0, MEMBERS).to_pylist()  # type: ignore[no-any-return]


@pytest.fixture
def panel(file: PanelFile, rows: list[dict[str, Any]], tmp_path: Path) -> Panel:
    table = pq.read_table(DEMO / "members.parquet").slice(0, MEMBERS)
    pq.write_table(table, tmp_path / "members.parquet")
    source = Panel(file, open_source(tmp_path / "members.parquet"), AS_OF)
    source.write_index(tmp_path / "index", shard_members=SHARD)
    put(tmp_path, "gone.csv", "\n".join(["member_id", *(rows[at]["member_id"] for at in GONE)]))
    gone = open_source(tmp_path / "gone.csv")
    source.update_index(tmp_path / "index", deleted=gone, shard_members=SHARD)
    index = open_index(tmp_path / "index")
    assert [shard.file.rows for shard in index.shards] == [192, 192, 116]
    return InPieces(index.file, index, AS_OF)


@pytest.mark.parametrize("how", [ChoiceStrategy.BALANCED, ChoiceStrategy.SCARCEST])
def test_pieces_give_what_the_reference_gives(
    how: ChoiceStrategy, panel: Panel, rows: list[dict[str, Any]]
) -> None:
    surveys = matcher.load_surveys([DEMO / "payloads"], panel.mapping).surveys
    left = [row for at, row in enumerate(rows) if at not in GONE]
    reference = Reference(surveys, panel.mapping, left, AS_OF)
    choice = reference.choice(how, 1)
    found = matcher.compile(surveys).match(panel, choose=how, seed=1, uncertain=True, workers=2)
    assert list(found) == reference.rows(choice, uncertain=True)
    assert found.counts() == reference.counts(choice, uncertain=True)
    for survey in surveys[::7]:
        places = reference.places(survey, Verdict.ELIGIBLE)
        assert list(found.eligible(survey.name)) == places
        ids = panel.ids(found.eligible(survey.name)).to_pylist()
        assert ids == [left[place]["member_id"] for place in places]
