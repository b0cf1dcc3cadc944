"""Tables: Parquet with explicit schema, CSV that is safe to open in a spreadsheet.

A schema is a plain mapping from column name to one of the type names in `TYPES`, so that no other
room needs to know pyarrow.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from quantlab.errors import InputError, IntegrityError
from quantlab.store.files import write_text, writing

TYPES = ("string", "category", "int64", "int32", "float64", "float32", "bool")

Schema = Mapping[str, str]


def _arrow_schema(schema: Schema, metadata: Mapping[str, str] | None) -> Any:
    import pyarrow as pa

    kinds = {
        "string": pa.string(),
        "category": pa.dictionary(pa.int32(), pa.string()),
        "int64": pa.int64(),
        "int32": pa.int32(),
        "float64": pa.float64(),
        "float32": pa.float32(),
        "bool": pa.bool_(),
    }
    fields = [pa.field(name, kinds[kind]) for name, kind in schema.items()]
    return pa.schema(fields, metadata=dict(metadata) if metadata else None)


def _arrow_table(frame: pd.DataFrame, schema: Schema, metadata: Mapping[str, str] | None) -> Any:
    import pyarrow as pa

    if list(frame.columns) != list(schema):
        raise InputError(f"table has columns {list(frame.columns)}, its schema {list(schema)}")
    arrow = _arrow_schema(schema, metadata)
    try:
        return pa.Table.from_pandas(frame, schema=arrow, preserve_index=False, safe=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(f"table does not fit its schema: {error}") from error


def write_table(
    path: str | Path,
    frame: pd.DataFrame,
    *,
    schema: Schema,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a table as Parquet; equal content gives equal bytes.

    Parameters
    ----------
    path : str or Path
        The file to create or replace.
    frame : pd.DataFrame
        Its columns must be those of `schema`, in that order.
    schema : Mapping[str, str]
        Column name to type name, one of `TYPES`.
    metadata : Mapping[str, str], optional
        Stored in the file's footer; see `table_metadata`.

    Raises
    ------
    InputError
        The table does not fit its schema.
    """
    with table_writer(path, schema=schema, metadata=metadata) as writer:
        writer.write(frame)


class TableWriter:
    """Appends tables of one schema to a Parquet file, one row group each."""

    def __init__(self, sink: Any, schema: Schema, metadata: Mapping[str, str] | None) -> None:
        self._sink = sink
        self._schema = schema
        self._metadata = metadata

    def write(self, frame: pd.DataFrame) -> None:
        """Append one table; InputError when it does not fit the schema."""
        # pandas' own metadata holds version strings, which would break byte-identity.
        table = _arrow_table(frame, self._schema, self._metadata)
        self._sink.write_table(table.replace_schema_metadata(self._metadata))


@contextmanager
def table_writer(
    path: str | Path, *, schema: Schema, metadata: Mapping[str, str] | None = None
) -> Iterator[TableWriter]:
    """Open a Parquet file for writing part by part; it appears whole when the block ends well."""
    import pyarrow.parquet as pq

    with writing(path) as temp:
        arrow = _arrow_schema(schema, metadata)
        with pq.ParquetWriter(temp, arrow, compression="zstd", write_page_checksum=True) as sink:
            yield TableWriter(sink, schema, metadata)


def read_table(path: str | Path, *, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table; page checksums are verified.

    Raises
    ------
    InputError
        The file is missing.
    IntegrityError
        The file is damaged or lacks a column that was asked for.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not Path(path).is_file():
        raise InputError(f"{path} does not exist")
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read(columns=columns).to_pandas()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise IntegrityError(f"{path} is damaged: {error}; delete it and make it anew") from error


def table_metadata(path: str | Path) -> dict[str, str]:
    """Read the metadata that `write_table` stored; errors as `read_table`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not Path(path).is_file():
        raise InputError(f"{path} does not exist")
    try:
        stored = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError, ValueError) as error:
        raise IntegrityError(f"{path} is damaged: {error}; delete it and make it anew") from error
    return {key.decode(): value.decode() for key, value in stored.items()}


_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(frame: pd.DataFrame) -> str:
    """Return a table as CSV text whose cells no spreadsheet takes for a formula.

    A text cell that starts with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return gets a
    leading apostrophe. Reals keep nine significant digits.
    """
    safe = frame.copy()
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            safe[name] = [_defuse(cell) for cell in safe[name]]
    return safe.to_csv(index=False, float_format="%.9g", lineterminator="\n")


def _defuse(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell


def write_csv(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a table as UTF-8 CSV, formula-safe as `to_csv`."""
    write_text(path, to_csv(frame))


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a CSV file as strings; byte-order mark, CRLF, semicolons and tabs are understood.

    Returns
    -------
    pd.DataFrame
        All columns as strings, empty cells as ``""``; the index is the line number in the file.

    Raises
    ------
    InputError
        The file is missing, not text, empty, or a line has the wrong number of cells.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text; save it as UTF-8 and try again") from error
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows, lines, header = [], [], None
    for row in _rows_of(reader, path):
        if not row:
            continue
        if header is None:
            header = [name.strip() for name in row]
            continue
        if len(row) != len(header):
            raise InputError(
                f"{path}, line {reader.line_num}: {len(row)} cells, the header has {len(header)}"
            )
        rows.append(row)
        lines.append(reader.line_num)
    if header is None:
        raise InputError(f"{path} is empty; its first line must name the columns")
    if len(set(header)) != len(header):
        raise InputError(f"{path}: a column name stands twice in the header {header}")
    return pd.DataFrame(rows, columns=header, index=pd.Index(lines, name="line"), dtype=str)


def _rows_of(reader: Any, path: str | Path) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from error
