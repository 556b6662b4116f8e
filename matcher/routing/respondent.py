"""One member inside a session: what they have answered, read once, and what is true of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, TypeAlias, cast

from matcher.routing.attribute_rows import AnswerKey
from matcher.rules import And, Const, Not, Or, Rule, Truth, evaluate
from profiles.errors import InputError, did_you_mean
from profiles.schema import (
    Answers,
    Attribute,
    Kind,
    PanelMapping,
    Participation,
    UnreadableError,
    as_code,
    is_missing,
    read_answers,
    took_part_in,
)

HistoryOf: TypeAlias = Callable[[str], Iterable[Participation]]
"""What a member, given by id, has taken part in."""

MemberRow: TypeAlias = Mapping[str, object]
"""A member by panel columns."""

_AS_WRITTEN = frozenset({Kind.SINGLE, Kind.TEXT})


class RespondentReader:
    """Reads members on one day, and remembers the answers that raw values mean.

    The attributes of the panel, and its constants, have places among the keys of a member. Of each
    attribute `most` raw values are remembered.
    """

    def __init__(
        self, mapping: PanelMapping, as_of: date, history: HistoryOf | None, most: int
    ) -> None:
        self.most = most
        self.mapping = mapping
        self.as_of = as_of
        self.history = history
        schema = mapping.schema
        self._attributes = [
            schema.attribute(name) for name in (*schema.attributes, *schema.constants)
        ]
        self._places = {each.name: place for place, each in enumerate(self._attributes)}
        self._locale = self._places.get("country"), self._places.get("language")
        self._columns = [each.column for each in schema.attributes.values()]
        self._constants: list[AnswerKey] = [
            schema.attribute(name).fold(as_code(value)) for name, value in schema.constants.items()
        ]
        self._read_first = frozenset(
            place
            for place, each in enumerate(schema.attributes.values())
            if each.kind not in _AS_WRITTEN
        )
        self._known: list[dict[object, Answers | None]] = [{} for _ in self._attributes]
        self._items: list[dict[str, str]] = [{} for _ in self._attributes]
        self._to_read = [
            (place, self._known[place], self._items[place].__getitem__)
            for place in sorted(self._read_first)
        ]

    def place(self, name: str) -> int:
        """The place of an attribute among the keys; raises InputError where there is none."""
        if name not in self._places:
            raise InputError(f"the panel declares no attribute `{name}`, which the plan asks for")
        return self._places[name]

    def keys(self, row: MemberRow, context: MemberRow | None) -> list[AnswerKey]:
        """What a member has answered to each attribute.

        Single codes and texts stay as they are: their answers are only looked up where rows are
        not known. Raises InputError where a value does not fit its attribute, or the context
        names none.
        """
        keys: list[Any] = [*map(row.get, self._columns), *self._constants]
        for name, raw in (context or {}).items():
            keys[self._context_place(name)] = raw
        for place, known, code_of in self._to_read:
            raw = keys[place]
            if raw is None:
                continue
            try:
                if raw.__class__ is list:
                    keys[place] = tuple(map(code_of, raw))
                else:
                    keys[place] = known[raw if raw.__class__ is str else (raw.__class__, raw)]
            except (KeyError, TypeError):
                keys[place] = self._read(place, raw)
        return keys

    def answers(self, place: int, key: AnswerKey) -> Answers | None:
        """The answers of a key; raises InputError where its value does not fit the attribute."""
        if key is None or place in self._read_first:
            return cast("Answers | None", key)
        return self._read(place, key)

    def locale(self, keys: Sequence[AnswerKey]) -> tuple[Answers | None, Answers | None]:
        """The answers to country and language; None: there is none."""
        country, language = self._locale
        return (
            None if country is None else self.answers(country, keys[country]),
            None if language is None else self.answers(language, keys[language]),
        )

    def all_answers(self, keys: list[AnswerKey]) -> dict[str, Answers]:
        """The answers to every attribute that has one."""
        found = {}
        for place, (attribute, key) in enumerate(zip(self._attributes, keys, strict=True)):
            answers = self.answers(place, key)
            if answers is not None:
                found[attribute.name] = answers
        return found

    def _context_place(self, name: str) -> int:
        place = self._places.get(name)
        if place is None:
            hint = did_you_mean(name, list(self._places))
            raise InputError(
                f"context: the panel has no attribute `{name}`" + (f"; {hint}" if hint else "")
            )
        return place

    def _read(self, place: int, raw: object) -> Answers | None:
        """Read a value, and remember its answers.

        1, 1.0 and True are equal but do not mean the same, so types are remembered with values.
        """
        known = self._known[place]
        kind = raw.__class__
        key = raw if kind is str else (kind, raw) if kind in _SCALARS else None
        if key is not None and key in known:
            return known[key]
        attribute = self._attributes[place]
        try:
            answers = read_answers(attribute, raw, self.as_of)
            if kind is list and attribute.kind is Kind.MULTI:
                self._remember_items(attribute, self._items[place], cast("list[object]", raw))
        except UnreadableError as error:
            raise InputError(f"{attribute.column}: {error}") from None
        if key is not None:
            if len(known) >= self.most:
                known.clear()
            known[key] = answers
        return answers

    def _remember_items(
        self, attribute: Attribute, items: dict[str, str], raw: list[object]
    ) -> None:
        """Remember the code of each text in a list."""
        if len(items) >= self.most:
            items.clear()
        for item in raw:
            if isinstance(item, str) and not is_missing(item):
                for code in read_answers(attribute, [item], self.as_of) or ():
                    items[item] = str(code)


_SCALARS = frozenset({int, float, bool, date})


class Respondent:
    """A member as the evaluator takes them: `matcher.rules.MemberView`."""

    __slots__ = ("_answers", "_keys", "_reader", "_row", "_taken", "_truths", "id")

    def __init__(self, reader: RespondentReader, row: MemberRow, keys: list[AnswerKey]) -> None:
        raw = row.get(reader.mapping.schema.member_id)
        self.id = "" if raw is None else str(raw)
        self._reader = reader
        self._row = row
        self._keys = keys
        self._answers: dict[str, Answers] | None = None
        self._truths: dict[Rule, Truth] = {}
        self._taken: list[Participation] | None = None

    @property
    def answers(self) -> Mapping[str, Answers]:
        """Answers by attribute; absent where there is none."""
        if self._answers is None:
            self._answers = self._reader.all_answers(self._keys)
        return self._answers

    def truth(self, rule: Rule) -> Truth:
        """The truth of a rule for this member, found once."""
        found = self._truths.get(rule)
        if found is None:
            found = self._truths[rule] = self._find(rule)
        return found

    def _find(self, rule: Rule) -> Truth:
        match rule:
            case And(rules):
                return min(map(self.truth, rules), default=Truth.TRUE)
            case Or(rules):
                return max(map(self.truth, rules), default=Truth.FALSE)
            case Not(inner):
                return Truth(Truth.TRUE - self.truth(inner))
            case Const(truth):
                return truth
            case _:
                return evaluate(rule, self)

    def on_list(self, marketplace: str, name: str) -> bool | None:
        """Whether the member is on a list of ids; None: not known."""
        # Imported here so that routing starts without what reads payloads.
        from matcher.marketplaces import read_id_list

        reader = self._reader
        return reader.mapping.is_listed(
            self._row, self.id, marketplace, name, reader.as_of, read_id_list
        )

    def took_part(
        self, marketplace: str, scope: str, ids: tuple[str, ...], outcomes: tuple[str, ...]
    ) -> bool | None:
        """Whether the member took part; None: there is no history."""
        if self._reader.history is None:
            return None
        if self._taken is None:
            self._taken = list(self._reader.history(self.id.strip()))
        return took_part_in(self._taken, marketplace, scope, ids, outcomes)
