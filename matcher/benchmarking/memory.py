"""The peak of memory while a plan matches a panel, in a process that does nothing else.

What counts is the most that the process held while it matched, less what it held before: Python,
modules and plan are not in it, the panel and all that is made of it are.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from matcher.benchmarking.settings import BenchmarkSettings, arrow_threads
from matcher.plan import Plan
from profiles.errors import InputError

_PROCESS = Path("/proc/self")


def measure_memory(plan: Plan, panel: Path, settings: BenchmarkSettings) -> int:
    """The peak in bytes.

    Raises InputError where the process cannot be started, or does not come to its end.
    """
    paths = os.pathsep.join(filter(None, sys.path))
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(panel), json.dumps(settings.to_json())],
            input=Plan(plan.surveys).to_bytes(),
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            check=True,
        )
        return int(done.stdout)
    except (OSError, subprocess.CalledProcessError) as error:
        why = error if isinstance(error, OSError) else f"it ended with {error.returncode}"
        raise InputError(f"the process that memory is measured in: {why}") from None


def _main(panel: str, settings: str) -> None:
    """Match the panel by the plan on standard input, and print the peak."""
    asked = BenchmarkSettings.from_json(json.loads(settings))
    plan = Plan.from_bytes(sys.stdin.buffer.read())
    _ = plan.program
    gc.collect()
    with suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5")  # the peak is what is held now
    before = _held("VmRSS")
    with arrow_threads(asked.workers):
        asked.match(plan, asked.open_panel(Path(panel))).counts()
    print(max(_held("VmHWM") - before, 0))


def _held(what: str) -> int:
    """What the process holds now (VmRSS), or has held at most (VmHWM), in bytes.

    Where the system does not say it so, both are the most; Linux counts into that the parent's.
    """
    with suppress(OSError):
        for line in (_PROCESS / "status").read_text().splitlines():
            if line.startswith(what):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    _main(*sys.argv[1:])
