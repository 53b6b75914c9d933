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
    """Write rank, score, path, size and date of each picture, and the rerank score if any.

    That comes last in a pipe, where programs count columns; `score` is always the cosine.
    """
    if is_terminal():
        _write_hit_table(hits)
        return
    reranked = _any_reranked(hits)
    for hit in hits:
        media = hit.media
        facts = (shown(media.path), size_text(media.size_bytes), date_text(media))
        _write_row(hit, facts, reranked=reranked)


def write_caption_hits(hits: Sequence[CaptionHit]) -> None:
    """Write rank, score, caption and path of each caption, and the rerank score if any.

    A free caption has no path.
    """
    if is_terminal():
        _write_caption_table(hits)
        return
    reranked = _any_reranked(hits)
    for hit in hits:
        media = hit.caption.media
        path = "" if media is None else shown(media.path)
        _write_row(hit, (_one_line(hit.caption.text), path), reranked=reranked)


def _write_hit_table(hits: Sequence[Hit]) -> None:
    """The table for a terminal; a narrow one has no size and date, a path is never cut."""
    console = result_console()
    wide = console.width >= WIDE
    reranked = _any_reranked(hits)
    table = _new_table(reranked=reranked)
    table.add_column("path", overflow="fold", ratio=1)
    if wide:
        table.add_column("size", justify="right", no_wrap=True)
        table.add_column("date", no_wrap=True)
    for hit in hits:
        facts = [size_text(hit.media.size_bytes), date_text(hit.media)] if wide else []
        table.add_row(*_scores(hit, reranked=reranked), path_text(hit.media), *facts)
    if hits:
        console.print(table)


def _write_caption_table(hits: Sequence[CaptionHit]) -> None:
    """The table of captions for a terminal."""
    reranked = _any_reranked(hits)
    table = _new_table(reranked=reranked)
    table.add_column("caption", overflow="fold", ratio=3)
    table.add_column("path", overflow="fold", ratio=2)
    for hit in hits:
        media = hit.caption.media
        path = "" if media is None else path_text(media)
        table.add_row(*_scores(hit, reranked=reranked), _one_line(hit.caption.text), path)
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


def _new_table(*, reranked: bool) -> Table:
    """A table with the columns rank and score, and rerank where hits were reranked."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", expand=False)
    table.add_column("#", justify="right", style="dim", no_wrap=True)
    if reranked:
        table.add_column("rerank", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    return table


def _any_reranked(hits: Sequence[Hit | CaptionHit]) -> bool:
    return any(hit.rerank_score is not None for hit in hits)


def _scores(hit: Hit | CaptionHit, *, reranked: bool) -> list[str]:
    """The first cells of a row: the score that the order follows stands first."""
    rerank = [_rerank_text(hit)] if reranked else []
    return [str(hit.rank), *rerank, f"{hit.score:.3f}"]


def _rerank_text(hit: Hit | CaptionHit) -> str:
    return "" if hit.rerank_score is None else f"{hit.rerank_score:.3f}"


def _write_row(hit: Hit | CaptionHit, facts: Sequence[str], *, reranked: bool) -> None:
    """Write a hit as one tabbed line."""
    rerank = [_rerank_text(hit)] if reranked else []
    write_line("\t".join([str(hit.rank), f"{hit.score:.3f}", *facts, *rerank]))


def _one_line(text: str) -> str:
    """A caption without line breaks and control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
