"""Fresh interpreters: what a statement loads, how a program ends."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.corpus import ROOT


def interpret(code: str) -> subprocess.CompletedProcess[str]:
    """Run a program in an interpreter of its own, which finds the project."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-c", code]
    return subprocess.run(line, env=environment, capture_output=True, text=True, check=False)


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a statement."""
    done = interpret(f"import sys\n{statement}\nprint(*sys.modules)")
    assert not done.returncode, done.stderr
    return set(done.stdout.split())
