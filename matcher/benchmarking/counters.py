"""Counters of work: the same on every machine, for any engine and any number of threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from matcher.compiler import Compound, Conjunction, Literal, Program
from matcher.engine import PanelCounts
from matcher.plan import Plan
from matcher.routing import DisjunctCompiler, locale_of
from matcher.rules import Answered, Const, InIds, InRanges, OneOf, StartsWith, TookPart, Unusable
from matcher.surveys import Survey, Surveys

_KINDS = {
    OneOf: "value_predicates",
    InRanges: "range_predicates",
    StartsWith: "prefix_predicates",
    Answered: "answered_predicates",
    Unusable: "unusable_predicates",
    InIds: "id_list_predicates",
    TookPart: "participation_predicates",
    Const: "unknown_predicates",
}


@dataclass(frozen=True, slots=True)
class Matched:
    """What matching a panel with one thread came to: its counts, and the shards it was cut into."""

    counts: PanelCounts
    shards: int


def inventory_work(surveys: Surveys) -> dict[str, int]:
    """What is read: surveys, those set aside, those open."""
    return {
        "surveys": len(surveys.surveys),
        "set_aside": len(surveys.rejected),
        "open_surveys": sum(survey.open for survey in surveys.surveys),
    }


def plan_work(plan: Plan) -> dict[str, int]:
    """What a plan is made of: distinct predicates, all and by kind, and how they are combined.

    `negated_predicates` are asked for negated (some of them also as they stand), `compounds` are
    alternatives and what is within them. `register_reads` counts, for every member word once, the
    rows that are read to admit members, to match and take them into quotas, and to make compounds.
    `plan_bytes` is the size of the surveys as a plan on disk, without the panel's mapping.
    """
    program = plan.program
    literals = [each for each in program.registers if isinstance(each, Literal)]
    leaves = {each.predicate for each in literals}
    kinds: Counter[type] = Counter(map(type, leaves))
    return {
        "quotas": len(program.slots),
        "predicates": len(leaves),
        **{name: kinds[kind] for kind, name in _KINDS.items()},
        "negated_predicates": sum(each.negated for each in literals),
        "registers": len(program.registers),
        "compounds": len(program.registers) - len(literals),
        "register_reads": sum(map(len, _conjunctions(program))),
        "plan_bytes": len(Plan(plan.surveys).to_bytes()),
    }


def _conjunctions(program: Program) -> Iterable[Conjunction]:
    """All that is read together, wherever it holds for anyone."""
    for register in program.registers:
        if isinstance(register, Compound):
            yield register.registers
    for compiled in program.surveys:
        yield compiled.gate or ()
        yield compiled.admits or ()
    for slot in program.slots:
        yield slot.matches or ()
        yield slot.takes or ()


def match_work(plan: Plan, matched: Matched) -> dict[str, int]:
    """What matching takes, and what comes of it: pairs of member and survey.

    `rows` are rows of bits, one a register and shard.
    """
    surveys = matched.counts.surveys
    return {
        "members": matched.counts.members,
        "shards": matched.shards,
        "rows": matched.shards * len(plan.program.registers),
        "eligible_pairs": sum(survey.eligible for survey in surveys),
        "uncertain_pairs": sum(survey.uncertain for survey in surveys),
        "given_pairs": sum(survey.given for survey in surveys),
    }


def router_work(surveys: Iterable[Survey]) -> dict[str, int]:
    """What a router is made of: ways into surveys, conditions on them, layers by locale.

    `ways_with_more` ask for more than conditions on one attribute each; `judged_whole` are surveys
    that ways do not decide.
    """
    surveys = tuple(surveys)
    compiler = DisjunctCompiler()
    compiled = [compiler.compile(survey) for survey in surveys]
    disjuncts = [disjunct for survey in compiled for disjunct in survey.disjuncts]
    return {
        "ways": len(disjuncts),
        "way_conditions": sum(len(survey.conditions) for survey in compiled)
        + sum(len(disjunct.conditions) for disjunct in disjuncts),
        "ways_with_more": sum(bool(disjunct.rest) for disjunct in disjuncts),
        "judged_whole": sum(survey.whole for survey in compiled),
        "locales": len({locale_of(survey) for survey in surveys}),
    }
