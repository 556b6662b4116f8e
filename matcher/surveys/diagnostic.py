"""What is wrong or suspicious in the input: found while loading and linting, told all at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from profiles.finding import Level


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One finding, with its place.

    `pointer` is a JSON pointer from the survey's own object; `at` locates that object in the
    file: a JSON pointer, or `line 17` in JSON lines. The message is one line, lower case,
    without a full stop; `hint` says what to do, where that is known.
    """

    level: Level
    code: str
    message: str
    survey: str | None = None
    pointer: str = ""
    hint: str = ""
    file: str = ""
    at: str = ""

    def to_json(self) -> dict[str, str | None]:
        """The finding as a JSON object with every key always there."""
        return {
            "level": self.level.name.lower(),
            "code": self.code,
            "survey": self.survey,
            "pointer": self.pointer,
            "message": self.message,
            "hint": self.hint,
            "file": self.file,
            "at": self.at,
        }

    def __str__(self) -> str:
        place = " ".join(part for part in (self.file, self.at, self.survey, self.pointer) if part)
        hint = f" ({self.hint})" if self.hint else ""
        where = f"{place}: " if place else ""
        return f"{self.level.name.lower()}: {where}{self.message} [{self.code}]{hint}"


@dataclass
class Findings:
    """Collects the diagnostics of one survey."""

    survey: str | None
    all: list[Diagnostic] = field(default_factory=list)

    def add(self, level: Level, code: str, pointer: str, message: str, hint: str = "") -> None:
        """Note one finding at a JSON pointer from the survey's own object."""
        self.all.append(Diagnostic(level, code, message, self.survey, pointer, hint))

    def error(self, code: str, pointer: str, message: str, hint: str = "") -> None:
        """Note a fault that sets the survey aside."""
        self.add(Level.ERROR, code, pointer, message, hint)

    def warning(self, code: str, pointer: str, message: str, hint: str = "") -> None:
        """Note something that narrows or clouds the survey."""
        self.add(Level.WARNING, code, pointer, message, hint)

    def info(self, code: str, pointer: str, message: str, hint: str = "") -> None:
        """Note something that changes nothing, but is worth knowing."""
        self.add(Level.INFO, code, pointer, message, hint)

    @property
    def fatal(self) -> bool:
        """Whether the survey is to be set aside."""
        return any(finding.level is Level.ERROR for finding in self.all)
