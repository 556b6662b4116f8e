"""How a benchmark opens, matches and times: as the commands do, with the flags given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from matcher.engine import Matches, Progress
from matcher.plan import Plan
from matcher.surveys import ChoiceStrategy
from profiles.encoding import Engine
from profiles.panel import Panel, open_panel


@contextmanager
def arrow_threads(workers: int) -> Iterator[None]:
    """Let Arrow read with so many threads too, while this lasts."""
    before = pa.cpu_count(), pa.io_thread_count()
    pa.set_cpu_count(workers)
    pa.set_io_thread_count(workers)
    try:
        yield
    finally:
        pa.set_cpu_count(before[0])
        pa.set_io_thread_count(before[1])


@dataclass(frozen=True, slots=True)
class Timing:
    """How long each figure is timed."""

    enough: float = 0.3
    """Seconds of work after which a figure is stable enough."""

    round: float = 0.04
    """Seconds of a round at least."""

    calibration: float = 0.02
    """Seconds of a calibration at least."""

    passes: int = 3
    """Times that every member is routed in a round, at least."""

    sample: int = 300
    """Members who are routed."""


@dataclass(frozen=True, slots=True)
class BenchmarkSettings:
    """Flags of a benchmark; `rounds` is in how many each stage is timed, at least."""

    as_of: date
    choose: ChoiceStrategy = ChoiceStrategy.FIRST
    seed: int = 0
    uncertain: bool = False
    marketplace: str | None = None
    workers: int = 1
    engine: Engine = "auto"
    rounds: int = 5
    timing: Timing = field(default_factory=Timing)

    def open_panel(self, path: Path, *, keep: bool = False) -> Panel:
        """The panel as `match` opens it; with `keep` it always stays in memory."""
        return open_panel(path, self.as_of, keep=keep or self.choose is ChoiceStrategy.SCARCEST)

    def match(
        self,
        plan: Plan,
        panel: Panel,
        *,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> Matches:
        """Match a panel; `workers` takes precedence over the setting."""
        return plan.match(
            panel,
            choose=self.choose,
            seed=self.seed,
            uncertain=self.uncertain,
            workers=workers or self.workers,
            engine=self.engine,
            progress=progress,
        )

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return asdict(self) | {"as_of": self.as_of.isoformat()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> BenchmarkSettings:
        """The settings that `to_json` gave."""
        return cls(
            **values
            | {
                "as_of": date.fromisoformat(values["as_of"]),
                "choose": ChoiceStrategy(values["choose"]),
                "timing": Timing(**values["timing"]),
            }
        )
