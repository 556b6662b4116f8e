"""How one raw answer reads: the scalar definition that every column encoder agrees with.

Codes compare as text after trimming; texts after upper-casing and removing spaces; numbers as
floats; a birth date as whole years on the as-of day. An empty list is an answer; null, NaN and
blank text are none. A child reads `GENDER:AGE`, and also `*:AGE`, so that a rule which does not
mind the gender can ask for it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeAlias

from profiles.schema.schema import Attribute, Kind, Schema

Answers: TypeAlias = tuple[str, ...] | tuple[float, ...]

ANY_CHILD = "*"
_DECIMAL = re.compile(r"[+-]?\d{1,300}(\.\d+)?\Z", re.ASCII)
_AGE = re.compile(r"\d{1,9}\Z", re.ASCII)
_DAY = re.compile(r"\d{8}\Z", re.ASCII)
_MILLISECONDS = 1e11
"""Seconds since 1970 are fewer for three thousand years, milliseconds have been more since 1973."""

_NEGATIVE = re.compile(r"-\d", re.ASCII)


_ITEM = re.compile(
    r"""\s*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'"""
    r"""|(?P<plain>[^\s"'\[\]{},]+))\s*(?P<comma>,|\Z)""",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NULLS = ("NULL", "None", "null")
_SHOWN = 60


class UnreadableError(ValueError):
    """A raw value that an attribute of this type cannot hold; the message says why."""


def as_code(raw: object) -> str:
    """The text form in which codes compare: 1, "1", " 1 " and the number 1.0 are the same code."""
    if isinstance(raw, str):
        return raw.strip()
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    if isinstance(raw, Decimal) and raw.is_finite():
        whole, _, part = format(raw, "f").partition(".")
        part = part.rstrip("0")
        return f"{whole}.{part}" if part else str(int(whole))
    if isinstance(raw, int | float | Decimal):
        return str(raw)
    raise UnreadableError(f"`{raw}` is not a code")


def as_text(raw: object) -> str:
    """The form in which free texts and postal codes compare: upper case, no white space."""
    return "".join(as_code(raw).upper().split())


def as_number(raw: object) -> float:
    """A plain decimal number; refuses what only looks like one (`1e5`, `0x10`, `1,000`)."""
    if isinstance(raw, str):
        if not _DECIMAL.match(raw.strip()):
            raise UnreadableError(f"`{raw}` is not a number")
        return float(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        shown = as_code(raw) if isinstance(raw, bool) else raw
        raise UnreadableError(f"`{shown}` is not a number")
    try:
        number = float(raw)
    except OverflowError:
        raise UnreadableError("the number is too large") from None
    if math.isinf(number):
        raise UnreadableError(f"`{raw}` is not a finite number")
    return number


def number_in(code: str) -> float | None:
    """The number that a code reads as, or None."""
    return float(code) if _DECIMAL.match(code) else None


def is_negative_code(answer: str | float) -> bool:
    """Whether an answer is a negative code: "answered, but nothing usable"."""
    return answer < 0 if isinstance(answer, float) else bool(_NEGATIVE.match(answer))


def as_date(raw: object) -> date:
    """A calendar day from a date, a date-time or ISO text."""
    if isinstance(raw, datetime):
        return raw.date()
    if isinstance(raw, date):
        return raw
    if isinstance(raw, str):
        try:
            return date.fromisoformat(raw.strip()[:10])
        except ValueError:
            pass
    raise UnreadableError(f"`{raw}` is not a date (YYYY-MM-DD)")


def as_moment(raw: object) -> float | None:
    """Seconds since 1970 of an ISO date and time, UTC where it does not say; None: it is none."""
    try:
        moment = datetime.fromisoformat(raw.strip()) if isinstance(raw, str) else None
    except ValueError:
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def as_expiration(raw: object) -> float | None:
    """Seconds since 1970 of a date and time, or of a number of seconds or milliseconds since.

    None: it is none. Eight digits are a date; no date is meant by a number of more.

    >>> as_expiration("1861920000"), as_expiration(1861920000000), as_expiration("20290101")
    (1861920000.0, 1861920000.0, 1861920000.0)
    """
    text = raw.strip() if isinstance(raw, str) else ""
    if text and (not _DECIMAL.match(text) or _DAY.match(text)):
        return as_moment(text)
    try:
        number = as_number(raw)
    except UnreadableError:
        return None
    return number / 1000 if abs(number) >= _MILLISECONDS else number


def age_on(birth: date, as_of: date) -> int:
    """Whole years lived on the as-of day.

    Who was born on 29 February is a year older on 1 March of years without one.
    """
    return as_of.year - birth.year - ((as_of.month, as_of.day) < (birth.month, birth.day))


def _child(raw: str) -> tuple[str, int | date]:
    """Gender and age, or birth date, of one child from `GENDER:BIRTHDATE` or `GENDER:AGE`."""
    gender, colon, born = (part.strip() for part in raw.partition(":"))
    if not colon:
        raise UnreadableError(f"`{raw}` is not a child (GENDER:BIRTHDATE or GENDER:AGE)")
    return gender, int(born) if _AGE.match(born) else as_date(born)


def read_child(raw: str, as_of: date) -> tuple[str, ...]:
    """The codes of one child on the as-of day; none before their birth."""
    gender, born = _child(raw)
    age = born if isinstance(born, int) else age_on(born, as_of)
    return (f"{gender}:{age}", f"{ANY_CHILD}:{age}") if age >= 0 else ()


def split_list(raw: str, separator: str) -> list[object]:
    """The answers in one text cell: split at the separator, or of a list that is written out.

    A list is JSON (`["7", 9]`), as Python or DuckDB write it (`['7', 9]`, `[a, b]`), or as
    PostgreSQL does (`{7,"a b"}`). Raises UnreadableError for what only looks like one.
    """
    text = raw.strip()
    if not is_written_list(text):
        return [part for part in raw.split(separator) if part.strip()]
    try:
        items = json.loads(text) if text[0] == "[" else _quoted_items(text)
    except (ValueError, RecursionError):
        items = _quoted_items(text)
    if any(isinstance(item, list | dict) for item in items):
        raise UnreadableError(f"`{_short(text)}` is a list in a list")
    return items


def is_written_list(raw: str) -> bool:
    """Whether a text has the brackets of a list around it."""
    text = raw.strip()
    return text[:1] + text[-1:] in ("[]", "{}") and len(text) > 1


def _quoted_items(text: str) -> list[object]:
    """The items between brackets, parted by commas, in quotation marks or plain."""
    items: list[object] = []
    at, inside = 0, text[1:-1].strip()
    while at < len(inside):
        found = _ITEM.match(inside, at)
        if found is None or (found["comma"] and found.end() == len(inside)):
            raise UnreadableError(
                f"`{_short(text)}` is not a list that can be read (`[7, 9]`, `{{7,9}}`)"
            )
        quoted = found["double"] if found["double"] is not None else found["single"]
        plain = found["plain"]
        if quoted is not None:
            items.append(_ESCAPED.sub(r"\1", quoted))
        else:
            items.append(None if plain in _NULLS else plain)
        at = found.end()
    return items


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def is_missing(raw: object) -> bool:
    """Whether a raw value is no answer: null, NaN or blank text."""
    return (
        raw is None
        or (isinstance(raw, float | Decimal) and math.isnan(raw))
        or (isinstance(raw, str) and not raw.strip())
    )


def is_no_answer(attribute: Attribute, raw: object) -> bool:
    """Whether a raw value is missing, or one that the panel file declares to be no answer."""
    if is_missing(raw):
        return True
    if not attribute.null_values or not isinstance(raw, str | int | float | Decimal):
        return False
    return as_code(raw) in attribute.null_values


def _read_items(attribute: Attribute, items: Iterable[object]) -> Answers:
    present = [item for item in items if not is_no_answer(attribute, item)]
    if attribute.kind is Kind.CHILDREN:
        return tuple(":".join(map(str, _child(as_code(item)))) for item in present)
    if attribute.kind is Kind.NUMBER:
        return tuple(_number_of(attribute, item) for item in present)
    return tuple(attribute.fold(as_code(item)) for item in present)


def _number_of(attribute: Attribute, raw: object) -> float:
    if attribute.decimal == "." or not isinstance(raw, str):
        return as_number(raw)
    if "." in raw:
        raise UnreadableError(f"`{raw}` is not a number with a decimal `{attribute.decimal}`")
    try:
        return as_number(raw.replace(attribute.decimal, "."))
    except UnreadableError:
        raise UnreadableError(f"`{raw}` is not a number") from None


def read_lasting(attribute: Attribute, raw: object) -> Answers | None:
    """The answers that a raw panel value means, or None where there is no answer.

    They hold on any day: a birth date is its proleptic ordinal, a child the text that it reads as.
    Raises UnreadableError where the value does not fit the attribute's type.
    """
    if is_no_answer(attribute, raw):
        return None
    if isinstance(raw, list | tuple):
        if not attribute.listed:
            raise UnreadableError(f"a list of answers, but `{attribute.name}` holds one")
        return _read_items(attribute, raw)
    match attribute.kind:
        case Kind.MULTI | Kind.CHILDREN:
            if isinstance(raw, str):
                return _read_items(attribute, split_list(raw, attribute.separator))
            return _read_items(attribute, [raw])
        case Kind.SINGLE:
            return (attribute.fold(as_code(raw)),)
        case Kind.TEXT:
            return (attribute.fold(as_text(raw)),)
        case Kind.NUMBER:
            return (_number_of(attribute, raw),)
        case Kind.BIRTH_DATE:
            return (float(as_date(raw).toordinal()),)


def on_day(attribute: Attribute, answers: Answers, as_of: date) -> Answers | None:
    """What lasting answers are on the as-of day: the others than ages stay as they are."""
    match attribute.kind:
        case Kind.BIRTH_DATE:
            ages = [age_on(date.fromordinal(int(born)), as_of) for born in answers]
            return tuple(map(float, ages)) if min(ages) >= 0 else None
        case Kind.CHILDREN:
            return tuple(code for child in answers for code in read_child(str(child), as_of))
        case _:
            return answers


def read_answers(attribute: Attribute, raw: object, as_of: date) -> Answers | None:
    """The answers that a raw panel value means on the as-of day; None: there is no answer.

    Raises UnreadableError where the value does not fit the attribute's type.
    """
    lasting = read_lasting(attribute, raw)
    return None if lasting is None else on_day(attribute, lasting, as_of)


def read_row(schema: Schema, row: Mapping[str, object], as_of: date) -> dict[str, Answers]:
    """Every attribute that a member, given by panel columns, has answered."""
    answers: dict[str, Answers] = {}
    for attribute in schema.attributes.values():
        read = read_answers(attribute, row.get(attribute.column), as_of)
        if read is not None:
            answers[attribute.name] = read
    for name, value in schema.constants.items():
        answers[name] = (schema.attribute(name).fold(as_code(value)),)
    return answers
