"""What a saved document begins with is checked before anything else of it is read."""

from __future__ import annotations

from typing import Any

import pytest

from profiles.envelope import Envelope
from profiles.errors import InputError

LETTER = Envelope("of tests letter", 2, "a letter")


def test_a_document_begins_with_its_format_and_version() -> None:
    assert list(LETTER.head.items()) == [("format", "of tests letter"), ("version", 2)]
    LETTER.check({**LETTER.head, "text": "hello"})


@pytest.mark.parametrize(
    "document", [None, 3, "x", [], ["format"], {}, {"format": "x", "version": 2}, {"version": 2}]
)
def test_other_documents(document: Any) -> None:
    assert not LETTER.holds(document)
    with pytest.raises(InputError, match=r"\Anot a letter\Z"):
        LETTER.check(document)


@pytest.mark.parametrize("version", [0, 1, 3])
def test_documents_of_another_version(version: int) -> None:
    document = {**LETTER.head, "version": version}
    assert LETTER.holds(document)
    with pytest.raises(InputError) as caught:
        LETTER.check(document)
    assert str(caught.value) == f"a letter of version {version}, not 2"


def test_a_document_without_a_version() -> None:
    document = {"format": LETTER.format}
    assert LETTER.holds(document)
    with pytest.raises(InputError, match=r"\Anot a letter\Z"):
        LETTER.check(document)
