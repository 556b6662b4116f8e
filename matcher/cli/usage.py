"""Faults of the command line itself, in one line of our own words."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Any

from cyclopts import (
    App,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    Token,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
    ValidationError,
)

from profiles.errors import did_you_mean

STDIN_TOKEN = "\0stdin"
"""What stands for a bare `-`, which would be taken for a flag."""


def shield_stdin(arguments: Iterable[str]) -> list[str]:
    """The arguments, with every bare `-` so that it is taken for a value."""
    return [STDIN_TOKEN if each == "-" else each for each in arguments]


def unshield_stdin(text: str) -> str:
    """A value or message as the user would write it."""
    return text.replace(STDIN_TOKEN, "-")


def read_payloads(_: type, tokens: list[Token]) -> tuple[str, ...]:
    """Payload names as they were given."""
    return tuple(unshield_stdin(token.value) for token in tokens)


def read_whole(_: type, tokens: list[Token]) -> int:
    """A whole number, and nothing that would have to be rounded to one."""
    return int(tokens[0].value)


def at_least_one(_: type, value: int | None) -> None:
    """Refuse zero and less, where a number is given; raises ValueError."""
    if value is not None and value < 1:
        raise ValueError("must be at least 1")


def usage_line(error: CycloptsError) -> str:
    """What is wrong with the arguments, and what may have been meant."""
    match error:
        case UnknownCommandError(unused_tokens=[token, *_]):
            return f"no command `{token}`{_hint(token, _commands(error.app))}"
        case UnknownOptionError():
            flag = error.token.keyword or error.token.value
            names = [name for each in error.argument_collection for name in each.names]
            return f"no flag `{flag}`{_hint(flag.partition('=')[0], names)}"
        case MissingArgumentError():
            return _missing(error)
        case CoercionError(token=Token()):
            return _unreadable(error)
        case RepeatArgumentError():
            return f"`{error.token.keyword}` is given twice"
        case UnusedCliTokensError(unused_tokens=[token, *_]):
            return f"`{token}` is out of place: payloads stand together, before or after the flags"
        case ValidationError(argument=argument) if argument and argument.tokens:
            given = argument.tokens[0]
            return f"`{given.keyword} {given.value}`: {error.exception_message}"
    text = " ".join(str(error).split()).removesuffix(".")
    return text[:1].lower() + text[1:]


def _hint(wrong: str, known: list[str]) -> str:
    hint = did_you_mean(wrong, known)
    return f"; {hint}" if hint else "; --help lists what there is"


def _commands(app: App | None) -> list[str]:
    return [name for name in app or () if not name.startswith("-")]


def _missing(error: MissingArgumentError) -> str:
    assert error.argument is not None
    command = " ".join(error.command_chain or ())
    if error.argument.field_info.kind is inspect.Parameter.POSITIONAL_ONLY:
        return f"{command}: no payload is given; --help shows how"
    if error.keyword is not None:
        return f"`{error.keyword}` needs a value"
    return f"{command}: `{error.argument.name}` is missing"


def _unreadable(error: CoercionError) -> str:
    assert error.token is not None
    written, flag = error.token.value, error.token.keyword
    kind: Any = error.target_type or (error.argument.hint if error.argument else None)
    if kind is date:
        return f"`{flag}`: `{written}` is not a date (YYYY-MM-DD)"
    if kind in (int, int | None):
        return f"`{flag}`: `{written}` is not a whole number"
    if kind is bool:
        return f"`{flag}` takes no value"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        known = [str(each) for each in kind]
        hint = did_you_mean(written, known)
        of = f"`{flag}`: `{written}` is none of {', '.join(known)}"
        return f"{of}; {hint}" if hint else of
    return f"`{flag}`: `{written}` cannot be read"
