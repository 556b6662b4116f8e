"""Reads a log of outcomes: who was sent to which survey, what the marketplace answered, and when.

Rows that are incomplete, or name something unknown, are counted with the place of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from matcher.marketplaces import Disposition, marketplaces
from matcher.reconciliation.result import AnsweredCode, RejectedRows
from matcher.surveys import Survey
from profiles.encoding import (
    BadValueError,
    Numbers,
    as_days,
    coded,
    is_code,
    is_id,
    is_text,
    short_name,
    trimmed,
)
from profiles.errors import InputError
from profiles.history import HistoryRows
from profiles.schema import as_moment
from profiles.sources import Batch, Source

LOG_OUTCOMES = {
    "complete": Disposition.COMPLETE,
    "started": Disposition.ENTERED,
    "dropout": Disposition.ENTERED,
    "not_targeted": Disposition.NOT_TARGETED,
    "disqualified": Disposition.OTHER,
    "over_quota": Disposition.QUOTA_FULL,
    "duplicate": Disposition.TAKEN,
    "quality": Disposition.QUALITY,
}
"""Outcomes of participation history, and one for members who were turned away.

Disqualification may be the marketplace's or the survey's, so it contradicts nothing.
"""

_OPTIONAL = ("code", "disposition", "status", "outcome", "at", "wave_id")
_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86_400
Texts: TypeAlias = pa.Array
"""A text or null for every row."""


@dataclass
class Log:
    """Rows that can be judged, by number; all arrays have one entry a row.

    `member` is a place in `ids`, `survey` one among the surveys given, `code` one in `codes`; `day`
    is a proleptic ordinal. `place` gives the place of a row in its file. `rows` counts all rows.
    """

    ids: pa.Array
    member: Numbers
    survey: Numbers
    code: Numbers
    day: Numbers
    codes: tuple[AnsweredCode, ...]
    place: Callable[[int], str]
    rows: int
    set_aside: tuple[RejectedRows, ...]


def check_log_columns(source: Source) -> None:
    """Raise InputError where a column that a log needs is missing."""
    has = set(source.schema().names)
    missing = []
    if "member_id" not in has:
        missing.append("`member_id`")
    if "survey" not in has and not {"marketplace", "survey_id"} <= has:
        missing.append("`survey` (or `marketplace` and `survey_id`)")
    if not {"code", "outcome"} & has and not {"disposition", "status"} <= has:
        missing.append("`code` (or `disposition` and `status`, or `outcome`)")
    if missing:
        raise InputError(f"{source.name}: no column {', '.join(missing)}, which a log needs")


def read_log(
    source: Source, surveys: Sequence[Survey], rejected: Sequence[str], as_of: date
) -> Log:
    """Read a log of outcomes of these surveys; rows without a time are of the as-of day.

    `rejected`: names of surveys that were set aside. Raises InputError where the log cannot be
    read, or a column is missing.
    """
    check_log_columns(source)
    reader = _Reader(surveys, rejected, as_of)
    has = source.schema().names
    wanted = [name for name in ("member_id", "survey", *_OPTIONAL) if name in has]
    if "survey" not in has:
        wanted += ["marketplace", "survey_id"]
    for batch in source.batches(wanted, frozenset({"member_id"})):
        reader.add(batch)
    return reader.log()


@dataclass
class _Reader:
    """Gathers rows batch by batch."""

    surveys: Sequence[Survey]
    rejected: Sequence[str]
    as_of: date
    ids: list[pa.Array] = field(default_factory=list)
    kept: list[Numbers] = field(default_factory=list)
    numbers: list[NDArray[np.int64]] = field(default_factory=list)
    batches: list[tuple[int, str, int]] = field(default_factory=list)
    rows: int = 0
    codes: dict[tuple[str, str, bool], int] = field(default_factory=dict)
    known: list[AnsweredCode] = field(default_factory=list)
    bad: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, batch: Batch) -> None:
        """Read a batch; of a row that has several faults the first counts."""
        _check_types(batch)
        rows = HistoryRows(batch)
        self.batches.append((self.rows, batch.origin, batch.first_row))
        good = np.ones(batch.data.num_rows, np.bool_)

        def refuse(faulty: NDArray[np.bool_], why: str) -> None:
            faulty = faulty & good
            if faulty.any():
                count, first = self.bad.get(why, (0, batch.place(int(faulty.argmax()))))
                self.bad[why] = count + int(faulty.sum()), first
                good[faulty] = False

        ids = trimmed(batch.data.column("member_id"))
        refuse(pc.equal(ids, "").fill_null(True).to_numpy(zero_copy_only=False), "no member id")
        survey = self._surveys(rows)
        refuse(survey == -1, "no survey")
        refuse(survey == -3, "a survey that was set aside")
        refuse(survey == -2, "a survey that is not in the payloads")
        code = self._codes(rows, survey)
        refuse(code == -1, "no code and no outcome")
        refuse(code == -2, "an outcome that is not known")
        day = _days(batch, self.as_of)
        refuse(day == -1, "a time that cannot be read")
        kept = np.flatnonzero(good)
        self.ids.append(ids.take(pa.array(kept)))
        self.kept.append(kept + self.rows)
        self.numbers.append(np.array([survey[kept], code[kept], day[kept]]))
        self.rows += batch.data.num_rows

    def _surveys(self, rows: HistoryRows) -> Numbers:
        """The number of each row's survey; -1: none named, -2: not known, -3: rejected."""
        places = dict.fromkeys(self.rejected, -3)
        places |= {survey.name: number for number, survey in enumerate(self.surveys)}
        names = coded(_names(rows))
        table = [
            -1 if name is None else places.get(_lowered(name), -2)
            for name in names.codes.to_pylist()
        ]
        numbers: Numbers = np.array([*table, -1], np.int64)[names.numbers]
        return numbers

    def _codes(self, rows: HistoryRows, survey: Numbers) -> Numbers:
        """The number of each row's code, or else outcome; -1: neither, -2: not an outcome."""
        code, outcome = _codes(rows), _column(rows, "outcome")
        texts = coded(pc.coalesce(code, outcome))
        own = pc.is_null(code).to_numpy(zero_copy_only=False)
        names = sorted({survey.marketplace for survey in self.surveys})
        market_numbers = [names.index(survey.marketplace) for survey in self.surveys]
        marketplace = np.array([*market_numbers, 0], np.int64)[np.maximum(survey, -1)]
        width = len(texts.codes) + 1
        keys = (marketplace * 2 + own) * width + texts.numbers
        keys[(survey < 0) | (texts.numbers < 0)] = -1
        distinct, places = np.unique(keys, return_inverse=True)
        spelt = texts.codes.to_pylist()
        table = []
        for key in distinct.tolist():
            group, text = divmod(key, width)
            known = key >= 0 and spelt[text] is not None
            table.append(
                self._code(names[group // 2], spelt[text], group % 2 == 1) if known else -1
            )
        numbers: Numbers = np.array(table, np.int64)[places]
        return numbers

    def _code(self, marketplace: str, text: str, own: bool) -> int:
        key = marketplace, text, own
        if key not in self.codes:
            read = _outcome(marketplace, text) if own else _disposition(marketplace, text)
            if read is not None and read not in self.known:
                self.known.append(read)
            self.codes[key] = -2 if read is None else self.known.index(read)
        return self.codes[key]

    def log(self) -> Log:
        """All that was read."""
        members = pa.chunked_array(self.ids, pa.string()).combine_chunks().dictionary_encode()
        survey, code, day = np.concatenate([np.empty((3, 0), np.int64), *self.numbers], axis=1)
        kept = np.concatenate([np.empty(0, np.int64), *self.kept])
        starts = [start for start, _, _ in self.batches]

        def place(row: int) -> str:
            number = int(kept[row])
            start, origin, first = self.batches[int(np.searchsorted(starts, number, "right")) - 1]
            return f"{origin}: row {first + number - start + 1}"

        return Log(
            members.dictionary,
            members.indices.to_numpy(zero_copy_only=False).astype(np.int64),
            survey,
            code,
            day,
            tuple(self.known),
            place,
            self.rows,
            tuple(RejectedRows(why, count, first) for why, (count, first) in self.bad.items()),
        )


def _check_types(batch: Batch) -> None:
    """Raise InputError where the type of a column is not one that a log has."""
    for column in batch.data.schema:
        kind, place = column.type, batch.place(0)
        if column.name == "member_id" and not is_id(kind):
            why = f"ids must be text or integers, not `{short_name(kind)}`"
            raise InputError(f"{place}, column `member_id`: {why}")
        if column.name == "at":
            tests = (is_text, pa.types.is_timestamp, pa.types.is_date, pa.types.is_null)
            if not any(is_type(kind) for is_type in tests):
                why = f"times must be text or timestamps, not `{short_name(kind)}`"
                raise InputError(f"{place}, column `at`: {why}")
        elif not is_code(kind):
            why = f"a column of type `{short_name(kind)}` cannot hold codes"
            raise InputError(f"{place}, column `{column.name}`: {why}")


def _column(rows: HistoryRows, name: str) -> Texts:
    """The texts of a column; null where there is none, or no such column."""
    size = rows.batch.data.num_rows
    if name not in rows.names:
        return pa.nulls(size, pa.string())
    return rows.column(name).texts(np.arange(size))


def _names(rows: HistoryRows) -> Texts:
    """The names of surveys: from one column, or put together."""
    if "survey" in rows.names:
        return _column(rows, "survey")
    survey, wave = _column(rows, "survey_id"), _column(rows, "wave_id")
    with_wave = pc.binary_join_element_wise(survey, wave, "/")
    survey_and_wave = pc.coalesce(with_wave, survey)
    return pc.binary_join_element_wise(_column(rows, "marketplace"), survey_and_wave, ":")


def _lowered(name: str) -> str:
    marketplace, colon, survey = name.partition(":")
    return f"{marketplace.strip().lower()}{colon}{survey.strip()}"


def _codes(rows: HistoryRows) -> Texts:
    """The marketplace's codes: from one column, or disposition and status put together."""
    both = (_column(rows, name) for name in ("disposition", "status"))
    return pc.coalesce(_column(rows, "code"), pc.binary_join_element_wise(*both, "/"))


def _disposition(marketplace: str, text: str) -> AnsweredCode:
    """What a marketplace's code means; spaces and case do not count."""
    known = marketplaces()[marketplace].dispositions
    wanted = "".join(text.split()).lower()
    for code, result in known.items():
        if code.lower() == wanted:
            return AnsweredCode(marketplace, code, result.text, result.meaning)
    return AnsweredCode(marketplace, text, "not known", None)


def _outcome(marketplace: str, text: str) -> AnsweredCode | None:
    outcome = text.lower()
    disposition = LOG_OUTCOMES.get(outcome)
    return AnsweredCode(marketplace, outcome, outcome, disposition) if disposition else None


def _days(batch: Batch, as_of: date) -> Numbers:
    """The day of each row as a proleptic ordinal, in UTC; -1: cannot be read."""
    size = batch.data.num_rows
    default = np.full(size, as_of.toordinal(), np.int64)
    if "at" not in batch.data.schema.names:
        return default
    column = batch.data.column("at")
    if is_text(column.type):
        texts = coded(column)
        table = [
            as_of.toordinal() if text is None else _day(text) for text in texts.codes.to_pylist()
        ]
        days: Numbers = np.array([*table, as_of.toordinal()], np.int64)[texts.numbers]
        return days
    try:
        dates = as_days(pa.chunked_array([column])).combine_chunks()
    except BadValueError as error:
        raise InputError(f"{batch.place(error.row)}, column `at`: {error.why}") from None
    numbers = dates.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False) + _EPOCH
    is_known = dates.is_valid().to_numpy(zero_copy_only=False)
    return np.where(is_known, numbers, default)


def _day(text: str) -> int:
    moment = as_moment(text)
    day = -1 if moment is None else int(moment // _DAY) + _EPOCH
    return day if 1 <= day <= date.max.toordinal() else -1
