from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

import pytest

from mmsearch.cli import hit_table
from tests.unit.cli.records import caption_hit, hit, reranked_hit

LONG = Path("/" + "folder/" * 20 + "picture-with-a-name.jpg")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Make stdout a terminal without colours, as wide as COLUMNS says."""
    monkeypatch.setattr(hit_table, "is_terminal", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("LINES", "40")
    return monkeypatch


def test_in_a_pipe_each_hit_is_one_tabbed_line(capsys: pytest.CaptureFixture[str]) -> None:
    hit_table.write_hits([hit(LONG), hit(Path("/b\n.jpg"), rank=2, score=-0.1)])
    first, second = capsys.readouterr().out.splitlines()
    assert first.split("\t")[:4] == ["1", "0.250", str(LONG), "1.5 kB"]
    assert second.split("\t")[:3] == ["2", "-0.100", "/b\\n.jpg"]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_terminal_table_fits_and_keeps_the_path_whole(
    width: int, terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.setenv("COLUMNS", str(width))
    hit_table.write_hits([hit(LONG)])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    beside = re.compile(r"\s|1\.5 kB|2023-11-1\d")
    assert str(LONG) in "".join(beside.sub("", line) for line in lines)
    assert any("1.5 kB" in line for line in lines) == (width >= hit_table.WIDE)


def test_square_brackets_in_names_are_not_markup(
    terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.setenv("COLUMNS", "100")
    hit_table.write_hits([hit(Path("/[bold]x[/bold].jpg"))])
    assert "/[bold]x[/bold].jpg" in capsys.readouterr().out


def test_captions_come_with_their_path_or_without(capsys: pytest.CaptureFixture[str]) -> None:
    hit_table.write_caption_hits([caption_hit("two\tdogs\n", Path("/a")), caption_hit("b", None)])
    assert capsys.readouterr().out == "1\t0.500\ttwo dogs\t/a\n1\t0.500\tb\t\n"


def test_a_name_that_is_not_utf8_does_not_break_the_table(
    terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hit_table.write_hits([hit(Path("/" + os.fsdecode(b"caf\xe9.jpg")))])
    assert "caf\\xe9.jpg" in capsys.readouterr().out


def test_in_a_pipe_a_rerank_score_stands_last_where_it_moves_no_column(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hit_table.write_hits([reranked_hit(Path("/a.jpg")), hit(Path("/b.jpg"), rank=2)])
    first, second = capsys.readouterr().out.splitlines()
    assert first.split("\t")[:3] == ["1", "0.250", "/a.jpg"]
    assert (first.split("\t")[-1], second.split("\t")[-1]) == ("1.500", "")
    caption = dataclasses.replace(caption_hit("two dogs", None), rerank_score=2.0, dual_rank=3)
    hit_table.write_caption_hits([caption])
    assert capsys.readouterr().out == "1\t0.500\ttwo dogs\t\t2.000\n"


def test_a_terminal_shows_both_scores_where_hits_were_reranked(
    terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.setenv("COLUMNS", "100")
    hit_table.write_hits([reranked_hit(Path("/a.jpg")), hit(Path("/b.jpg"), rank=2)])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["#", "rerank", "score", "path"] in [row[:4] for row in rows]
    assert ["1", "1.500", "0.250"] in [row[:3] for row in rows]
    hit_table.write_hits([hit(Path("/b.jpg"))])
    assert "rerank" not in capsys.readouterr().out
