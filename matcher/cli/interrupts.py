"""Ctrl-C and being terminated: heard whatever is going on, and said in one line.

A signal becomes a KeyboardInterrupt, so that work in the midst of something undoes it. Python drops
what is raised while a callback of the garbage collector or of the import system happens to run, and
libraries make other errors of it; so it is raised again after a moment, and whatever ends the
command then counts as the interrupt.
"""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from types import FrameType, TracebackType

_AGAIN = 0.2
"""Seconds until an interrupt is raised once more."""

_first: signal.Signals | None = None
_listening = False


def listen() -> None:
    """From now on, be interrupted by SIGINT and SIGTERM; where they are there, that is."""
    global _listening
    _listening = True
    sys.excepthook = _end
    sys.unraisablehook = tell_unless_interrupt
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, _interrupt)


def heard() -> tuple[int, str] | None:
    """The exit status and the word for the signal that came first; None: none did.

    No other is heard from then on: what is left to do takes a moment.
    """
    if _listening:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if _first is None:
        return None
    return 128 + _first, "terminated" if _first == signal.SIGTERM else "interrupted"


def _interrupt(number: int, _frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt; work that is already being undone is left alone."""
    global _first
    if _first is None:
        _first = signal.Signals(number)
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)
    if not isinstance(sys.exception(), KeyboardInterrupt | GeneratorExit):
        raise KeyboardInterrupt


def _end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What is uncaught, of commands that had not begun to run or that had ended."""
    ended = heard()
    if ended is None:
        sys.__excepthook__(kind, error, trace)
        return
    status, word = ended
    with suppress(OSError):
        print(f"matcher: {word}", file=sys.stderr)
    sys.exit(status)


def tell_unless_interrupt(dropped: sys.UnraisableHookArgs) -> None:
    """Tell of an exception that Python drops; an interrupt is raised again, and excuses others."""
    if _first is None and not issubclass(dropped.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(dropped)
