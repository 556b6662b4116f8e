"""The command line: flags in, exit status out. One module a command."""

from matcher.cli.app import main

__all__ = ["main"]
