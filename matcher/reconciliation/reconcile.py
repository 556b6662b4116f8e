"""Compares a log of what marketplaces answered with our own verdicts: `reconcile`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from matcher.reconciliation.judged import Judged, surprising
from matcher.reconciliation.outcome_log import Log, read_log
from matcher.reconciliation.result import (
    AnsweredCode,
    Confusion,
    Reconciliation,
    RejectedRows,
)
from matcher.reconciliation.suspects import find_suspects
from matcher.reconciliation.targeting import REASONS, Targeting
from matcher.rules import Truth
from matcher.surveys import Reason, Survey, Surveys, Verdict
from profiles.encoding import id_type
from profiles.panel import Panel, SelectedMembers
from profiles.sources import Source, open_source

_VERDICTS = {Truth.FALSE: Verdict.INELIGIBLE, Truth.TRUE: Verdict.ELIGIBLE}


@dataclass(frozen=True)
class Reconciled:
    """What was found in a log, and `surprises`, a table of the rows that contradict us.

    Its columns: `member_id` as in the panel, `survey`, `code`, `at` (the day judged), `said` (our
    verdict, `eligible` or `ineligible`) and `reason`, in the order of the log.
    """

    found: Reconciliation
    surprises: pa.Table

    def __repr__(self) -> str:
        return f"Reconciled({self.found!r})"

    def __len__(self) -> int:
        return len(self.surprises)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self.surprises.to_batches():
            yield from batch.to_pylist()


def reconcile(outcomes: Source | str | Path, surveys: Surveys, panel: Panel) -> Reconciled:
    """Judge every row of a log of outcomes, on its own day, and look for what explains surprises.

    `outcomes` is a file, a folder of files, or a source that is open. Rows without a time are
    judged on the panel's day. Raises InputError where the log or the panel cannot be read.

    >>> import matcher, profiles
    >>> panel = profiles.open_panel("fixtures/demo/panel.toml", "2026-11-21")
    >>> surveys = matcher.load_surveys(["fixtures/demo/payloads"], panel.mapping)
    >>> reconciled = matcher.reconcile("fixtures/demo/outcomes.csv", surveys, panel)
    >>> reconciled.found
    Reconciliation(rows=4,820, judged=4,820, surprises=207, suspects=1)
    >>> print(reconciled.found.suspects[0].words)
    attribute 100262 (employment) is 20000140 (self_employed)
    """
    source = open_source(Path(outcomes)) if isinstance(outcomes, str | Path) else outcomes
    log = read_log(source, surveys.surveys, surveys.rejected, panel.as_of)
    targeting = Targeting(surveys.surveys, surveys.mapping)
    members = SelectedMembers(panel, log.ids, targeting.plan.attributes)
    judged = []
    for shard, rows in members.on_days(log.member, log.day):
        survey, code = log.survey[rows], log.code[rows]
        verdicts = targeting.judge(shard, survey)
        judged.append(
            Judged(shard, rows, survey, code, verdicts.truth, verdicts.reason, verdicts.depends)
        )
    rejected = list(log.set_aside)
    unknown = np.flatnonzero(~members.found[log.member])
    if len(unknown):
        first = log.place(int(unknown[0]))
        rejected.append(RejectedRows("a member who is not in the panel", len(unknown), first))
    suspects = find_suspects(
        judged, surveys.surveys, log.codes, surveys.mapping, targeting.asked_by
    )
    found = Reconciliation(
        panel.as_of,
        log.rows,
        tuple(_confusion(log.codes, judged)),
        tuple(suspects),
        tuple(rejected),
    )
    return Reconciled(found, _surprises(panel, surveys.surveys, log, judged))


def _confusion(codes: Sequence[AnsweredCode], judged: Sequence[Judged]) -> list[Confusion]:
    """A line for every code that occurs, by marketplace and code."""
    counts: Counter[tuple[int, int, int]] = Counter()
    surprises: Counter[int] = Counter()
    for part in judged:
        counts.update(
            zip(part.code.tolist(), part.truth.tolist(), part.reason.tolist(), strict=True)
        )
        surprises.update(part.code[surprising(part, codes)].tolist())
    lines = []
    for number, code in enumerate(codes):
        of_code = {key[1:]: rows for key, rows in counts.items() if key[0] == number}
        unfit: dict[Reason, int] = {
            reason: of_code[Truth.FALSE, place]
            for place, reason in enumerate(REASONS)
            if (Truth.FALSE, place) in of_code
        }
        fits, uncertain = (
            sum(rows for (found, _), rows in of_code.items() if found == truth)
            for truth in (Truth.TRUE, Truth.UNKNOWN)
        )
        if of_code:
            lines.append(Confusion(code, fits, uncertain, unfit, surprises[number]))
    return sorted(lines, key=lambda line: (line.code.marketplace, _in_order(line.code.code)))


def _in_order(code: str) -> tuple[tuple[int, str], ...]:
    """2/6 comes before 2/10, and both before words."""
    return tuple(
        (int(part), "") if part.isdecimal() else (1 << 60, part) for part in code.split("/")
    )


def _surprises(
    panel: Panel, surveys: Sequence[Survey], log: Log, judged: Sequence[Judged]
) -> pa.Table:
    kind = id_type(panel.source.schema().field(panel.schema.member_id).type)
    texts = [pa.field(name, pa.string()) for name in ("survey", "code", "said", "reason")]
    schema = pa.schema([("member_id", kind), *texts[:2], ("at", pa.date32()), *texts[2:]])
    tables = [schema.empty_table()]
    order = [np.empty(0, np.int64)]
    for part in judged:
        some = np.flatnonzero(surprising(part, log.codes))
        columns = [
            part.shard.member_ids.take(pa.array(some)),
            pa.array([surveys[number].name for number in part.survey[some].tolist()], pa.string()),
            pa.array([log.codes[number].code for number in part.code[some].tolist()], pa.string()),
            pa.array([part.shard.as_of] * len(some), pa.date32()),
            pa.array([_VERDICTS[Truth(truth)] for truth in part.truth[some].tolist()], pa.string()),
            pa.array([REASONS[place] for place in part.reason[some].tolist()], pa.string()),
        ]
        tables.append(pa.table(columns, schema=schema))
        order.append(part.rows[some])
    rows = np.argsort(np.concatenate(order), kind="stable")
    return pa.concat_tables(tables).take(pa.array(rows))
