"""What SQLite itself finds wrong with a catalogue file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

MOST_TOLD = 100
"""SQLite stops after so many problems where nobody says otherwise."""


def problems_of(read: Callable[[str], Sequence[sqlite3.Row]], most: int = MOST_TOLD) -> list[str]:
    """What is wrong, a line each, `most` at most of pages and rows; empty for a sound file.

    Every page, every row against the indexes that hold a copy of it, and where that is sound,
    every foreign key. `read` gives all rows of a query. Reads the whole file.
    """
    rows = read(f"PRAGMA integrity_check({most})")
    lines = [line.strip() for row in rows for line in str(row[0]).splitlines()]
    problems = [line for line in lines if line and line != "ok"]
    return problems or [
        f"row {row[1]} of {row[0]} belongs to a row of {row[2]} that is not there"
        for row in read("PRAGMA foreign_key_check")
    ]
