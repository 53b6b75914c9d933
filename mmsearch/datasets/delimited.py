"""Tables with a header: CSV (comma or semicolon) and TSV."""

from __future__ import annotations

import csv
import io

from mmsearch.datasets.columns import Columns, find_columns
from mmsearch.datasets.records import CaptionBuilder
from mmsearch.errors import DatasetError

_DELIMITERS = (",", "\t", ";", "|")


def recognises(document: object, sample: str) -> bool:
    """Whether the first line is a header with a caption column."""
    return document is None and _find_delimiter(sample) is not None


def read(text: str, builder: CaptionBuilder) -> None:
    """Add every row; a blank file cell makes a free caption. Line numbers count from 1."""
    delimiter = _find_delimiter(text) or ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = next((row for row in rows if row), [])
    except csv.Error as exc:
        raise DatasetError(f"{builder.name}: the first line is malformed ({exc})") from exc
    columns = find_columns(header)
    if columns is None:
        raise DatasetError(f"{builder.name}: the first line names no caption column")
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as exc:
            builder.refuse(f"line {line}", f"malformed ({exc})")
            continue
        if any(cell.strip() for cell in row):
            _add(builder, f"line {line}", dict(zip(header, row, strict=False)), columns)


def _add(builder: CaptionBuilder, where: str, row: dict[str, str], columns: Columns) -> None:
    """Add one row; a row that ends before its file column is cut short, not a free caption."""
    if columns.file is not None and columns.file not in row:
        builder.refuse(where, f"too few cells: none for column '{columns.file}'")
        return
    file = row[columns.file] if columns.file else None
    split = row.get(columns.split) if columns.split else None
    builder.add(where, file, row.get(columns.caption), split)


def _find_delimiter(text: str) -> str | None:
    """The delimiter under which the first line has a caption column, most columns first."""
    first = text.lstrip("\r\n").split("\n", 1)[0].rstrip("\r")
    best: tuple[int, str] | None = None
    for delimiter in _DELIMITERS:
        try:
            header = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:
            continue
        if find_columns(header) and (best is None or len(header) > best[0]):
            best = (len(header), delimiter)
    return best[1] if best else None
