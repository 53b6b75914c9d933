"""JSON lines: one object a line, with the same column names as a table."""

from __future__ import annotations

import json

from mmsearch.datasets.columns import Columns, find_columns
from mmsearch.datasets.records import CaptionBuilder


def recognises(document: object, sample: str) -> bool:
    """Whether one of the first lines is an object with a caption; a list is not JSONL."""
    if isinstance(document, list):
        return False
    return any(_columns(_parse(line)) is not None for line in sample.splitlines()[:20])


def read(text: str, builder: CaptionBuilder) -> None:
    """Add every line; a caption may be a list of captions. Line numbers count from 1."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"line {number}"
        row = _parse(line)
        if not isinstance(row, dict):
            builder.refuse(where, "not a JSON object")
            continue
        columns = _columns(row)
        if columns is None:
            builder.refuse(where, "no caption")
            continue
        _add(builder, where, row, columns)


def _add(builder: CaptionBuilder, where: str, row: dict[str, object], columns: Columns) -> None:
    file = row[columns.file] if columns.file else None
    split = row[columns.split] if columns.split else None
    value = row[columns.caption]
    if isinstance(value, list) and value:
        for caption in value:
            builder.add(where, file, caption, split)
    else:
        builder.add(where, file, value, split)


def _columns(row: object) -> Columns | None:
    return find_columns(row) if isinstance(row, dict) else None


def _parse(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
