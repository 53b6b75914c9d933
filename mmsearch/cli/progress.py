"""Shows long work as it goes: one live line with rate and time left, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mmsearch.cli.output import write_note

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class SilentLine:
    """The live line where nobody looks: pipes, logs and `-q`."""

    def show(self, stage: str, done: int, total: int | None, remark: str = "") -> None:
        """Show nothing."""


class LiveLine(SilentLine):
    """One line on the terminal: stage, bar, done of total, rate, time left, remark.

    Args:
        progress: A started Rich progress whose tasks have the field `remark`.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None
        self._stage = ""

    def show(self, stage: str, done: int, total: int | None, remark: str = "") -> None:
        """Bring the line up to date; a new stage starts its clock anew."""
        if self._task is None or stage != self._stage:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(stage, total=total, remark="")
            self._stage = stage
        self._progress.update(self._task, completed=done, total=total, remark=remark)


class IndexingProgress:
    """Tells the live line how an indexing run goes; warnings are written above it."""

    def __init__(self, line: SilentLine) -> None:
        self._line = line

    def on_scan(self, found: int) -> None:
        """Count the files found so far."""
        self._line.show("looking for pictures", done=found, total=None)

    def on_read(self, done: int, total: int) -> None:
        """Move the bar of files that may be known already."""
        self._line.show("comparing files", done, total)

    def on_model(self, name: str) -> None:
        """Say that a model is being loaded."""
        self._line.show(f"loading model {name}", done=0, total=None)

    def on_progress(self, done: int, total: int, failed: int) -> None:
        """Move the bar of pictures."""
        self._line.show("embedding pictures", done, total, f"{failed:,} failed" if failed else "")

    def on_captions(self, done: int, total: int) -> None:
        """Move the bar of captions."""
        self._line.show("embedding captions", done, total)

    def on_warning(self, message: str) -> None:
        """Write what needs attention, terminal or not."""
        write_note(f"mmsearch: warning: {message}")


class UpkeepProgress:
    """Tells the live line how a check or a repair of an index goes."""

    def __init__(self, line: SilentLine) -> None:
        self._line = line

    def on_step(self, step: str, done: int, total: int | None) -> None:
        """Bring the line to this step."""
        self._line.show(step, done, total)


@contextmanager
def live_line(*, quiet: bool) -> Iterator[SilentLine]:
    """The line for one piece of work; it vanishes when the work is over."""
    if quiet or not sys.stderr.isatty():
        yield SilentLine()
        return
    with _bar() as progress:
        line = LiveLine(progress)
        line.show("starting", done=0, total=None)
        yield line


def count_and_rate(done: float, total: float | None, rate: float | None) -> str:
    """The line's numbers: done of total, and items a second; what is not known is left out."""
    count = f"{done:,.0f}/{total:,.0f}" if total is not None else f"{done:,.0f}" if done else ""
    return f"{count}  {rate:,.1f}/s" if rate and total is not None else count


def _bar() -> Progress:
    """The layout of the line."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class CountColumn(ProgressColumn):
        """How many are done, and how many a second lately."""

        def render(self, task: Task) -> Text:
            return Text(count_and_rate(task.completed, task.total, task.speed))

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        CountColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[remark]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
