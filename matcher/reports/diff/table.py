"""What `matcher diff` prints on a terminal: the surveys most affected, then the figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from matcher.comparison import (
    Assignment,
    Change,
    ClauseChange,
    ClauseText,
    Difference,
    Fate,
    Flow,
    SurveyDifference,
)
from matcher.concentration import Concentration
from matcher.reports.diff.overview import (
    CHANGES,
    FATES,
    assignment_name,
    concentration_line,
    effect,
    fates,
    largest_changes,
    most_affected,
)
from matcher.reports.markup import NONE, shown
from matcher.reports.text import one_line
from matcher.surveys import Verdict
from profiles.plural import plural

TABLE_SURVEYS = 20
TABLE_DETAILS = 3
TABLE_LINES = 6
MATRIX_ROWS = 12
"""A matrix of flows with more rows, or wider than the terminal, is shown as a list."""

_LONGEST = 300
_ROOM = 10_000
_STYLES = {
    Change.LOST: "red",
    Change.GAINED: "green",
    Change.MOVED: "magenta",
    Change.NEWLY_UNCERTAIN: "yellow",
}


def print_difference(console: Console, found: Difference, seconds: float) -> None:
    """The surveys most affected, why, and the figures of all.

    However many surveys changed, it stays a page or two, and says what is left out.
    """
    surveys = most_affected(found)
    if surveys:
        table = _survey_table(surveys[:TABLE_SURVEYS])
        if _width(console, table) > console.width:
            table.columns[-1].header = "newly\nuncertain"
            table.columns[-1].min_width = None
        console.print(table)
        _print_more(console, len(surveys) - TABLE_SURVEYS, "survey")
    changed = [survey for survey in surveys if survey.fate is Fate.CHANGED]
    for survey in changed[:TABLE_DETAILS]:
        _print_survey(console, survey)
    _print_mapping(console, found)
    if surveys or found.mapping:
        console.print()
    for line in _totals(found):
        console.print(line, soft_wrap=True)
    lines = [*_concentration_lines(found.concentrations)]
    if lines:
        console.print("in surveys open before and after:")
    for line in lines:
        console.print(f"  {line}", soft_wrap=True)
    console.print(
        f"{plural(found.members_after, 'member')}{_turnover(found)} · "
        f"{plural(found.work.surveys, 'survey')} compared, "
        f"{found.work.evaluated:,} matched again · "
        f"{seconds:.2f} s",
        soft_wrap=True,
    )


def _survey_table(surveys: Sequence[SurveyDifference]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("survey", overflow="ellipsis", max_width=40)  # alone narrower than its text
    table.add_column("now", no_wrap=True, min_width=7)
    for name in ("before", "after", *CHANGES.values()):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    for survey in surveys:
        tally = survey.tally
        table.add_row(
            shown(survey.survey),
            FATES[survey.fate],
            f"{tally.before:,}",
            f"{tally.after:,}",
            _count(Change.LOST, tally.lost),
            _count(Change.GAINED, tally.gained),
            _count(Change.MOVED, tally.moved),
            _count(Change.NEWLY_UNCERTAIN, tally.newly_uncertain),
        )
    return table


def _count(change: Change, members: int) -> str:
    return f"[{_STYLES[change]}]{members:,}[/{_STYLES[change]}]" if members else NONE


def _print_more(console: Console, count: int, thing: str) -> None:
    if count > 0:
        console.print(f"[dim]… and {plural(count, thing)} more: --json has them all[/dim]")


def _print_survey(console: Console, survey: SurveyDifference) -> None:
    """What members who changed have in common, what changed in the survey, and who went where."""
    console.print(f"\n[bold]{shown(survey.survey)}[/bold]", soft_wrap=True)
    for line in _concentration_lines(survey.concentrations):
        console.print(f"  {line}", soft_wrap=True)
    if survey.clauses:
        console.print(_indented(_clause_table(survey.clauses[:TABLE_LINES])))
        _print_more(console, len(survey.clauses) - TABLE_LINES, "change")
    changes = largest_changes(survey.flows)
    if len(changes) > 1:
        matrix = _matrix(survey.flows)
        indented = _indented(matrix)
        if matrix.row_count <= MATRIX_ROWS and _width(console, indented) <= console.width:
            console.print(indented)
        else:
            console.print(_indented(_flow_table(changes[:TABLE_LINES])))
            _print_more(console, len(changes) - TABLE_LINES, "flow")


def _indented(table: Table) -> Padding:
    return Padding(table, (0, 0, 0, 2), expand=False)


def _width(console: Console, table: Table | Padding) -> int:
    """How wide it is where there is enough room."""
    return console.measure(table, options=console.options.update(width=_ROOM)).maximum


def _concentration_lines(found: Mapping[Change, Sequence[Concentration]]) -> Iterator[str]:
    for change in CHANGES:
        for held in found.get(change, ()):
            yield shown(concentration_line(change, held))


def _clause_table(clauses: Sequence[ClauseChange]) -> Table:
    """The texts before and after, side by side."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("what changed", no_wrap=True)
    table.add_column("before", overflow="fold", ratio=1)
    table.add_column("after", overflow="fold", ratio=1)
    for clause in clauses:
        of = "" if clause.quota is None else f" of {_name(clause.quota)}"
        table.add_row(f"{shown(clause.what)}{of}", _text(clause.before), _text(clause.after))
    return table


def _text(found: ClauseText | None) -> str:
    if found is None:
        return NONE
    text = one_line(found.text)
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f"[dim]{shown(found.pointer)}[/dim]\n{shown(cut)}"


def _assignments(flows: Sequence[Flow]) -> tuple[list[Assignment], list[Assignment]]:
    """The assignments of each side: quotas in their order, then no quota."""
    befores = dict.fromkeys(flow.before for flow in flows if flow.members)
    afters = dict.fromkeys(flow.after for flow in flows if flow.members)
    last = (Verdict.UNCERTAIN, Verdict.INELIGIBLE)
    ordered = [end for end in befores | afters if end not in last] + [*last]
    return (
        [end for end in ordered if end in befores],
        [end for end in ordered if end in afters],
    )


def _matrix(flows: Sequence[Flow]) -> Table:
    """Rows are assignments before, columns after; members who stayed are dim."""
    befores, afters = _assignments(flows)
    members = {(flow.before, flow.after): flow for flow in flows}
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("from / to", no_wrap=True)
    for after in afters:
        table.add_column(_name(after), justify="right", no_wrap=True)
    for before in befores:
        cells = (members.get((before, after)) for after in afters)
        table.add_row(_name(before), *map(_cell, cells))
    return table


def _cell(flow: Flow | None) -> str:
    if flow is None or not flow.members:
        return NONE
    return f"[dim]{flow.members:,}[/dim]" if flow.same else f"{flow.members:,}"


def _flow_table(changes: Sequence[Flow]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("from", no_wrap=True)
    table.add_column("to", no_wrap=True)
    table.add_column("members", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for flow in changes:
        table.add_row(
            _name(flow.before), _name(flow.after), f"{flow.members:,}", effect(flow).value
        )
    return table


def _name(assignment: Assignment) -> str:
    return shown(assignment_name(assignment))


def _print_mapping(console: Console, found: Difference) -> None:
    if not found.mapping:
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("panel file", overflow="fold")
    table.add_column("before", overflow="fold")
    table.add_column("after", overflow="fold")
    for change in found.mapping[:TABLE_LINES]:
        table.add_row(
            shown(change.place),
            *(NONE if text is None else shown(text) for text in (change.before, change.after)),
        )
    console.print()
    console.print(table)
    _print_more(console, len(found.mapping) - TABLE_LINES, "change")


def _totals(found: Difference) -> Iterator[str]:
    tally = found.tally
    counts = (tally.lost, tally.gained, tally.moved, tally.newly_uncertain)
    changes = ", ".join(
        f"{count:,} {word}" for count, word in zip(counts, CHANGES.values(), strict=True)
    )
    if found.work.evaluated:
        given = f"{tally.before:,} → {tally.after:,}"
        yield (
            f"[bold]given: {given}[/bold] pairs of member and survey "
            f"in the surveys matched again · {changes}"
        )
    else:
        yield "[bold]nobody is lost, gained or moved[/bold]"
    yield "surveys: " + ", ".join(f"{count:,} {word}" for word, count in fates(found))


def _turnover(found: Difference) -> str:
    if not (found.joined or found.left):
        return ""
    return f" ({found.joined:,} joined, {found.left:,} left)"
