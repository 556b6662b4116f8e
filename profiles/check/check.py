"""What is wrong or suspicious in a panel's columns, and in the mapping of its answers.

Reads the whole source as a stream, every distinct value of a batch once, by the scalar definition
in `profiles.schema.values`; what is remembered does not grow with the number of members.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa

from profiles.check.columns import ColumnCheck
from profiles.encoding import BadValueError, id_array, is_list
from profiles.errors import InputError, did_you_mean
from profiles.finding import Level, PanelFinding
from profiles.panel import Panel
from profiles.schema import (
    INFINITY,
    Answers,
    Attribute,
    AttributeMapping,
    Kind,
    Range,
    Target,
    is_negative_code,
)
from profiles.sources import Batch, UniqueIds

__all__ = ["PanelFinding", "check_panel", "number_lists"]

_EXAMPLES = 3
_REMEMBERED = 1000


def check_panel(panel: Panel) -> list[PanelFinding]:
    """Everything found in the panel; raises InputError where its source cannot be read."""
    schema = panel.schema
    checks = [
        ColumnCheck(
            attribute,
            panel.as_of,
            all_text=panel.source.all_text,
            meant=_mapped_codes(panel, attribute.name),
        )
        for attribute in schema.attributes.values()
    ]
    answers = {name: list(found) for name, found in _answer_checks(panel).items()}
    ids = _IdCheck(panel)
    columns = sorted({check.attribute.column for check in checks} | set(ids.columns))
    members = 0
    for batch in panel.source.batches(columns, frozenset(ids.columns)):
        members += batch.data.num_rows
        ids.see(batch)
        for check in checks:
            for given, count in check.see(batch):
                for answer_check in answers.get(check.attribute.name, ()):
                    answer_check.see(given, count)
    if not members:
        return [
            PanelFinding(
                "empty-panel", Level.WARNING, panel.source.name, "the panel has no members"
            )
        ]
    for name, constant in schema.constants.items():
        for answer_check in answers.get(name, ()):
            answer_check.see((schema.attribute(name).fold(constant),), members)
    held = {check.attribute.name for check in checks if check.usable and check.answered}
    return [
        *ids.findings(),
        *(finding for check in checks for finding in check.findings()),
        *(
            finding
            for name, found in answers.items()
            if name in held or name in schema.constants
            for answer_check in found
            for finding in answer_check.findings()
        ),
    ]


def _mapped_codes(panel: Panel, name: str) -> frozenset[str]:
    """The codes that a mapping names for an attribute."""
    return frozenset(
        part
        for marketplace in panel.mapping.marketplaces.values()
        for mapped in marketplace.attributes.values()
        if mapped.attribute.name == name
        for target in (mapped.answers or {}).values()
        for part in target
        if isinstance(part, str)
    )


def number_lists(panel: Panel) -> frozenset[str]:
    """The number attributes of which members may give several, because the columns are lists."""
    types = panel.source.schema()
    return frozenset(
        name
        for name, attribute in panel.schema.attributes.items()
        if attribute.kind is Kind.NUMBER and is_list(types.field(attribute.column).type)
    )


class _IdCheck:
    """Member ids that are missing, of the wrong type or not unique; respondent ids by type."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._member_id = panel.schema.member_id
        respondent = (
            marketplace.respondent_id for marketplace in panel.mapping.marketplaces.values()
        )
        self.columns = sorted({self._member_id, *(column for column in respondent if column)})
        self._unique = UniqueIds(panel.source, self._member_id)
        self._found: dict[str, PanelFinding] = {}
        self._type: pa.DataType | None = None

    def see(self, batch: Batch) -> None:
        """Take in the ids of a batch; of each column the first fault is reported."""
        for column in self.columns:
            if column in self._found:
                continue
            optional = column != self._member_id
            try:
                ids = id_array(pa.chunked_array([batch.data.column(column)]), optional=optional)
            except BadValueError as error:
                place = f"{batch.place(error.row)}, column `{column}`"
                self._found[column] = PanelFinding(
                    "unreadable-value", Level.ERROR, place, error.why
                )
                continue
            if optional:
                continue
            self._type = self._type or ids.type
            if ids.type != self._type:
                message = f"ids are {ids.type}, but {self._type} in the files before"
                place = f"{batch.origin}: column `{column}`"
                self._found[column] = PanelFinding("column-type", Level.ERROR, place, message)
                continue
            self._unique.add(ids)

    def findings(self) -> Iterator[PanelFinding]:
        """Faults of the id columns; ids are compared only where all of them can be read."""
        yield from self._found.values()
        if self._member_id not in self._found:
            try:
                self._unique.check()
            except InputError as error:
                yield PanelFinding("duplicate-member", Level.ERROR, "", str(error))


def _answer_checks(panel: Panel) -> Mapping[str, list[_AnswerCheck]]:
    """By panel attribute, the checks of every marketplace that maps answers to it."""
    checks: dict[str, list[_AnswerCheck]] = {}
    for marketplace in panel.mapping.marketplaces.values():
        by_name: dict[str, dict[str, AttributeMapping]] = {}
        for attribute_id, mapped in marketplace.attributes.items():
            by_name.setdefault(mapped.attribute.name, {})[attribute_id] = mapped
        for name, ids in by_name.items():
            # Where one id takes values as they are, every value has an answer that means it.
            tables = {
                key: mapped.answers for key, mapped in ids.items() if mapped.answers is not None
            }
            attribute = next(iter(ids.values())).attribute
            if tables:
                check = _AnswerCheck(
                    f"{panel.file.path}: marketplaces.{marketplace.name}.attributes",
                    marketplace.name,
                    attribute,
                    tables,
                    whole=len(tables) == len(ids),
                )
                checks.setdefault(name, []).append(check)
    return checks


class _AnswerCheck:
    """The answers that one marketplace has for one attribute, against what members hold.

    `tables`: by the marketplace's attribute id, what each answer stands for. `whole`: a value in
    none of them has no answer.
    """

    def __init__(
        self,
        place: str,
        marketplace: str,
        attribute: Attribute,
        tables: Mapping[str, Mapping[str, Target]],
        *,
        whole: bool,
    ) -> None:
        self._place = place
        self._marketplace = marketplace
        self._attribute = attribute
        self._whole = whole
        self._targets = {
            key: {part for target in table.values() for part in target}
            for key, table in tables.items()
        }
        wanted = {part for targets in self._targets.values() for part in targets}
        self._codes = {part for part in wanted if isinstance(part, str)}
        self._ranges = [part for part in wanted if isinstance(part, tuple)]
        self._held: set[str | Range] = set()
        self._unmapped: Counter[str] = Counter()
        self._unmapped_in_all = 0

    def see(self, answers: Answers, count: int) -> None:
        """Take in answers that so many members have given."""
        for value in _compared(self._attribute, answers):
            targets = self._targets_of(value)
            self._held.update(targets)
            if targets or is_negative_code(value):
                continue
            self._unmapped_in_all += count
            text = f"{value:g}" if isinstance(value, float) else value
            if text in self._unmapped or len(self._unmapped) < _REMEMBERED:
                self._unmapped[text] += count

    def _targets_of(self, value: str | float) -> Iterable[str | Range]:
        if isinstance(value, str):
            return {value} & self._codes
        return [(low, high) for low, high in self._ranges if low <= value <= high]

    def findings(self) -> Iterator[PanelFinding]:
        """Mapped values that nobody holds, and held values that no answer stands for."""
        common = [text for text, _ in self._unmapped.most_common()]
        for key, targets in self._targets.items():
            missing = sorted(_written(part) for part in targets - self._held)
            if missing:
                hint = "" if self._attribute.numeric else did_you_mean(missing[0], common)
                yield PanelFinding(
                    "value-not-in-panel",
                    Level.WARNING if hint or len(missing) == len(targets) else Level.INFO,
                    f"{self._place}.{key}",
                    f"no member holds {_examples(missing)}, "
                    f"{len(missing)} of the {len(targets)} values that its answers stand for",
                    hint,
                )
        if self._unmapped_in_all and self._whole:
            times = "once" if self._unmapped_in_all == 1 else f"{self._unmapped_in_all:,} times"
            yield PanelFinding(
                "value-not-mapped",
                Level.INFO,
                self._place,
                f"no {self._marketplace} answer stands for {_examples(common)} of "
                f"`{self._attribute.name}`, held {times}",
            )


def _compared(attribute: Attribute, answers: Answers) -> Iterable[str | float]:
    """The values that answers of a mapping stand for: of children, their genders."""
    if attribute.kind is Kind.CHILDREN:
        return [str(code).partition(":")[0] for code in answers[::2]]
    return answers


def _written(part: str | Range) -> str:
    if isinstance(part, str):
        return part
    low, high = (f"{end:g}" if abs(end) != INFINITY else "" for end in part)
    return low if low == high else f"{low}-{high}"


def _examples(texts: list[str]) -> str:
    shown = ", ".join(f"`{text}`" for text in texts[:_EXAMPLES])
    return f"{shown} and others" if len(texts) > _EXAMPLES else shown
