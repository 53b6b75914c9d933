from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path

from PIL import Image

from tests.integration.cli.command import Mmsearch
from tests.integration.cli.conftest import World, make_picture

CONTRACT = [
    "added",
    "updated",
    "moved",
    "removed",
    "unchanged",
    "failed",
    "seconds",
    "images_per_second",
]


def test_json_is_one_object_with_the_contracts_names_first(mmsearch: Mmsearch) -> None:
    photos = mmsearch.folder / "photos"
    photos.mkdir()
    make_picture(photos / "a.png", "red", 1)
    (photos / "bad.png").write_bytes(b"x")
    done = mmsearch.run("index", "photos", "--json")
    [summary] = done.objects()
    assert done.code == 0
    assert list(summary)[:8] == CONTRACT
    assert (summary["added"], summary["failed"]) == (1, 1)


def test_the_summary_for_people_is_on_stderr(world: World) -> None:
    done = world.mmsearch.run("index", world.photos)
    assert done.code == 0
    assert done.text == ""
    assert "unchanged" in done.notes


def test_quiet_says_nothing(world: World) -> None:
    done = world.mmsearch.run("-q", "index", world.photos)
    assert (done.code, done.out, done.err) == (0, b"", b"")


def test_strict_exits_1_if_a_file_failed(mmsearch: Mmsearch) -> None:
    photos = mmsearch.folder / "photos"
    photos.mkdir()
    make_picture(photos / "a.png", "red", 1)
    assert mmsearch.run("index", "photos", "--strict").code == 0
    (photos / "bad.png").write_bytes(b"x")
    done = mmsearch.run("index", "photos", "--strict")
    assert done.code == 1
    assert "status --failed" in done.notes


def test_a_limit_out_of_bounds_is_one_line_that_names_it(mmsearch: Mmsearch) -> None:
    (mmsearch.folder / "photos").mkdir()
    done = mmsearch.run("index", "photos", "--decode-memory-mb", "5")
    assert done.code == 2
    assert "'decode_memory_mb'" in done.notes
    assert "128" in done.notes
    assert done.notes.count("\n") == 1


def test_a_higher_limit_and_retry_failed_read_again_what_failed(mmsearch: Mmsearch) -> None:
    photos = mmsearch.folder / "photos"
    photos.mkdir()
    make_picture(photos / "a.png", "red", 1)
    Image.new("RGB", (200, 100)).save(photos / "big.png")
    (photos / "bad.png").write_bytes(b"x")

    def indexed(*options: str) -> tuple[object, object]:
        [summary] = mmsearch.run("index", "photos", "--json", *options).objects()
        return summary["added"], summary["failed"]

    assert indexed("--max-megapixels", "0.01") == (1, 2)
    assert indexed("--max-megapixels", "0.05", "--retry-failed") == (1, 1)


def test_without_a_path_all_known_folders_are_brought_up_to_date(mmsearch: Mmsearch) -> None:
    for name in ("one", "two"):
        (mmsearch.folder / name).mkdir()
        make_picture(mmsearch.folder / name / "a.png", "red", len(name))
        assert mmsearch.run("index", name).code == 0
    make_picture(mmsearch.folder / "two" / "b.png", "blue", 7)
    [summary] = mmsearch.run("index", "--json").objects()
    assert (summary["added"], summary["unchanged"]) == (1, 2)


def test_rerank_features_that_nothing_would_read_are_refused(mmsearch: Mmsearch) -> None:
    photos = mmsearch.folder / "photos"
    photos.mkdir()
    make_picture(photos / "a.png", "red", 1)
    done = mmsearch.run("index", "photos", "--rerank-features")
    assert done.code == 1
    assert "name one with --reranker DIR" in done.notes
    assert done.notes.count("\n") == 1
    assert not (mmsearch.folder / "home" / "indexes").exists()
    assert mmsearch.run("index", "photos", "--no-rerank-features").code == 0


def test_exclude_and_hidden(mmsearch: Mmsearch) -> None:
    photos = mmsearch.folder / "photos"
    (photos / ".hidden").mkdir(parents=True)
    for number, name in enumerate(("keep.png", "draft-1.png", ".hidden/h.png")):
        make_picture(photos / name, "red", number)
    [summary] = mmsearch.run("index", "photos", "--exclude", "draft*", "--json").objects()
    assert summary["added"] == 1
    [summary] = mmsearch.run("index", "photos", "--include-hidden", "--json").objects()
    assert summary["added"] == 2


def test_a_path_that_is_not_there_is_wrong_usage(mmsearch: Mmsearch) -> None:
    done = mmsearch.run("index", "nowhere")
    assert done.code == 2
    assert "nowhere" in done.notes
    assert done.notes.count("\n") == 1


def test_a_terminal_sees_progress_and_a_pipe_does_not(mmsearch: Mmsearch) -> None:
    photos = mmsearch.folder / "photos"
    photos.mkdir()
    for number in range(3):
        make_picture(photos / f"{number}.png", "red", number)
    done = mmsearch.run_on_terminal("index", "photos")
    assert done.code == 0
    assert b"embedding pictures" in done.out
    assert b"3 added" in done.out
    (photos / "4.png").write_bytes((photos / "2.png").read_bytes())
    assert b"embedding" not in mmsearch.run("index", "photos").err


def test_ctrl_c_keeps_what_was_done_and_the_next_run_goes_on(mmsearch: Mmsearch) -> None:
    photos = mmsearch.folder / "photos"
    photos.mkdir()
    total = 1200
    for number in range(total):
        make_picture(photos / f"{number:04}.png", f"hsl({number % 360},90%,50%)", number // 18)
    process = mmsearch.start("index", "photos", "--batch-size", "4", "--json")
    catalogue = mmsearch.folder / "home" / "indexes" / "default" / "catalogue.sqlite3"
    _wait_for_rows(catalogue)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.decode().splitlines()[0].startswith("mmsearch: interrupted")
    assert b"Traceback" not in err
    assert b'"interrupted": true' in out
    kept = _rows(catalogue)
    assert 0 < kept < total
    [summary] = mmsearch.run("index", "photos", "--json").objects()
    assert (summary["unchanged"], summary["added"]) == (kept, total - kept)


def _rows(catalogue: Path) -> int:
    """How many files the catalogue holds, 0 while there is none."""
    try:
        with sqlite3.connect(f"{catalogue.as_uri()}?mode=ro", uri=True) as connection:
            rows: int = connection.execute("SELECT count(*) FROM media").fetchone()[0]
        connection.close()
    except sqlite3.OperationalError:
        return 0
    return rows


def _wait_for_rows(catalogue: Path) -> None:
    """Return once the first batch is committed."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if _rows(catalogue):
            return
        time.sleep(0.02)
    raise TimeoutError("no batch was committed within a minute")
