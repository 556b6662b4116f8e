"""Parquet, CSV and Arrow files as sources, and folders of them.

CSV columns are all read as text: "00031" stays "00031".
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq

from profiles.errors import InputError, system_reason
from profiles.sources.plain import plain, plain_schema
from profiles.sources.source import BATCH_ROWS, Batch, check_columns

SUFFIXES = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}


_BROKEN = (pa.ArrowException, OSError, ValueError, LookupError, OverflowError)
"""What reading a damaged file may end in."""

_RAGGED = re.compile(r"Row #(?P<row>\d+): Expected (?P<columns>\d+) columns, got (?P<values>\d+)")


@dataclass(frozen=True, slots=True)
class FileSource:
    """The files of a panel, in reading order, all with the columns of the first."""

    files: tuple[Path, ...]

    def __repr__(self) -> str:
        more = f" and {len(self.files) - 1:,} more" if len(self.files) > 1 else ""
        return f"FileSource({self.name}{more})"

    @property
    def name(self) -> str:
        """The first file."""
        return str(self.files[0])

    @property
    def all_text(self) -> bool:
        """Whether the files are CSV."""
        return _format(self.files[0]) == "csv"

    def schema(self) -> pa.Schema:
        """The columns and types of the first file (CSV: every column is text)."""
        return plain_schema(_schema(self.files[0]))

    def batches(
        self, columns: list[str], distinct: frozenset[str] = frozenset()
    ) -> Iterator[Batch]:
        """Stream the named columns, file after file."""
        for file in self.files:
            layout = _format(file), _schema(file)
            check_columns(str(file), columns, layout[1].names)
            row = 0
            try:
                for data in _READERS[layout[0]](file, columns, distinct):
                    arrays = [_sound(file, name, data.column(name)) for name in columns]
                    read = pa.RecordBatch.from_arrays(arrays, columns)
                    yield Batch(read, str(file), row, layout)
                    row += data.num_rows
            except _BROKEN as error:
                column = _broken_column(file, layout[0], columns)
                raise InputError(f"{file}: {column}{_broken_off(error, row)}") from None

    def count_rows(self) -> int | None:
        """The number of rows of Parquet files, which say it."""
        if any(_format(file) != "parquet" for file in self.files):
            return None
        return sum(map(_rows_of, self.files))


def _rows_of(file: Path) -> int:
    try:
        return int(pq.read_metadata(file).num_rows)
    except _BROKEN as error:
        raise InputError(f"{file}: cannot be read: {_one_line(error)}") from None


def _sound(file: Path, column: str, array: pa.Array) -> pa.Array:
    """An array as it is read on; raises InputError where what is in it was damaged.

    A damaged file may be read without a fault: texts are then no UTF-8, numbers of a dictionary
    outside it, ends of lists before their beginnings.
    """
    try:
        array.validate(full=True)
        return plain(array)
    except _BROKEN as error:
        why = _one_line(error)
        raise InputError(f"{file}: column `{column}`: the file is damaged: {why}") from None


def _broken_column(file: Path, kind: str, columns: list[str]) -> str:
    """The first column that cannot be read by itself, for a message; nothing where all can."""
    if kind != "parquet":
        return ""
    for column in columns:
        try:
            for _ in _read_parquet(file, [column], frozenset()):
                pass
        except _BROKEN:
            return f"column `{column}`: "
    return ""


def _format(file: Path) -> str:
    return SUFFIXES[file.suffix.lower()]


def _one_line(error: Exception) -> str:
    """What Arrow says, in one line."""
    if isinstance(error, OSError) and error.errno:
        return system_reason(error)
    text = "".join(char for char in " ".join(str(error).split()) if char.isprintable())
    text = text.strip(" :").removesuffix(".")
    return text[:1].lower() + text[1:]


def _broken_off(error: Exception, row: int) -> str:
    """Why a file cannot be read beyond so many rows; Arrow counts the header of a CSV, too."""
    text = str(error)
    if ragged := _RAGGED.search(text):
        number = int(ragged["row"]) - 1
        return f"row {number}: {ragged['values']} values for {ragged['columns']} columns"
    after = f"row {row + 1} or after: "
    if "straddles two block boundaries" in text:
        return after + "a row of more than 1 MB; is a quotation mark never closed?"
    if "invalid UTF8" in text:
        return after + "not UTF-8 text"
    return after + _one_line(error)


def _schema(file: Path) -> pa.Schema:
    try:
        match _format(file):
            case "parquet":
                return pq.read_schema(file)
            case "csv":
                return pa.schema([(name, pa.string()) for name in _read_header(file)])
            case _:
                with _open_arrow(file) as reader:
                    return reader.schema
    except csv.Error as error:
        why = _one_line(error)
        if "field limit" in why:
            why = (
                f"a column name of more than {csv.field_size_limit():,} characters; "
                "is a quotation mark never closed?"
            )
        raise InputError(f"{file}: cannot be read: {why}") from None
    except _BROKEN as error:
        raise InputError(f"{file}: cannot be read: {_one_line(error)}") from None


def _read_header(file: Path) -> list[str]:
    """The column names in the first line of a CSV file that is not blank."""
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        names = next((line for line in csv.reader(lines) if line), [])
    if not names:
        raise InputError(f"{file}: no line of column names")
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for name in names for char in name):
        raise InputError(f"{file}: not UTF-8 text")
    return names


def _read_parquet(
    file: Path, columns: list[str], distinct: frozenset[str]
) -> Iterator[pa.RecordBatch]:
    """Text is read as dictionaries, in lists too: repeated answers are then decoded once."""
    with pq.ParquetFile(file) as parquet:
        leaves = [parquet.schema.column(number) for number in range(len(parquet.schema))]
    texts = [
        leaf.path
        for leaf in leaves
        if leaf.physical_type == "BYTE_ARRAY" and leaf.path not in distinct
    ]
    with pq.ParquetFile(file, read_dictionary=texts) as parquet:
        # One row group at a time: lists of dictionary texts cannot be read across the end of one.
        for group in range(parquet.num_row_groups):
            yield from parquet.iter_batches(BATCH_ROWS, [group], columns, use_threads=False)


def _read_csv(file: Path, columns: list[str], _: frozenset[str]) -> Iterator[pa.RecordBatch]:
    names = _schema(file).names
    convert = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        include_columns=columns,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    try:
        reader = pa.csv.open_csv(
            file,
            read_options=pa.csv.ReadOptions(use_threads=False),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True),
            convert_options=convert,
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):  # column names, and no line after them
            return
        raise
    with reader:
        yield from reader


def _open_arrow(file: Path) -> pa.RecordBatchReader | pa.ipc.RecordBatchFileReader:
    source = pa.memory_map(str(file))
    try:
        return pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        return pa.ipc.open_stream(source)


def _read_arrow(file: Path, columns: list[str], _: frozenset[str]) -> Iterator[pa.RecordBatch]:
    with _open_arrow(file) as reader:
        if isinstance(reader, pa.ipc.RecordBatchFileReader):
            for number in range(reader.num_record_batches):
                yield from _sliced(reader.get_batch(number).select(columns))
        else:
            for batch in reader:
                yield from _sliced(batch.select(columns))


def _sliced(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for first in range(0, batch.num_rows, BATCH_ROWS):
        yield batch.slice(first, BATCH_ROWS)


_READERS = {"parquet": _read_parquet, "csv": _read_csv, "arrow": _read_arrow}
