"""`doctor`: one line a check, one exit code."""

from __future__ import annotations

from pathlib import Path

from tests.integration.cli.command import Mmsearch
from tests.integration.cli.conftest import World


def test_each_check_is_a_line_or_an_object(shared_world: World) -> None:
    done = shared_world.mmsearch.run("doctor")
    assert (done.code, done.notes) == (0, "")
    rows = [line.split("\t") for line in done.text.splitlines()]
    assert {len(row) for row in rows} == {3}
    assert {row[0] for row in rows} <= {"ok", "note"}
    told = shared_world.mmsearch.run("doctor", "--json").objects()
    assert [shape["subject"] for shape in told] == [row[1] for row in rows]
    assert set(told[0]) == {"subject", "level", "says", "advice"}


def test_a_problem_is_exit_1(mmsearch: Mmsearch, tmp_path: Path) -> None:
    broken = tmp_path / "home" / "indexes" / "bad" / "catalogue.sqlite3"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"no database at all" * 100)
    done = mmsearch.run("doctor")
    assert done.code == 1
    [line] = [line for line in done.text.splitlines() if line.startswith("problem\t")]
    assert line.endswith("restore a backup: 'mmsearch --index bad restore FOLDER'")
