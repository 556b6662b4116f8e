"""What marketplaces answered, against what we would have said: `reconcile`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

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
from profiles.sources import Source

_SAID = {Truth.FALSE: Verdict.INELIGIBLE, Truth.TRUE: Verdict.ELIGIBLE}


@dataclass(frozen=True)
class Reconciled:
    """What was found in a log, and `surprises`, a table of the rows it was found in.

    Its columns: `member_id` as in the panel, `survey`, `code`, `at` (the day judged), `said`
    (`eligible` or `ineligible`) and `reason`, in the order of the log.
    """

    found: Reconciliation
    surprises: pa.Table


def reconcile(outcomes: Source, surveys: Surveys, panel: Panel) -> Reconciled:
    """Judge every row of a log of outcomes, on its own day, and look for what is behind surprises.

    Rows without a time are judged on the panel's day. Raises InputError where the log or the panel
    cannot be read.
    """
    log = read_log(outcomes, surveys.surveys, surveys.rejected, panel.as_of)
    targeting = Targeting(surveys.surveys, surveys.mapping)
    members = SelectedMembers(panel, log.ids, targeting.plan.attributes)
    judged = []
    for shard, rows in members.on_days(log.member, log.day):
        survey, code = log.survey[rows], log.code[rows]
        said = targeting.judge(shard, survey)
        judged.append(Judged(shard, rows, survey, code, said.truth, said.reason, said.rests))
    set_aside = list(log.set_aside)
    unknown = np.flatnonzero(~members.found[log.member])
    if len(unknown):
        first = log.place(int(unknown[0]))
        set_aside.append(RejectedRows("a member who is not in the panel", len(unknown), first))
    found = Reconciliation(
        panel.as_of,
        log.rows,
        tuple(_confusion(log.codes, judged)),
        tuple(find_suspects(judged, surveys.surveys, log.codes, surveys.mapping, targeting.asking)),
        tuple(set_aside),
    )
    return Reconciled(found, _surprises(panel, surveys.surveys, log, judged))


def _confusion(codes: Sequence[AnsweredCode], judged: Sequence[Judged]) -> list[Confusion]:
    """A line for every code that came up, by marketplace and code."""
    counts: Counter[tuple[int, int, int]] = Counter()
    surprises: Counter[int] = Counter()
    for each in judged:
        counts.update(
            zip(each.code.tolist(), each.truth.tolist(), each.reason.tolist(), strict=True)
        )
        surprises.update(each.code[surprising(each, codes)].tolist())
    lines = []
    for number, code in enumerate(codes):
        mine = {key[1:]: rows for key, rows in counts.items() if key[0] == number}
        unfit: dict[Reason, int] = {
            reason: mine[Truth.FALSE, place]
            for place, reason in enumerate(REASONS)
            if (Truth.FALSE, place) in mine
        }
        fits, uncertain = (
            sum(rows for (found, _), rows in mine.items() if found == truth)
            for truth in (Truth.TRUE, Truth.UNKNOWN)
        )
        if mine:
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
    for each in judged:
        some = np.flatnonzero(surprising(each, log.codes))
        columns = [
            each.shard.member_ids.take(pa.array(some)),
            pa.array([surveys[number].name for number in each.survey[some].tolist()], pa.string()),
            pa.array([log.codes[number].code for number in each.code[some].tolist()], pa.string()),
            pa.array([each.shard.as_of] * len(some), pa.date32()),
            pa.array([_SAID[Truth(truth)] for truth in each.truth[some].tolist()], pa.string()),
            pa.array([REASONS[place] for place in each.reason[some].tolist()], pa.string()),
        ]
        tables.append(pa.table(columns, schema=schema))
        order.append(each.rows[some])
    rows = np.argsort(np.concatenate(order), kind="stable")
    return pa.concat_tables(tables).take(pa.array(rows))
