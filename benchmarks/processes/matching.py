"""One job in a process of its own: prints its seconds and the peak of its memory, as JSON.

    python -m benchmarks.processes.matching numba|numpy|counts|parquet|indexed|stream FOLDER

FOLDER is that of a case, in which `index` is its index. Reading the payload and compiling it are
not in the seconds, but in the memory; so is whatever is imported.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import matcher
from benchmarks.cases.matching import AS_OF, Case, case_in
from benchmarks.ours.matching import Ours
from matcher.plan import Plan
from profiles.panel import open_panel

STREAMED = 20
"""So many surveys have all of their pairs written where only memory is of interest."""
WORKERS = 2


def main(job: str, folder: str) -> None:
    """Do one job."""
    case = case_in(Path(folder))
    mapping = open_panel(case.panel, AS_OF).mapping
    plan = matcher.compile(matcher.load_surveys([case.opportunities], mapping))
    began = time.perf_counter()
    assigned = _do(job, case, plan)
    seconds = time.perf_counter() - began
    print(json.dumps({"assigned": assigned, "seconds": seconds, "peak": _peak()}))


def _do(job: str, case: Case, plan: Plan) -> int:
    """Do the job from the Parquet file on; return the pairs of member and survey found."""
    if job in ("numba", "numpy"):
        ours = Ours(case.panel, plan, "numba" if job == "numba" else "numpy")
        ours.encode()
        return int(ours.run().sum())
    if job == "stream":
        plan = Plan(plan.surveys[:STREAMED])
    panel = case.panel.parent / "index" if job == "indexed" else case.panel
    matches = plan.match(
        open_panel(panel, AS_OF, keep=False), workers=WORKERS if job == "indexed" else 1
    )
    if job in ("counts", "indexed"):
        counts = matches.counts()
    else:
        with tempfile.TemporaryDirectory() as room:
            counts = matches.to_parquet(Path(room) / "pairs.parquet")
    return sum(quota.assigned for survey in counts.surveys for quota in survey.quotas)


def _peak() -> int:
    """Return the most memory this process has held, in bytes.

    Linux counts the parent's memory into `ru_maxrss` of a child that has just been started, so
    the high-water mark is read instead where there is one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
