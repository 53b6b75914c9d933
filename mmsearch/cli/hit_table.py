"""Answers in rows: a table that fits the terminal, or tab-separated lines in a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmsearch.cli.output import is_terminal, result_console, write_line
from mmsearch.cli.wording import date_text, shown, shown_short, size_text

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from mmsearch.types import CaptionHit, Hit, MediaRecord

WIDE = 72
"""From so many columns on, a terminal has room for size and date beside the path."""


def write_hits(hits: Sequence[Hit]) -> None:
    """Write rank, score, path, size and date of each picture."""
    if is_terminal():
        _write_hit_table(hits)
        return
    for hit in hits:
        media = hit.media
        row = (hit.rank, f"{_score(hit):.3f}", shown(media.path))
        write_line("\t".join(map(str, (*row, size_text(media.size_bytes), date_text(media)))))


def write_caption_hits(hits: Sequence[CaptionHit]) -> None:
    """Write rank, score, caption and path of each caption; a free caption has no path."""
    if is_terminal():
        _write_caption_table(hits)
        return
    for hit in hits:
        media = hit.caption.media
        path = "" if media is None else shown(media.path)
        write_line(f"{hit.rank}\t{_score(hit):.3f}\t{_one_line(hit.caption.text)}\t{path}")


def _write_hit_table(hits: Sequence[Hit]) -> None:
    """The table for a terminal; a narrow one has no size and date, a path is never cut."""
    console = result_console()
    wide = console.width >= WIDE
    table = _new_table()
    table.add_column("path", overflow="fold", ratio=1)
    if wide:
        table.add_column("size", justify="right", no_wrap=True)
        table.add_column("date", no_wrap=True)
    for hit in hits:
        facts = [size_text(hit.media.size_bytes), date_text(hit.media)] if wide else []
        table.add_row(str(hit.rank), f"{_score(hit):.3f}", path_text(hit.media), *facts)
    if hits:
        console.print(table)


def _write_caption_table(hits: Sequence[CaptionHit]) -> None:
    """The table of captions for a terminal."""
    table = _new_table()
    table.add_column("caption", overflow="fold", ratio=3)
    table.add_column("path", overflow="fold", ratio=2)
    for hit in hits:
        media = hit.caption.media
        path = "" if media is None else path_text(media)
        table.add_row(str(hit.rank), f"{_score(hit):.3f}", _one_line(hit.caption.text), path)
    if hits:
        result_console().print(table)


def path_text(media: MediaRecord) -> Text:
    """The path, short where it lies below the current folder, as a link a terminal can follow."""
    from rich.style import Style
    from rich.text import Text

    text = Text(shown_short(media.path), style=Style(link=media.path.as_uri()), overflow="fold")
    if not media.online:
        text.append(" (offline)", style="dim")
    return text


def _new_table() -> Table:
    """A table with the columns rank and score."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", expand=False)
    table.add_column("#", justify="right", style="dim", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    return table


def _score(hit: Hit | CaptionHit) -> float:
    """The score the order follows: the rerank score where there is one."""
    return hit.score if hit.rerank_score is None else hit.rerank_score


def _one_line(text: str) -> str:
    """A caption without line breaks and control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
