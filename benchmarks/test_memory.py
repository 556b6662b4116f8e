"""How much memory does the whole job take? Each job in a fresh process; 1.5 GB at most.

The job runs from the Parquet file on; the process has also read the payload and compiled it, and
loaded whatever it uses, numba among that. The seconds are without the payload.
"""

import json
import subprocess
import sys

import pytest

from benchmarks.agreement import Expected
from benchmarks.cases.matching import Case
from benchmarks.summary import Summary

JOBS = {
    "numba": "bits, numba",
    "numpy": "bits, numpy",
    "counts": "Matches.counts()",
    "parquet": "Matches.to_parquet()",
}


@pytest.mark.parametrize("job", JOBS)
def test_fresh_process(
    job: str, case: Case, expected: Expected, summary: Summary, pytestconfig: pytest.Config
) -> None:
    command = [sys.executable, "-m", "benchmarks.processes.matching", job, str(case.panel.parent)]
    done = subprocess.run(command, cwd=pytestconfig.rootpath, check=True, capture_output=True)
    found = json.loads(done.stdout)
    assert found["assigned"] == expected.counts.sum()
    summary.facts[f"from Parquet in a fresh process, {JOBS[job]}"] = (
        f"{found['seconds']:6.2f} s, peak {found['peak'] / 1e6:,.0f} MB (at most 1,500)"
    )
