"""What all training commands show while they run, and how they end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import typer

from mmsearch.cli.output import write_json, write_note
from mmsearch.cli.wording import count_text

if TYPE_CHECKING:
    from mmsearch.cli.json_shapes import Json
    from mmsearch.cli.progress import SilentLine
    from mmsearch.cli.session import Session
    from mmsearch.evaluation.report import RetrievalMetrics, SkippedPicture


class RunProgress:
    """Tells the live line how far a run is, and writes lines on what happens: a `RunListener`."""

    def __init__(self, line: SilentLine, *, quiet: bool) -> None:
        self._line = line
        self._quiet = quiet

    def on_message(self, text: str) -> None:
        """Write one line on what is about to happen."""
        self._note(text)

    def on_warning(self, text: str) -> None:
        """Write what the user may want to mend, even if quiet."""
        write_note(f"mmsearch: warning: {text}")

    def on_pictures(self, done: int, total: int) -> None:
        """Move the bar of pictures."""
        self._line.show("reading pictures", done, total)

    def _note(self, text: str) -> None:
        if not self._quiet:
            write_note(text)


def end_of_run(
    session: Session, *, json: Json | None, summary: Callable[[], str], interrupted: bool
) -> None:
    """Write what came of a run: `json` on stdout if not None, the `summary` of a whole one.

    Raises:
        typer.Exit: With 130, the run was interrupted.
    """
    if json is not None:
        write_json(json)
    if interrupted:
        write_note("mmsearch: interrupted: the run is kept; the same command goes on")
        raise typer.Exit(130)
    if not session.quiet:
        write_note(summary())


def skipped_text(skipped: Sequence[SkippedPicture]) -> str:
    """`; 3 pairs skipped` at the end of a line, or nothing."""
    return f"; {count_text(len(skipped), 'pair')} skipped" if skipped else ""


def metrics_json(metrics: RetrievalMetrics) -> Json:
    """Recalls of both ways and their sum, in percent."""
    return {
        "text_to_image": metrics.text_to_image.to_dict(),
        "image_to_text": metrics.image_to_text.to_dict(),
        "rsum": round(metrics.rsum, 4),
    }
