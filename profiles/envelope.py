"""What a saved document begins with: the format that it is of, and the version of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeGuard

from profiles.errors import InputError


@dataclass(frozen=True, slots=True)
class Envelope:
    """A format of documents; `name` is what messages call one, "a plan" say."""

    format: str
    version: int
    name: str

    @property
    def head(self) -> dict[str, Any]:
        """The keys that a document begins with."""
        return {"format": self.format, "version": self.version}

    def holds(self, document: object) -> TypeGuard[dict[str, Any]]:
        """Whether a document is of this format, of whatever version."""
        return isinstance(document, dict) and document.get("format") == self.format

    def check(self, document: Any) -> None:
        """Raise InputError where a document is of another format or version."""
        if not self.holds(document) or "version" not in document:
            raise InputError(f"not {self.name}")
        if document["version"] != self.version:
            raise InputError(f"{self.name} of version {document['version']}, not {self.version}")
