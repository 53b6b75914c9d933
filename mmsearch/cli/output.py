"""Writes: results to stdout, notes for people to stderr."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def write_line(text: str) -> None:
    """Write one line of results; what the terminal's encoding lacks is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def write_path(path: Path, end: bytes) -> None:
    """Write a path's own bytes, whatever encoding they are in, then `end`."""
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(path) + end)


def write_json(value: object) -> None:
    """Write `value` as one line of JSON; a path that is not UTF-8 comes escaped, as ASCII."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value)
    sys.stdout.write(text + "\n")


def write_note(text: str) -> None:
    """Write one line for people on stderr; callers keep quiet with `-q`."""
    sys.stderr.write(f"{text}\n")


def is_terminal() -> bool:
    """Whether results go to someone's screen rather than to a file or another program."""
    return sys.stdout.isatty()


def result_console() -> Console:
    """Rich's console on stdout; it honours NO_COLOR and the terminal's width."""
    from rich.console import Console

    return Console(highlight=False, emoji=False, markup=False)
