"""The peak of memory while a plan matches a panel, in a process that does nothing else.

It is the most that the process held while it matched, less what it held before: without Python,
modules and plan, but with the panel and all that is made of it.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from matcher.benchmarking.settings import BenchmarkSettings, arrow_threads
from matcher.plan import Plan
from profiles.errors import InputError

_PROCESS = Path("/proc/self")


def measure_memory(plan: Plan, panel: Path, settings: BenchmarkSettings) -> int:
    """The peak in bytes.

    Raises InputError where the system does not report it, or the process fails.
    """
    if not (_PROCESS.exists() or find_spec("resource")):
        raise InputError("memory cannot be measured on this system, which does not report it")
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
    restored = BenchmarkSettings.from_json(json.loads(settings))
    plan = Plan.from_bytes(sys.stdin.buffer.read())
    _ = plan.program
    gc.collect()
    with suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5")  # the peak starts from what is held now
    before = _held("VmRSS")
    with arrow_threads(restored.workers):
        restored.match(plan, restored.open_panel(Path(panel))).counts()
    print(max(_held("VmHWM") - before, 0))


def _held(what: str) -> int:
    """What the process holds now (VmRSS), or has held at most (VmHWM), in bytes.

    Without /proc, both are the most that it has held.
    """
    with suppress(OSError):
        for line in (_PROCESS / "status").read_text().splitlines():
            if line.startswith(what):
                return int(line.split()[1]) * 1024
    import resource  # not on every system

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    _main(*sys.argv[1:])
