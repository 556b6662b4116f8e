"""How a command begins, and how it ends when it is interrupted, at whatever moment."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from importlib import import_module

import pytest

from matcher.cli.app import COMMANDS
from matcher.version import __version__
from tests.support.commandline import INTERRUPTED, finish, process
from tests.support.corpus import ROOT
from tests.support.interpreter import interpret, loaded_by

HEAVY = {"numpy", "pyarrow", "pydantic", "orjson", "jinja2", "numba", "importlib.metadata"}


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_what_says_what_there_is_loads_no_command(flag: str) -> None:
    loaded = loaded_by(
        "from contextlib import redirect_stdout; from io import StringIO\n"
        "from matcher.cli.app import run\n"
        f"with redirect_stdout(StringIO()): run(['{flag}'])\n"
    )
    assert "cyclopts" in loaded
    assert loaded.isdisjoint(HEAVY)
    assert not {
        name for name in loaded if name.startswith("matcher.cli.") and name[12:] in COMMANDS
    }


def test_the_command_is_light_until_it_listens() -> None:
    """An interrupt before that would be heard by nobody."""
    loaded = loaded_by("import matcher.cli, matcher.cli.interrupts")
    assert loaded.isdisjoint({*HEAVY, "cyclopts", "rich", "typing", "dataclasses"})


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_it_answers_at_once(flag: str) -> None:
    """In 0.15 s of CPU where the machine is idle; the least of some runs, with room for noise."""
    taken = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = finish(process(flag))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.status == 0
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(taken) <= 0.3


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_is_what_the_command_says_of_itself(name: str) -> None:
    module = import_module(f"matcher.cli.{'match' if name == 'count' else name}")
    assert (getattr(module, name).__doc__ or "").splitlines()[0] == COMMANDS[name]


def test_the_package_is_a_command() -> None:
    line = [sys.executable, "-m", "matcher", "--version"]
    done = subprocess.run(line, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == __version__


DEMO = ROOT / "fixtures" / "demo"
BEGUN = (
    "import warnings, matcher.cli; "
    "warnings.simplefilter('ignore', ResourceWarning); "  # an import that is cut off leaves a file
    "print(flush=True); "
)
LISTENING = "import matcher.cli.interrupts as i; i.listen(); "


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("milliseconds", [0, 20, 60, 120, 250, 500, 900, 1500])
def test_an_interrupt_at_any_moment(number: signal.Signals, milliseconds: int) -> None:
    """From the first import on: while modules are loaded, while it works, after it is done."""
    line = f"count {DEMO}/payloads --panel {DEMO}/panel.toml --as-of 2026-11-21"
    started = process(*line.split(), beginning=BEGUN)
    assert started.stdout is not None
    started.stdout.readline()
    time.sleep(milliseconds / 1000)
    started.send_signal(number)
    done = finish(started)
    assert "Traceback" not in done.err
    if done.status != 0:
        expected = INTERRUPTED[number]
        if number is signal.SIGTERM and done.status == -signal.SIGTERM:
            assert milliseconds == 0  # nobody listened yet: the system ends it, silently
        else:
            assert (done.status, done.err.splitlines(keepends=True)[-1]) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("error", ["ImportError", "RuntimeError", "SystemExit"])
def test_what_a_library_makes_of_an_interrupt_counts_as_one(
    number: signal.Signals, error: str
) -> None:
    code = (
        f"{LISTENING}import os\n"
        f"try: os.kill(os.getpid(), {int(number)})\n"
        f"except KeyboardInterrupt: raise {error}('what it makes of it') from None\n"
    )
    done = interpret(code)
    if error == "SystemExit":
        assert done.returncode == 1
    else:
        assert (done.returncode, done.stderr) == INTERRUPTED[number]


def test_an_interrupt_that_python_drops_is_raised_again() -> None:
    """A destructor swallows it; a moment later it ends what goes on."""
    code = (
        f"{LISTENING}import os, signal, time\n"
        "class Swallows:\n"
        "    def __del__(self): os.kill(os.getpid(), signal.SIGINT)\n"
        "swallows = Swallows()\n"
        "del swallows\n"
        "time.sleep(30)\n"
    )
    done = interpret(code)
    assert (done.returncode, done.stderr) == INTERRUPTED[signal.SIGINT]
