"""Compares two benchmarks: times as ratios, counters exactly, and first their inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from matcher.benchmarking.benchmark import Benchmark, Times

LEAST_MEMORY = 16_000_000
"""Bytes; less counts as this much, since a few pages more or less mean nothing."""

FigureChange = tuple[Any, Any]
"""Before and after."""


@dataclass(frozen=True)
class BenchmarkComparison:
    """A saved benchmark, and a new one."""

    before: Benchmark
    after: Benchmark

    def __repr__(self) -> str:
        return (
            f"BenchmarkComparison({len(self.inputs):,} inputs and {len(self.counters):,} counters "
            "differ)"
        )

    @cached_property
    def inputs(self) -> dict[str, FigureChange]:
        """The inputs that differ."""
        return _changes(self.before.inputs, self.after.inputs)

    @cached_property
    def circumstances(self) -> dict[str, FigureChange]:
        """Versions, engine and threads that differ."""
        return _changes(self.before.circumstances, self.after.circumstances)

    @cached_property
    def counters(self) -> dict[str, FigureChange]:
        """The counters that differ; None where a benchmark has no such counter."""
        before, after = self.before.counters, self.after.counters
        return {
            name: (before.get(name), after.get(name))
            for name in before | after
            if before.get(name) != after.get(name)
        }

    @cached_property
    def ratios(self) -> dict[str, float]:
        """By stage, how many times as long it takes; and the ratio of `memory`."""
        before, after = self.before, self.after
        ratios: dict[str, float] = {
            stage.name: getattr(after.times, stage.name).ratio(getattr(before.times, stage.name))
            for stage in fields(Times)
        }
        ratios["memory"] = max(after.memory, LEAST_MEMORY) / max(before.memory, LEAST_MEMORY)
        return ratios

    def findings(self, limit: float) -> Iterator[str]:
        """What is worse than a limit in percent allows, one line each.

        A counter that differs is a finding in itself, unless the inputs differ too.
        """
        if not self.inputs:
            for name, (before, after) in self.counters.items():
                yield f"{label(name)}: {value_text(before)} before, {value_text(after)} now"
        for name, ratio in self.ratios.items():
            if ratio > 1 + limit / 100:
                yield f"{label(name)}: {ratio:.2f} times what it was, more than {limit:g} % above"


def label(name: str) -> str:
    """A figure's or counter's name for people."""
    return name.replace("_", " ")


def value_text(value: object) -> str:
    """The value of a counter, an input or a circumstance, for people."""
    if value is None:
        return "none"
    return f"{value:,}" if type(value) is int else str(value)


def _changes(before: Any, after: Any) -> dict[str, FigureChange]:
    pairs = (
        (field.name, getattr(before, field.name), getattr(after, field.name))
        for field in fields(before)
    )
    return {name: (old, new) for name, old, new in pairs if old != new}
