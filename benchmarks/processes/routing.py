"""One router in a process of its own: prints what it takes and how fast it answers, as JSON.

    python -m benchmarks.processes.routing KIND RULES FOLDER [--payload FILE] [--updates]

KIND is that of an inventory, FOLDER where its payload is written. The inventory is made first;
seconds and memory are those of the router alone. Before anything is timed, some members get the
answers of the reference evaluator. The garbage collector runs while members are timed.
"""

import argparse
import ctypes
import gc
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import fmean

from benchmarks.cases.routing import (
    count_rules,
    grow,
    lowered,
    members_of,
    read_mapping,
)
from benchmarks.ours.routing import (
    LIMIT,
    MEASURED,
    WARM_UP,
    check,
    latencies,
    make_router,
    percentile,
)
from benchmarks.ours.updates import watch_notices, watch_updates
from matcher import Survey
from profiles.schema import PanelMapping

CHECKED = {10_000: 100, 100_000: 20, 1_000_000: 5}
"""How many members the reference evaluator judges, by rules."""


def main() -> None:
    """Make one router, and print its measurements."""
    arguments = _arguments()
    mapping = read_mapping(arguments.folder)
    gc.disable()  # all of the inventory is kept: collecting meanwhile doubles the time
    surveys = grow(_lowered_elsewhere(arguments, mapping), arguments.rules)
    gc.enable()
    rules = sum(count_rules(group) for survey in surveys for group in survey.groups)
    before = _resident()
    began = time.perf_counter()
    router = make_router(surveys, mapping)
    seconds = time.perf_counter() - began
    found = {"seconds": seconds, "bytes_a_rule": (_resident() - before) / rules}
    rows = members_of(arguments.kind, WARM_UP + MEASURED, seed=3)
    some = rows[: CHECKED[arguments.rules]]
    check(router, surveys, some, mapping)

    taken = latencies(lambda row: router.match(row, limit=LIMIT).eligible, rows)[WARM_UP:]
    found |= {"p50": percentile(taken, 50), "p99": percentile(taken, 99)}
    found["eligible"] = fmean(len(router.match(row).eligible) for row in rows[:100])
    if arguments.updates and arguments.kind == "toluna":
        found |= watch_notices(router)
    elif arguments.updates:
        found |= watch_updates(router, arguments.kind, arguments.folder, mapping, rows)
        check(router, router.surveys, some, mapping)
    print(json.dumps(found))


def _lowered_elsewhere(arguments: argparse.Namespace, mapping: PanelMapping) -> tuple[Survey, ...]:
    """Return the lowered surveys.

    Another process lowers them: the router would fill the room that a payload leaves in this one,
    and seem to take none.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        job = pool.submit(
            lowered, arguments.kind, arguments.rules, mapping, arguments.folder, arguments.payload
        )
        return job.result()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind")
    parser.add_argument("rules", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--payload", type=Path)
    parser.add_argument("--updates", action="store_true")
    return parser.parse_args()


def _resident() -> int:
    """Return the memory that this process holds, in bytes; 0 where that is not known."""
    gc.collect()
    if sys.platform != "linux":
        return 0
    ctypes.CDLL(None).malloc_trim(0)
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGESIZE")


if __name__ == "__main__":
    main()
