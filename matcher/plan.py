"""A plan: compiled surveys, ready to be matched or routed on, here or on another machine.

A plan speaks in the panel's attributes and values, never in a shard's codes, so it can be written
to bytes and used on any shard of any panel that declares the same attributes.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    """

    surveys: tuple[Survey, ...]
    mapping: PanelMapping | None = field(default=None, hash=False)

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
    """Compile surveys into a plan."""
    if isinstance(surveys, Surveys):
        plan = Plan(surveys.surveys, surveys.mapping)
    else:
        plan = Plan(tuple(surveys))
    _ = plan.program
    return plan
