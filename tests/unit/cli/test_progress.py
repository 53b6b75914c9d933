from __future__ import annotations

import pytest

from mmsearch.cli.progress import (
    IndexingProgress,
    LiveLine,
    SilentLine,
    count_and_rate,
    live_line,
)


def test_nothing_is_drawn_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with live_line(quiet=False) as line:
        IndexingProgress(line).on_progress(1, 2, 0)
    assert type(line) is SilentLine
    assert capsys.readouterr().err == ""


def test_warnings_are_written_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    IndexingProgress(SilentLine()).on_warning("/photos is offline")
    assert capsys.readouterr().err == "mmsearch: warning: /photos is offline\n"


def test_the_line_shows_stage_counts_and_failures() -> None:
    import io

    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn

    screen = io.StringIO()
    columns = (
        TextColumn("{task.description}"),
        MofNCompleteColumn(),
        TextColumn("{task.fields[remark]}"),
    )
    console = Console(file=screen, force_terminal=False, width=100)
    with Progress(*columns, console=console) as progress:
        listener = IndexingProgress(LiveLine(progress))
        listener.on_scan(20)
        listener.on_model("mini")
        listener.on_progress(3, 20, 1)
        assert len(progress.tasks) == 1
    assert "embedding pictures" in screen.getvalue()
    assert "3/20" in screen.getvalue()
    assert "1 failed" in screen.getvalue()


@pytest.mark.parametrize(
    ("done", "total", "rate", "text"),
    [
        (0, None, None, ""),
        (1200, None, 50.0, "1,200"),
        (3, 2000, None, "3/2,000"),
        (3, 20, 81.26, "3/20  81.3/s"),
    ],
)
def test_the_lines_numbers_leave_out_what_is_not_known(
    done: float, total: float | None, rate: float | None, text: str
) -> None:
    assert count_and_rate(done, total, rate) == text
