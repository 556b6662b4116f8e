"""What the panel file says, and what one answer means: scalar, in plain Python.

Light: whoever routes one member at a time loads this. `panel_file`, which reads panel.toml, is the
one heavy module, and is imported by its own name.
"""

from profiles.schema.fault_words import in_words, wanted
from profiles.schema.id_collections import Collections, IdList, IdListReader, ValuesReader
from profiles.schema.location import PLAIN_CSV, CsvFormat, Location
from profiles.schema.mapping import (
    INFINITY,
    AttributeMapping,
    MarketplaceMapping,
    PanelMapping,
    Range,
    Target,
    id_columns,
    parse_range,
)
from profiles.schema.mapping_json import read_mapping, write_mapping
from profiles.schema.participation import (
    OUTCOMES,
    SCOPES,
    SEPARATOR,
    AskedParticipation,
    Participation,
    read_outcome,
    took_part_in,
)
from profiles.schema.schema import Attribute, Kind, Schema
from profiles.schema.values import (
    ANY_CHILD,
    Answers,
    UnreadableError,
    as_code,
    as_expiration,
    as_moment,
    as_number,
    as_text,
    is_missing,
    is_negative_code,
    is_no_answer,
    is_written_list,
    number_in,
    on_day,
    read_answers,
    read_lasting,
    read_row,
    split_list,
)

__all__ = [
    "ANY_CHILD",
    "INFINITY",
    "OUTCOMES",
    "PLAIN_CSV",
    "SCOPES",
    "SEPARATOR",
    "Answers",
    "AskedParticipation",
    "Attribute",
    "AttributeMapping",
    "Collections",
    "CsvFormat",
    "IdList",
    "IdListReader",
    "Kind",
    "Location",
    "MarketplaceMapping",
    "PanelMapping",
    "Participation",
    "Range",
    "Schema",
    "Target",
    "UnreadableError",
    "ValuesReader",
    "as_code",
    "as_expiration",
    "as_moment",
    "as_number",
    "as_text",
    "id_columns",
    "in_words",
    "is_missing",
    "is_negative_code",
    "is_no_answer",
    "is_written_list",
    "number_in",
    "on_day",
    "parse_range",
    "read_answers",
    "read_lasting",
    "read_mapping",
    "read_outcome",
    "read_row",
    "split_list",
    "took_part_in",
    "wanted",
    "write_mapping",
]
