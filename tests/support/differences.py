"""Differences made by hand: what `matcher diff` could find, ordinary and odd."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from math import inf

from matcher.comparison import (
    Assignment,
    Change,
    ChangeTally,
    ClauseChange,
    ClauseText,
    Difference,
    Flow,
    MappingChange,
    Path,
    QuotaDifference,
    QuotaState,
    Status,
    SurveyDifference,
    Work,
)
from matcher.concentration import Concentration
from matcher.surveys import Diagnostic, Level, Verdict

OUT = Verdict.INELIGIBLE
MAYBE = Verdict.UNCERTAIN
HASH = "6f49c2b07d7f4f0f9a3f5be1c64d07f0a17e55d2"
SCRIPT = "<script>alert('id')</script>"
RIGHT_TO_LEFT = "סקר־לקוחות-١٢٣"


def flow(before: Assignment | str, after: Assignment | str, members: int) -> Flow:
    """A flow; a text that is not a verdict is the id of the only quota of a path."""
    ends = [
        (end,) if isinstance(end, str) and not isinstance(end, Verdict) else end
        for end in (before, after)
    ]
    return Flow(ends[0], ends[1], members, same=before == after)


def tally_of(flows: Iterable[Flow]) -> ChangeTally:
    """The tally of a survey's flows."""
    tally = ChangeTally()
    for flow in flows:
        given_before = not isinstance(flow.before, Verdict)
        given_after = not isinstance(flow.after, Verdict)
        newly = flow.after is MAYBE and flow.before is not MAYBE
        tally = replace(
            tally,
            before=tally.before + given_before * flow.members,
            after=tally.after + given_after * flow.members,
            uncertain_before=tally.uncertain_before + (flow.before is MAYBE) * flow.members,
            uncertain_after=tally.uncertain_after + (flow.after is MAYBE) * flow.members,
            gained=tally.gained + (given_after and not given_before) * flow.members,
            lost=tally.lost + (given_before and not given_after) * flow.members,
            moved=tally.moved + (given_before and given_after and not flow.same) * flow.members,
            newly_uncertain=tally.newly_uncertain + newly * flow.members,
        )
    return tally


def total(*tallies: ChangeTally) -> ChangeTally:
    """The sum of tallies."""
    names = ChangeTally.__dataclass_fields__
    return ChangeTally(**{name: sum(getattr(tally, name) for tally in tallies) for name in names})


def quota(
    path: Path | str, flows: Sequence[Flow], before: int | None, after: int | None
) -> QuotaDifference:
    """A quota with its seats before and after (None: absent), counted from flows."""
    ids = (path,) if isinstance(path, str) else path
    into = [flow for flow in flows if flow.after == ids]
    out = [flow for flow in flows if flow.before == ids]
    gained = sum(flow.members for flow in into if isinstance(flow.before, Verdict))
    lost = sum(flow.members for flow in out if isinstance(flow.after, Verdict))
    stayed = sum(flow.members for flow in into if flow.same)
    had, has = (sum(flow.members for flow in side) for side in (out, into))
    return QuotaDifference(
        None if before is None else QuotaState(ids, had, before, open=before > 0),
        None if after is None else QuotaState(ids, has, after, open=after > 0),
        gained,
        lost,
        came=has - gained - stayed,
        left=had - lost - stayed,
    )


def survey(
    name: str,
    flows: Iterable[Flow] = (),
    quotas: Iterable[QuotaDifference] = (),
    *,
    before: Status = Status.OPEN,
    after: Status = Status.OPEN,
    clauses: Iterable[ClauseChange] = (),
    renamed: Iterable[tuple[Path, Path]] = (),
    concentrations: dict[Change, tuple[Concentration, ...]] | None = None,
) -> SurveyDifference:
    """A survey whose tally is that of its flows."""
    flows = tuple(flows)
    return SurveyDifference(
        name,
        before,
        after,
        evaluated=bool(flows),
        tally=tally_of(flows),
        quotas=tuple(quotas),
        flows=flows,
        renamed=tuple(renamed),
        clauses=tuple(clauses),
        concentrations=concentrations or {},
    )


def difference(surveys: Iterable[SurveyDifference], **others: object) -> Difference:
    """A difference of these surveys, of a panel of 20,000 members."""
    surveys = tuple(surveys)
    evaluated = sum(survey.evaluated for survey in surveys)
    plain = Difference(
        as_of=date(2026, 11, 21),
        members_before=20_000,
        members_after=20_000,
        joined=0,
        left=0,
        tally=total(*(survey.tally for survey in surveys)),
        surveys=surveys,
        unchanged=0,
        concentrations={},
        mapping=(),
        work=Work(len(surveys), evaluated, 12 * evaluated, 20_000 if evaluated else 0),
    )
    return replace(plain, **others)  # type: ignore[arg-type]


def nothing() -> Difference:
    """No survey changed."""
    return difference(())


def young_men_in_germany() -> SurveyDifference:
    """A narrower filter, a quota that takes other members, one that is full."""
    flows = [
        flow("men-18-24", "men-18-24", 1_480),
        flow("men-18-24", "men-25-34", 260),
        flow("men-18-24", OUT, 840),
        flow("women-18-24", "women-18-24", 1_904),
        flow("women-18-24", OUT, 160),
        flow("women-18-24", MAYBE, 45),
        flow("men-25-34", "men-25-34", 616),
        flow(OUT, "men-25-34", 75),
        flow(MAYBE, "women-18-24", 22),
        flow(MAYBE, MAYBE, 310),
        flow(OUT, MAYBE, 38),
        flow(MAYBE, OUT, 12),
    ]
    return survey(
        "dynata:13231",
        flows,
        [
            quota("men-18-24", flows, 250, 2_000),
            quota("women-18-24", flows, 1_200, 1_200),
            quota("men-25-34", flows, 400, 980),
            quota("closed-one", flows, 0, 0),
        ],
        clauses=[
            ClauseChange(
                "filter",
                None,
                ClauseText("/cells/4", "attribute 80 (age) is between 18 and 34"),
                ClauseText("/cells/4", "attribute 80 (age) is between 18 and 29"),
            ),
            ClauseChange(
                "filter",
                None,
                None,
                ClauseText("/filters/3", "attribute 211 (region) is none of 4 (DE), 5 (AT)"),
            ),
            ClauseChange("quota", ("men-25-34",), ClauseText("/quotas/0/2", "anyone"), None),
            ClauseChange(
                "seats",
                ("men-18-24",),
                ClauseText("/quotas/0/0/count", "250"),
                ClauseText("/quotas/0/0/count", "2,000"),
            ),
        ],
        concentrations={
            Change.LOST: (
                Concentration("region", ("DE",), 1_045, 1_024, 4_260, 511),
                Concentration("age", ((18.0, 24.0),), 1_045, 700, 4_260, 1_900),
            ),
            Change.GAINED: (Concentration("household_income", (None,), 97, 80, 4_260, 400),),
        },
    )


def layers() -> SurveyDifference:
    """A survey of quotas with layers, one of which has another name."""
    flows = [
        flow(("4412001", "88121"), ("4412001", "88121"), 8_200),
        flow(("4412001", "88122"), ("4412001", "88121"), 340),
        flow(("4412001", "88122"), ("4412001", "88129"), 1_210),
        flow(("4412002", "88130"), OUT, 96),
    ]
    return survey(
        "toluna:2433478/787773",
        [*flows[:2], replace(flows[2], same=True), flows[3]],
        [quota("4412001", [], 900, 900), quota("4412002", [], 50, None)],
        renamed=[(("4412001", "88122"), ("4412001", "88129"))],
        clauses=[
            ClauseChange(
                "order",
                None,
                ClauseText("/Quotas", "4412001, 4412002"),
                ClauseText("/Quotas", "4412002, 4412001"),
            )
        ],
    )


def forty_quotas() -> SurveyDifference:
    """More quotas than a picture could show, with long ids, many moves between them."""
    names = [f"{index:02d}{HASH}" for index in range(40)]
    flows = [flow(name, name, 400 + 17 * index) for index, name in enumerate(names)]
    flows += [flow(name, names[(7 * i + 3) % 40], 12 + i) for i, name in enumerate(names)]
    flows += [flow(name, OUT, 3 * (index % 5)) for index, name in enumerate(names)]
    return survey(
        f"dynata:{HASH}{HASH}",
        flows,
        [
            quota(name, flows, 100 * (index % 7), 90 * (index % 7))
            for index, name in enumerate(names)
        ],
        clauses=[
            ClauseChange(
                "quota",
                (name,),
                ClauseText(
                    f"/quotas/0/{index}/cells",
                    "attribute 9 (county) is any of 1, 2, 3 and 1,204 more",
                ),
                ClauseText(
                    f"/quotas/0/{index}/cells", "attribute 9 (county) is any of 1, 2 and 1,203 more"
                ),
            )
            for index, name in enumerate(names)
        ],
    )


def odd() -> SurveyDifference:
    """Ids that would be markup, right-to-left text, control characters, huge and empty flows."""
    flows = [
        flow(SCRIPT, SCRIPT, 10**15),
        flow(SCRIPT, OUT, 10**12),
        flow(SCRIPT, RIGHT_TO_LEFT, 1),
        flow((), (), 5),
        flow(RIGHT_TO_LEFT, "\x1b[31mred\u202e\ud800", 3),
        flow(OUT, (), 0),
    ]
    return survey(
        f"rfg:{SCRIPT}",
        flows,
        [quota(SCRIPT, flows, 10**9, 10**9), quota(RIGHT_TO_LEFT, flows, None, 7)],
        clauses=[
            ClauseChange("filter", (SCRIPT,), ClauseText("/a~1b", f'name is {SCRIPT} & "x"'), None),
            ClauseChange("filter", None, None, ClauseText("/x", RIGHT_TO_LEFT * 100)),
        ],
        concentrations={
            Change.LOST: (Concentration(SCRIPT, (SCRIPT, None), 10**12, 10**12, 10**15 + 6, 0),)
        },
    )


def ordinary() -> Difference:
    """What a day's new file of surveys may bring."""
    closing = [flow("all", OUT, 730)]
    opening = [flow(OUT, "all", 512), flow(OUT, MAYBE, 64)]
    surveys = [
        young_men_in_germany(),
        survey("dynata:13240"),
        survey(
            "dynata:13244",
            closing,
            [quota("all", closing, 90, 0)],
            after=Status.CLOSED,
            clauses=[
                ClauseChange(
                    "status", None, ClauseText("/status", "OPEN"), ClauseText("/status", "CLOSED")
                )
            ],
        ),
        survey("dynata:13301", opening, [quota("all", opening, None, 400)], before=Status.ABSENT),
        layers(),
        survey("rfg:998123", [flow("q", OUT, 12)], after=Status.ABSENT),
        survey("rfg:998124", before=Status.CLOSED, after=Status.REJECTED),
        survey("rfg:998130", before=Status.REJECTED),
    ]
    warning = Diagnostic(
        Level.WARNING, "unmapped-answer", "answer `9` is not mapped", "dynata:13231", "/cells/3"
    )
    error = Diagnostic(Level.ERROR, "undefined-tag", "no cell has the tag `x`", "rfg:998124")
    return difference(
        surveys,
        tally=total(ChangeTally(61_200, 61_200, 900, 900), *(survey.tally for survey in surveys)),
        members_after=20_010,
        joined=20,
        left=10,
        unchanged=4_212,
        concentrations={
            Change.LOST: (
                Concentration("region", ("DE",), 1_883, 1_790, 74_000, 8_880),
                Concentration("age", ((-inf, 29.0),), 1_883, 1_401, 74_000, 22_100),
            ),
            Change.GAINED: (Concentration("gender", ("F", None), 609, 590, 74_000, 37_500),),
            Change.MOVED: (
                Concentration("income", ((30_000.0, 45_000.0),), 600, 420, 74_000, 9_000),
            ),
        },
        mapping=(
            MappingChange("marketplaces.dynata.attributes.211.answers.4", "DE", "DE, AT"),
            MappingChange("marketplaces.dynata.attributes.97", None, "attribute pets"),
        ),
        work=Work(8_440, 7, 61, 20_020),
        diagnostics_before=(warning,),
        diagnostics_after=(warning, warning, error),
    )


def strange() -> Difference:
    """Everything odd at once."""
    return difference(
        [forty_quotas(), odd(), young_men_in_germany()],
        concentrations=odd().concentrations,
        mapping=(MappingChange(f"constants.{SCRIPT}", SCRIPT, None),),
    )


def large(surveys: int = 5_000) -> Difference:
    """So many surveys that changed, each with flows, quotas and clauses."""
    model = young_men_in_germany()
    return difference(
        [
            replace(
                model, survey=f"dynata:{index}", tally=replace(model.tally, lost=1_045 + index % 97)
            )
            for index in range(surveys)
        ]
    )
