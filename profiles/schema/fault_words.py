"""What pydantic finds wrong with a value, in plain words; none of this loads pydantic."""

from __future__ import annotations

_RECORDS = frozenset({"dict_type", "model_type", "model_attributes_type"})
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "number": "a number",
}
_WORDS = {
    "missing": "missing",
    "string_too_short": "must not be empty",
    "int_parsing_size": "a number too large to read",
    "finite_number": "a number too large to read",
}


def wanted(fault: str, record: str) -> str | None:
    """What is to stand where there is a fault of a type: `a whole number`; None: not a type.

    `record` is what the format calls a thing with keys: an object, or a table.
    """
    return record if fault in _RECORDS else _WANTED.get(fault)


def in_words(fault: str, message: str, record: str) -> str:
    """A fault in our words, or in pydantic's own, beginning in lower case."""
    type_ = wanted(fault, record)
    if type_ is not None:
        return f"must be {type_}"
    plain = message.replace("Input should be", "must be", 1)
    return _WORDS.get(fault) or plain[:1].lower() + plain[1:]
