"""Parquet, CSV and Arrow files as sources, and folders of them.

CSV columns are all read as text: "00031" stays "00031".
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq

from profiles.errors import InputError, system_reason
from profiles.schema import PLAIN_CSV, CsvFormat
from profiles.sources.plain import plain, plain_schema
from profiles.sources.source import BATCH_ROWS, Batch, check_columns

SUFFIXES = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".tsv": "csv",
    ".tsv.gz": "csv",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}


_BROKEN = (pa.ArrowException, OSError, EOFError, zlib.error, ValueError, LookupError, OverflowError)
"""What reading a damaged file may end in."""

_RAGGED = re.compile(r"Row #(?P<row>\d+): Expected (?P<columns>\d+) columns, got (?P<values>\d+)")


@dataclass(frozen=True, slots=True)
class FileSource:
    """The files of a panel, in reading order, all with the columns of the first.

    `partitions`: of each file the columns that the names of its folders are, where they are any; a
    column of the file comes before one of its folders.
    """

    files: tuple[Path, ...]
    csv: CsvFormat = PLAIN_CSV
    partitions: tuple[Mapping[str, str | None], ...] = ()

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
        schema = plain_schema(_schema(self.files[0], self.csv))
        for name in self.partitions[0] if self.partitions else ():
            if name not in schema.names:
                schema = schema.append(pa.field(name, pa.string()))
        return schema

    def batches(
        self, columns: list[str], distinct: frozenset[str] = frozenset()
    ) -> Iterator[Batch]:
        """Stream the named columns, file after file."""
        for number, file in enumerate(self.files):
            layout = _format(file), _schema(file, self.csv)
            names = layout[1].names
            partition = self.partitions[number] if self.partitions else {}
            check_columns(str(file), columns, [*names, *(partition.keys() - set(names))])
            # Without a column of its own a file is read for its number of rows.
            own = [name for name in columns if name in names] or names[:1]
            row = 0
            try:
                for data in self._read(file, layout[0], own, distinct):
                    arrays = [
                        _sound(file, name, data.column(name))
                        if name in names
                        else pa.repeat(pa.scalar(partition[name], pa.string()), data.num_rows)
                        for name in columns
                    ]
                    read = pa.RecordBatch.from_arrays(arrays, columns)
                    yield Batch(read, str(file), row, layout)
                    row += data.num_rows
            except _BROKEN as error:
                column = _broken_column(file, layout[0], own)
                raise InputError(f"{file}: {column}{_broken_off(error, row)}") from None

    def _read(
        self, file: Path, kind: str, columns: list[str], distinct: frozenset[str]
    ) -> Iterator[pa.RecordBatch]:
        match kind:
            case "parquet":
                return _read_parquet(file, columns, distinct)
            case "csv":
                return _read_csv(file, columns, self.csv)
            case _:
                return _read_arrow(file, columns)

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


def format_of(file: Path) -> str | None:
    """The format of a file by the end of its name; None: none that is read."""
    ends = file.suffixes[-2:]
    return SUFFIXES.get("".join(ends).lower()) or SUFFIXES.get(file.suffix.lower())


def _format(file: Path) -> str:
    kind = format_of(file)
    assert kind is not None, "no other file is opened"
    return kind


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


def _schema(file: Path, csv_format: CsvFormat) -> pa.Schema:
    try:
        match _format(file):
            case "parquet":
                return pq.read_schema(file)
            case "csv":
                return pa.schema([(name, pa.string()) for name in _read_header(file, csv_format)])
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


def _read_header(file: Path, csv_format: CsvFormat) -> list[str]:
    """The column names in the first line of a CSV file that is not blank."""
    encoding = _encoding(file, csv_format)
    separator = _separator(file, csv_format)
    with (
        _opened(file) as data,
        io.TextIOWrapper(data, encoding, errors="surrogateescape", newline="") as lines,
    ):
        names = next((line for line in csv.reader(lines, delimiter=separator) if line), [])
    if not names:
        raise InputError(f"{file}: no line of column names")
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for name in names for char in name):
        raise InputError(f"{file}: not {_encoding_name(encoding)} text")
    others = [other for other in ";\t|" if other in names[0] and other != separator]
    if len(names) == 1 and others and csv_format.separator is None:
        written = "\\t" if others[0] == "\t" else others[0]
        mark = "tabs" if others[0] == "\t" else f"`{others[0]}`"
        raise InputError(
            f"{file}: columns are separated by {mark}, not by commas; "
            f'if so, say separator = "{written}" in [panel.csv]'
        )
    return names


def _opened(file: Path) -> BinaryIO:
    if _is_gzip(file):
        return cast("BinaryIO", gzip.open(file))
    return file.open("rb")


def _is_gzip(file: Path) -> bool:
    return file.suffix.lower() == ".gz"


def _encoding(file: Path, csv_format: CsvFormat) -> str:
    """The encoding that was said, or that the first bytes show; else UTF-8."""
    if csv_format.encoding not in (None, "utf-8"):
        return str(csv_format.encoding)
    with _opened(file) as data:
        start = data.read(2)
    return "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def _encoding_name(encoding: str) -> str:
    return "UTF-8" if encoding == "utf-8-sig" else encoding


def _separator(file: Path, csv_format: CsvFormat) -> str:
    return csv_format.separator or (
        "\t" if file.name.lower().endswith((".tsv", ".tsv.gz")) else ","
    )


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


def _read_csv(file: Path, columns: list[str], csv_format: CsvFormat) -> Iterator[pa.RecordBatch]:
    names = _read_header(file, csv_format)
    encoding = _encoding(file, csv_format)
    convert = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        include_columns=columns,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    try:
        reader = pa.csv.open_csv(
            pa.CompressedInputStream(str(file), "gzip") if _is_gzip(file) else str(file),
            read_options=pa.csv.ReadOptions(
                use_threads=False, encoding="utf8" if encoding == "utf-8-sig" else encoding
            ),
            parse_options=pa.csv.ParseOptions(
                newlines_in_values=True, delimiter=_separator(file, csv_format)
            ),
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


def _read_arrow(file: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
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
