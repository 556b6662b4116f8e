"""The command line: flags in, exit status out. One module a command.

This one is light, and ends an interrupt quietly from the moment that it is imported.
"""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its status: the command `matcher`."""
    from matcher.cli.interrupts import listen

    listen()
    from matcher.cli.app import run

    sys.exit(run(sys.argv[1:]))


def _end_quietly(kind: type[BaseException], error: BaseException, trace: object) -> None:
    """An interrupt that comes before anybody listens needs no traceback either."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)  # type: ignore[arg-type]
        return
    sys.stderr.write("matcher: interrupted\n")
    sys.exit(130)


sys.excepthook = _end_quietly
