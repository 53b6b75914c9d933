"""Pictures in the terminal: sixel or kitty graphics where it has them, half blocks elsewhere."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from PIL import Image as PillowImage
from rich.console import Group
from rich.table import Table
from rich.text import Text

from mmsearch.cli.hit_table import path_text
from mmsearch.cli.output import result_console
from mmsearch.cli.pictures import thumbnail_bytes
from mmsearch.errors import MediaError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mmsearch.config import Settings
    from mmsearch.types import Hit

MIN_WIDTH, MAX_WIDTH, GAP = 24, 40, 2
"""Columns of the terminal that one picture takes, and that stand between two."""
PER_ROW = 3

THUMBNAIL_PX = 512


def write_previews(hits: Sequence[Hit], settings: Settings) -> None:
    """Write the pictures with rank, score and path, as many beside each other as fit.

    Sixel pictures stand below each other: their bytes cannot share a line with others.
    """
    console = result_console()
    with _answers_from_terminal():
        from textual_image.renderable import Image, SixelImage

        width = max(MIN_WIDTH, min(MAX_WIDTH, console.width // PER_ROW - GAP))
        per_row = 1 if Image is SixelImage else max(1, console.width // (width + GAP))
        cells = [(_picture(hit, width, settings), _line(hit)) for hit in hits]
        for start in range(0, len(cells), per_row):
            row = cells[start : start + per_row]
            console.print(_side_by_side(row, width) if per_row > 1 else Group(*row[0]))


@contextmanager
def _answers_from_terminal() -> Iterator[None]:
    """Let the library ask the terminal what it can draw only where stdin can answer.

    It asks while it is imported, and fails where stdin is a file or a pipe; told that there is
    no stdin, it falls back to half blocks.
    """
    stdin = sys.__stdin__
    if stdin is not None and not stdin.isatty():
        sys.__stdin__ = None  # type: ignore[misc]  # put back below
    try:
        yield
    finally:
        sys.__stdin__ = stdin  # type: ignore[misc]


def _side_by_side(cells: Sequence[tuple[RenderableType, Text]], width: int) -> RenderableType:
    """One row of pictures that stand on one line, each above its text."""
    pictures = _grid([picture for picture, _ in cells], width, "bottom")
    lines = _grid([line for _, line in cells], width, "top")
    return Group(pictures, lines, Text())


def _grid(
    cells: Sequence[RenderableType], width: int, vertical: Literal["top", "bottom"]
) -> RenderableType:
    """One row of cells of equal width."""
    grid = Table.grid(padding=(0, GAP, 0, 0))
    for _ in cells:
        grid.add_column(width=width, vertical=vertical, overflow="fold")
    grid.add_row(*cells)
    return grid


def _picture(hit: Hit, width: int, settings: Settings) -> RenderableType:
    """The picture, or why there is none."""
    from textual_image.renderable import Image

    try:
        data = thumbnail_bytes(hit.media.path, THUMBNAIL_PX, settings)
    except MediaError as exc:
        return Text(f"(no preview: {exc})", style="dim")
    with PillowImage.open(io.BytesIO(data)) as picture:
        picture.load()
        return Image(picture, width=_cells_wide(picture.size, width), height="auto")


def _cells_wide(size_px: tuple[int, int], width: int) -> int:
    """Columns for a picture, so that tall ones are not taller than wide ones are wide."""
    return max(4, min(width, round(width * size_px[0] / size_px[1])))


def _line(hit: Hit) -> Text:
    """Rank, score and path in one line that folds."""
    text = Text(f"{hit.rank}  {hit.score:.3f}  ", style="bold")
    text.append_text(path_text(hit.media))
    return text
