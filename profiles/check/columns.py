"""One column of a panel against the attribute that is read from it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from profiles.check.moments import day_in, timed_birth, zone_of_midnights
from profiles.encoding import distinct_values, is_list
from profiles.finding import Level, PanelFinding
from profiles.schema import (
    Answers,
    Attribute,
    Kind,
    UnreadableError,
    is_no_answer,
    is_written_list,
    read_answers,
    split_list,
)
from profiles.sources import Batch

_REMEMBERED = 1 << 16
_EXAMPLES = 3
_MOMENTS = 1000
_SEPARATORS = (",", ";", "|", "/")
_NULL_WORDS = frozenset(
    {"nan", "none", "<na>", "null", "\\n", "n/a", "#n/a", "na", "nat", "undefined"}
)
_FLOAT_CODE = re.compile(r"-?\d+\.0+\Z", re.ASCII)
_DIGITS = re.compile(r"\d{4,5}\Z", re.ASCII)
Read: TypeAlias = Answers | UnreadableError | None


@dataclass(slots=True)
class _Seen:
    """How many members, or list items, were seen with what; and where first."""

    answered: int = 0
    blank: int = 0
    unreadable: int = 0
    with_separator: int = 0
    fractions: int = 0
    first: dict[str, str] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)
    timed: int = 0
    moments: set[datetime] = field(default_factory=set)
    null_words: Counter[str] = field(default_factory=Counter)
    floats: Counter[str] = field(default_factory=Counter)
    digits: Counter[int] = field(default_factory=Counter)
    zeros: int = 0


class ColumnCheck:
    """Sees the batches of one attribute's column as they pass; reports at the end what it found.

    `usable` turns false where the column cannot hold the attribute's answers at all. `all_text`:
    the source, CSV say, has nothing but text. `meant`: the codes that a mapping names.
    """

    def __init__(
        self,
        attribute: Attribute,
        as_of: date,
        *,
        all_text: bool,
        meant: frozenset[str] = frozenset(),
    ) -> None:
        self.attribute = attribute
        self._meant = meant
        self._all_text = all_text
        self.usable = True
        self._as_of = as_of
        self._seen = _Seen()
        self._origin = ""
        self._types: dict[pa.DataType, None] = {}
        self._read: dict[tuple[type, object], Read] = {}
        self._refused: list[PanelFinding] = []

    @property
    def answered(self) -> int:
        """How many members have answered."""
        return self._seen.answered

    def see(self, batch: Batch) -> Iterator[tuple[Answers, int]]:
        """Take in a batch; gives each distinct answer in it, and how many have given it."""
        array = batch.data.column(self.attribute.column)
        if not self._accept(array.type, batch.origin):
            return
        if pa.types.is_timestamp(array.type) or pa.types.is_date64(array.type):
            self._see_times(array)
            array = array.cast(pa.date32(), safe=False)
        rows = np.arange(len(array))
        in_list = is_list(array.type)
        if in_list:
            self._seen.answered += len(array) - array.null_count
            sizes = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
            rows = np.repeat(rows, sizes)
            array = array.flatten()
        numbers, raws = distinct_values(array)
        counts = np.bincount(numbers[numbers >= 0], minlength=len(raws)).tolist()
        for number, raw in enumerate(raws):
            count = counts[number]
            if not count:
                continue
            answers = self._look(raw, in_list=in_list)
            found = self._count(raw, answers, count, in_list=in_list)
            if found and found not in self._seen.first:
                row = int(rows[numbers == number][0])
                place = f"{batch.place(row)}, column `{self.attribute.column}`"
                self._seen.first[found] = place
                if isinstance(answers, UnreadableError):
                    self._seen.first["why"] = str(answers)
            if isinstance(answers, tuple):
                yield answers, count

    def _look(self, raw: object, *, in_list: bool) -> Read:
        key = (type(raw), raw)
        if key not in self._read:
            if len(self._read) >= _REMEMBERED:
                self._read.clear()
            try:
                self._read[key] = read_answers(
                    self.attribute, [raw] if in_list else raw, self._as_of
                )
            except UnreadableError as error:
                self._read[key] = error
        return self._read[key]

    def _count(self, raw: object, answers: Read, count: int, *, in_list: bool) -> str:
        """Count one distinct value; gives the name of what its first place is wanted for."""
        seen = self._seen
        if isinstance(raw, str) and not is_no_answer(self.attribute, raw):
            self._count_words(raw, count, in_list=in_list)
        if isinstance(answers, UnreadableError):
            seen.unreadable += count
            return "unreadable"
        if answers is None:
            missing = is_no_answer(self.attribute, raw)
            seen.blank += count if missing else 0
            return "blank" if missing else ""
        if in_list:
            return ""
        seen.answered += count
        match self.attribute.kind:
            case Kind.BIRTH_DATE:
                self._count_time(raw, count)
            case Kind.TEXT:
                text = str(answers[0])
                if _DIGITS.match(text):
                    seen.digits[len(text)] += count
                    seen.zeros += count if text.startswith("0") else 0
            case Kind.SINGLE | Kind.MULTI if isinstance(raw, str) and not is_written_list(raw):
                seen.with_separator += count if self.attribute.separator in raw else 0
                for separator in _SEPARATORS:
                    seen.others[separator] += count if separator in raw else 0
            case Kind.SINGLE if isinstance(raw, float):
                seen.fractions += 0 if raw.is_integer() else count
        return ""

    def _see_times(self, times: pa.Array) -> None:
        """Count the times of a column that are not midnights."""
        if self.attribute.kind is not Kind.BIRTH_DATE or not pa.types.is_timestamp(times.type):
            return
        odd = times.filter(pc.not_equal(pc.floor_temporal(times, unit="day"), times))
        if pa.types.is_timestamp(odd.type) and odd.type.tz is None:
            odd = odd.cast(pa.timestamp("us"), safe=False)
        else:
            odd = odd.cast(pa.timestamp("us", "UTC"), safe=False)
        self._seen.timed += len(odd)
        self._seen.moments.update(odd.slice(0, _MOMENTS - len(self._seen.moments)).to_pylist())

    def _count_time(self, raw: object, count: int) -> None:
        moment = timed_birth(raw)
        if moment is not None:
            self._seen.timed += count
            if len(self._seen.moments) < _MOMENTS:
                self._seen.moments.add(moment)

    def _count_words(self, raw: str, count: int, *, in_list: bool) -> None:
        """Count words that say that there is no answer, and codes that were numbers once."""
        kind = self.attribute.kind
        items: list[object] = [raw]
        if kind in (Kind.MULTI, Kind.CHILDREN) and not in_list:
            try:
                items = split_list(raw, self.attribute.separator)
            except UnreadableError:
                return
        for item in items:
            text = item.strip() if isinstance(item, str) else ""
            if text in self._meant or (text == "NA" and self.attribute.name == "country"):
                continue
            if text.casefold() in _NULL_WORDS:
                self._seen.null_words[text] += count
            elif kind in (Kind.SINGLE, Kind.MULTI) and _FLOAT_CODE.match(text):
                if text in self._seen.floats or len(self._seen.floats) < _EXAMPLES:
                    self._seen.floats[text] += count
                else:
                    self._seen.floats[""] += count

    def _accept(self, kind: pa.DataType, origin: str) -> bool:
        """Whether a column of this type can hold answers at all; once, a finding if not."""
        if kind not in self._types:
            if not self._types:
                self._origin = origin
            self._types[kind] = None
            if (refusal := _refusal(self.attribute, kind)) is not None:
                self.usable = False
                place = f"{origin}: column `{self.attribute.column}`"
                self._refused.append(PanelFinding("column-type", Level.ERROR, place, refusal))
        return _refusal(self.attribute, kind) is None

    def findings(self) -> Iterator[PanelFinding]:
        """What the column shows, once all of it has been seen."""
        seen = self._seen
        yield from self._refused
        if not self.usable:
            return
        if seen.unreadable:
            more = f", and {seen.unreadable - 1:,} more like it" if seen.unreadable > 1 else ""
            message = f"{seen.first['why']}{more}"
            yield PanelFinding("unreadable-value", Level.ERROR, seen.first["unreadable"], message)
        elif not seen.answered:
            name = self.attribute.name
            yield self._finding("empty-attribute", Level.WARNING, f"nobody has answered `{name}`")
        if seen.blank:
            message = f"{seen.blank:,} blank values count as no answer"
            yield PanelFinding("blank-answers", Level.INFO, seen.first["blank"], message)
        yield from self._words()
        yield from self._times()
        if seen.answered:
            yield from self._zeros()
            yield from self._types_read()
            yield from self._separators()

    def _words(self) -> Iterator[PanelFinding]:
        """Text that is no answer, or another code than the number that it was."""
        if words := self._seen.null_words:
            listed = ", ".join(f'"{word}"' for word in sorted(words)).replace("\\", "\\\\")
            shown = ", ".join(f"`{word}`" for word in sorted(words))
            yield self._finding(
                "null-word",
                Level.WARNING,
                f"{words.total():,} values are the text {shown}, which counts as an answer",
                f"if it is none: null_values = [{listed}] in [panel]",
            )
        if floats := self._seen.floats:
            example = next(iter(floats))
            yield self._finding(
                "code-with-fraction",
                Level.WARNING,
                f"{floats.total():,} codes are written as `{example}`, which is another code than "
                f"`{example.partition('.')[0]}`",
                "write the column as integers, or map the codes as they are written",
            )

    def _times(self) -> Iterator[PanelFinding]:
        """Birth dates with a time: often midnights of another zone, and so a day too early."""
        seen = self._seen
        if not seen.timed:
            return
        moments = sorted(seen.moments, key=datetime.timestamp)
        zone = zone_of_midnights(moments)
        message = f"{seen.timed:,} birth dates have a time, which is cut off"
        hint = "write dates without a time"
        if zone is not None:
            day = day_in(moments[0], zone)
            message += f"; they are midnights in `{zone}`, where the first of them is {day}"
            hint = f"write the dates that they are in `{zone}`, without a time"
        yield self._finding("birth-date-with-time", Level.WARNING, message, hint)

    def _zeros(self) -> Iterator[PanelFinding]:
        """ZIP codes that were numbers once: many of four digits, and hardly one with a zero."""
        four, five = self._seen.digits[4], self._seen.digits[5]
        if five > four >= max(3, five // 100) and 10 * self._seen.zeros <= four:
            yield self._finding(
                "lost-leading-zero",
                Level.WARNING,
                f"{four:,} values have four digits and {five:,} have five, of which "
                f"{self._seen.zeros or 'none'} begin with a zero",
                "postal codes that were written as numbers have lost their leading zeros",
            )

    def _types_read(self) -> Iterator[PanelFinding]:
        """Types that can be read, but may not be meant; in CSV every column is text."""
        if self._all_text:
            return
        kind = next(iter(self._types))
        plain = kind.value_type if pa.types.is_dictionary(kind) else kind
        numeric = (
            pa.types.is_integer(plain) or pa.types.is_floating(plain) or pa.types.is_decimal(plain)
        )
        text = pa.types.is_string(plain) or pa.types.is_large_string(plain)
        match self.attribute.kind:
            case Kind.TEXT if numeric and not any(self._zeros()):
                yield self._finding(
                    "column-type",
                    Level.WARNING,
                    f"text is read from a column of {plain}: leading zeros, if there were any, "
                    "are lost",
                )
            case Kind.SINGLE if pa.types.is_floating(plain):
                level, note = Level.INFO, "1.0 reads as the code `1`"
                if self._seen.fractions:
                    level, note = Level.WARNING, f"{self._seen.fractions:,} are not whole numbers"
                message = f"codes are read from a column of {plain}; {note}"
                yield self._finding("column-type", level, message)
            case Kind.MULTI if numeric:
                message = f"the column is of {plain} and holds one answer a member, no lists"
                yield self._finding("column-type", Level.INFO, message)
            case Kind.NUMBER | Kind.BIRTH_DATE if text and not self._seen.unreadable:
                what = "numbers" if self.attribute.kind is Kind.NUMBER else "dates"
                message = f"{what} are read from a column of text; all can be read"
                yield self._finding("column-type", Level.INFO, message)

    def _separators(self) -> Iterator[PanelFinding]:
        seen, separator = self._seen, self.attribute.separator
        if self.attribute.kind is Kind.SINGLE and 2 * seen.with_separator > seen.answered:
            yield self._finding(
                "single-with-separator",
                Level.WARNING,
                f"{seen.with_separator:,} of {seen.answered:,} answers contain `{separator}`, but "
                f"`{self.attribute.name}` is of type single",
                "is it of type multi?",
            )
        kind = next(iter(self._types))
        if self.attribute.kind is not Kind.MULTI or is_list(kind) or not seen.others:
            return
        other, count = seen.others.most_common(1)[0]
        if not seen.with_separator and 10 * count > seen.answered:
            yield self._finding(
                "column-type",
                Level.WARNING,
                f"no value contains the separator `{separator}`, but {count:,} of "
                f"{seen.answered:,} contain `{other}`",
                f"set separator = `{other}` if it separates answers",
            )
        elif not seen.with_separator:
            message = f"no value contains the separator `{separator}`: each member has one answer"
            yield self._finding("column-type", Level.INFO, message)

    def _finding(self, code: str, level: Level, message: str, hint: str = "") -> PanelFinding:
        place = f"{self._origin}: column `{self.attribute.column}`"
        return PanelFinding(code, level, place, message, hint)


def _refusal(attribute: Attribute, kind: pa.DataType) -> str | None:
    """Why a column of this type cannot hold the attribute's answers, or None where it can."""
    if is_list(kind):
        if not attribute.listed:
            return f"lists of answers, but the attribute's type is {attribute.kind}"
        kind = kind.value_type
    elif pa.types.is_dictionary(kind):
        kind = kind.value_type
    odd = (
        pa.types.is_nested(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_time(kind)
        or pa.types.is_duration(kind)
    )
    return f"a column of {kind} cannot hold answers" if odd else None
