"""A plan: compiled surveys, ready to be matched or routed on, here or on another machine.

A plan speaks in the panel's attributes and values, never in a shard's codes, so it can be written
to bytes and used on any shard of any panel that declares the same attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from matcher.surveys import Survey, Surveys, read_plan, write_plan
from profiles.schema import AskedParticipation, PanelMapping

if TYPE_CHECKING:
    from matcher.engine import Limits, Matches, Progress
    from matcher.surveys import ChoiceStrategy
    from profiles.encoding import Engine
    from profiles.panel import Panel
from matcher.compiler import Program, compile_surveys


@dataclass(frozen=True)
class Plan:
    """Compiled surveys, ready for any panel that declares the attributes they ask for.

    `mapping` is what they were lowered with; None where that is not known.

    >>> import matcher, profiles
    >>> panel = profiles.open_panel("fixtures/demo/panel.toml")
    >>> plan = matcher.compile(matcher.load_surveys(["fixtures/demo/payloads"], panel.mapping))
    >>> plan
    Plan(46 surveys, 261 registers)
    >>> matcher.Plan.from_bytes(plan.to_bytes())
    Plan(46 surveys)
    """

    surveys: tuple[Survey, ...]
    mapping: PanelMapping | None = field(default=None, hash=False)

    def __repr__(self) -> str:
        surveys = f"{len(self.surveys):,} surveys"
        if "program" not in self.__dict__:  # a plan is not compiled to be shown
            return f"Plan({surveys})"
        return f"Plan({surveys}, {len(self.program.registers):,} registers)"

    def __len__(self) -> int:
        return len(self.surveys)

    def __iter__(self) -> Iterator[Survey]:
        return iter(self.surveys)

    @cached_property
    def program(self) -> Program:
        """The registers and conjunctions that executors run."""
        return compile_surveys(self.surveys)

    @property
    def attributes(self) -> frozenset[str]:
        """The panel attributes that the plan asks for."""
        return self.program.attributes

    @property
    def history(self) -> frozenset[AskedParticipation]:
        """What the plan asks of participation history."""
        return self.program.history

    def match(
        self,
        panel: Panel,
        *,
        choose: ChoiceStrategy | str = "first",
        seed: int = 0,
        uncertain: bool = False,
        max_surveys: int | None = None,
        workers: int = 1,
        engine: Engine = "auto",
        progress: Progress | None = None,
        limits: Limits | None = None,
    ) -> Matches:
        """Match a panel: which members each survey admits, each to which quota.

        Nothing is evaluated until the result is asked for something. `choose` and `seed` say
        which quota a member is given, `uncertain` gives out uncertain members too, `max_surveys`
        gives each member at most so many surveys, those that pay best. `workers` is the number of
        threads, `engine` numpy, numba or auto, whichever is quicker; `progress` is called after
        every shard; `limits` is for tests and unusual machines. None of these four changes a
        result. Raises InputError for a setting that there is not, and where an attribute, or the
        history, is missing in the panel.

        >>> from datetime import date
        >>> import matcher, profiles
        >>> panel = profiles.open_panel("fixtures/demo/panel.toml", date(2026, 11, 21))
        >>> surveys = matcher.load_surveys(["fixtures/demo/payloads/rfg.jsonl"], panel.mapping)
        >>> matcher.compile(surveys).match(panel, choose="scarcest", max_surveys=3)
        Matches(10 surveys, fixtures/demo/panel.toml, choose=scarcest)
        """
        # Imported here so that a plan can be compiled, and routed on, without pyarrow.
        from matcher.engine import Limits, Matches

        return Matches(
            self.program,
            panel,
            choose,
            seed,
            uncertain=uncertain,
            max_surveys=max_surveys,
            workers=workers,
            engine=engine,
            progress=progress,
            limits=limits or Limits(),
        )

    def to_bytes(self) -> bytes:
        """The plan as bytes, for `Plan.from_bytes` in another process or on another machine."""
        return write_plan(self.surveys, self.mapping)

    @classmethod
    def from_bytes(cls, data: bytes) -> Plan:
        """The plan that `to_bytes` wrote; raises InputError for anything else."""
        return cls(*read_plan(data))


def compile(surveys: Surveys | Iterable[Survey]) -> Plan:  # noqa: A001
    """Compile surveys into a plan.

    >>> import matcher, profiles
    >>> mapping = profiles.open_panel("fixtures/demo/panel.toml").mapping
    >>> surveys = matcher.load_surveys(["fixtures/demo/payloads/rfg.jsonl"], mapping)
    >>> matcher.compile(survey for survey in surveys.surveys if survey.open)
    Plan(9 surveys, 66 registers)
    """
    if isinstance(surveys, Surveys | Plan):
        plan = Plan(surveys.surveys, surveys.mapping)
    else:
        plan = Plan(tuple(surveys))
    _ = plan.program
    return plan
