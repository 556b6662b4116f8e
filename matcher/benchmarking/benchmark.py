"""A benchmark: what was measured, of which inputs, and where; and the file that it is saved in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from matcher.support import check_output, written_whole
from profiles.envelope import Envelope
from profiles.errors import InputError, system_reason

_ENVELOPE = Envelope("quota-matcher benchmark", 1, "a benchmark")
_SUFFIX = ".json"

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Time:
    """How long something takes, and a calibration loop beside it: the median of so many rounds."""

    seconds: Seconds
    calibration: Seconds
    rounds: int

    def ratio(self, before: Time) -> float:
        """How many times as long it takes as before, both measured in calibration loops."""
        return (self.seconds / self.calibration) / (before.seconds / before.calibration)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a benchmark is of: digests of what was read, and flags that change a result.

    `members` covers the files of members and all member ids, of a database only the ids; `history`
    and `collections` the files, None where there are none.
    """

    payloads: str
    mapping: str
    members: str
    history: str | None
    collections: str | None
    as_of: str
    choose: str
    seed: int
    uncertain: bool
    marketplace: str | None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Versions, the engine that ran (numpy or numba) and threads."""

    matcher: str
    python: str
    numpy: str
    engine: str
    workers: int


@dataclass(frozen=True, slots=True)
class Times:
    """The time of each stage; of the router, what 50 and 99 in 100 members wait at most."""

    load: Time
    compile: Time
    match_cold: Time
    match_first: Time
    match_warm: Time
    router_build: Time
    router_p50: Time
    router_p99: Time


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What was measured; `memory` is the peak of matching, in bytes."""

    inputs: Inputs
    circumstances: Circumstances
    counters: dict[str, int]
    times: Times
    memory: Annotated[int, Field(ge=0)]

    def __repr__(self) -> str:
        surveys, members = (self.counters.get(name, 0) for name in ("surveys", "members"))
        return f"Benchmark({surveys:,} surveys, {members:,} members, {self.memory / 1e6:,.0f} MB)"

    def to_json(self) -> dict[str, Any]:
        """The saved file, as JSON values."""
        return {**_ENVELOPE.head, **asdict(self)}


_BENCHMARK = TypeAdapter(Benchmark)


def file_of(name: str) -> Path:
    """The file that a benchmark of that name is saved in; `.json` is added where it is missing."""
    if not name:
        raise InputError("the name of a benchmark is empty")
    return Path(name if name.lower().endswith(_SUFFIX) else name + _SUFFIX)


def read_benchmark(file: Path) -> Benchmark:
    """The benchmark in a file; raises InputError where there is none, or one of another version."""
    try:
        data = file.read_bytes()
        document = orjson.loads(data)
        _ENVELOPE.check(document)
        return _BENCHMARK.validate_json(data, strict=True)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    except FileNotFoundError:
        raise InputError(f"{file}: no such file") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {system_reason(error)}") from None
    except (ValidationError, ValueError):
        raise InputError(f"{file}: not a benchmark") from None


def check_writable(file: Path) -> None:
    """Refuse, before any work, a file that could not be written, or is not a benchmark."""
    check_output(file, _SUFFIX)
    try:
        if not file.exists():
            return
        if _ENVELOPE.holds(orjson.loads(file.read_bytes())):
            return
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {system_reason(error)}") from None
    except ValueError:
        pass
    raise InputError(f"{file}: is not a benchmark, so it is not replaced")


def save_benchmark(benchmark: Benchmark, file: Path) -> None:
    """Write a benchmark, whole or not at all; raises InputError where that cannot be done."""
    content = orjson.dumps(
        benchmark.to_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    )
    with written_whole(file) as unfinished:
        unfinished.write_bytes(content)
