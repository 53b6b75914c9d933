from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.integration.cli.command import Mmsearch
from tests.integration.cli.conftest import COLOURS, ODD_NAME, World

N_PICTURES = len(COLOURS) + 1


def test_json_is_one_object_a_line_with_the_contracts_names(shared_world: World) -> None:
    done = shared_world.mmsearch.run("query", "a red picture", "--json", "-k", "5")
    hits = done.objects()
    assert done.code == 0
    assert [list(hit) for hit in hits] == [["rank", "score", "path", "media_id", "exact"]] * 5
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4, 5]
    scores = [float(str(hit["score"])) for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert done.notes == ""


def test_top_has_three_names(shared_world: World) -> None:
    """One process shows that all three are taken: the last one given counts."""
    done = shared_world.mmsearch.run("query", "red", "--json", "-k", "9", "--top", "5", "-t", "2")
    assert len(done.objects()) == 2


def test_paths_only_keep_their_bytes(shared_world: World) -> None:
    """A name that is neither UTF-8 nor one line survives -0; -f writes the same bytes."""
    nul = shared_world.mmsearch.run("query", "red", "-0", "-k", "99").out
    paths = nul.removesuffix(b"\0").split(b"\0")
    assert len(paths) == N_PICTURES
    assert os.fsencode(shared_world.photos) + b"/" + ODD_NAME in paths
    assert all(Path(os.fsdecode(path)).is_file() for path in paths)
    lines = shared_world.mmsearch.run("query", "red", "-f", "-k", "99").out
    assert lines == nul.replace(b"\0", b"\n")


def test_json_carries_an_odd_name_there_and_back(shared_world: World) -> None:
    hits = shared_world.mmsearch.run("query", "red", "--json", "-k", "99").objects()
    assert ODD_NAME in {os.fsencode(Path(str(hit["path"])).name) for hit in hits}


def test_in_a_pipe_rows_are_tabbed_with_whole_paths(shared_world: World) -> None:
    rows = shared_world.mmsearch.run("query", "red").text.splitlines()
    assert len(rows) == N_PICTURES
    for row in rows:
        rank, score, path, size, date = row.split("\t")
        assert rank.isdecimal()
        assert -1 <= float(score) <= 1
        assert path.startswith(str(shared_world.photos))
        assert size.endswith("B")
        assert len(date) == 10


def test_on_a_terminal_there_is_a_table(shared_world: World) -> None:
    done = shared_world.mmsearch.run_on_terminal("query", "red", "-k", "2", columns=90)
    assert done.code == 0
    assert b"score" in done.out
    assert "─".encode() in done.out


def test_a_picture_never_finds_itself(shared_world: World) -> None:
    picture = shared_world.photos / "red.png"
    for arguments in ([picture], ["a red picture", "--image", picture]):
        hits = shared_world.mmsearch.run("query", *arguments, "--json", "-k", "99").objects()
        paths = [str(hit["path"]) for hit in hits]
        assert len(paths) == N_PICTURES - 1
        assert str(picture) not in paths


def test_terms_weigh_in(shared_world: World) -> None:
    """A heavy plus term draws the score towards that of the term alone."""
    alone = _scores(shared_world, "blue")
    mixed = _scores(shared_world, "red", "--plus", "blue:50")
    assert mixed == pytest.approx(alone, abs=0.05)
    less = _scores(shared_world, "red", "--minus", "blue:50")
    assert less == pytest.approx([-score for score in alone], abs=0.05)


def test_min_score_and_under_leave_out(shared_world: World) -> None:
    done = shared_world.mmsearch.run("query", "red", "--min-score", "1")
    assert (done.code, done.text) == (0, "")
    assert done.notes == "nothing scores 1.0 or more\n"
    everything = shared_world.mmsearch.run("query", "red", "-f", "--under", shared_world.photos)
    assert len(everything.out.splitlines()) >= N_PICTURES


def test_filters_narrow_and_say_what_they_asked_for(shared_world: World) -> None:
    every = ["--format", "png", "--orientation", "landscape", "--taken-from", "2000-01-01"]
    found = shared_world.mmsearch.run("query", "red", "--json", "-k", "99", *every)
    assert len(found.objects()) == N_PICTURES
    none = ["--format", "jpg", "--orientation", "portrait", "--taken-to", "1999-12-31"]
    done = shared_world.mmsearch.run("query", "red", *none)
    assert (done.code, done.text) == (0, "")
    assert done.notes == (
        "nothing is from 1999-12-31 or before and is of format jpg and is portrait\n"
    )


def test_a_day_that_is_none_or_a_span_without_days_is_refused(shared_world: World) -> None:
    for wrong in (
        ["--taken-from", "yesterday"],
        ["--taken-from", "2024-02-01", "--taken-to", "2024-01-01"],
        ["--orientation", "round"],
    ):
        done = shared_world.mmsearch.run("query", "red", *wrong)
        assert (done.code, done.text) == (2, "")


def test_captions_are_found_by_words_and_by_a_picture(shared_world: World) -> None:
    for arguments in (["a red picture"], ["--image", shared_world.photos / "red.png"]):
        hits = shared_world.mmsearch.run(
            "query", *arguments, "--to", "captions", "--json", "-k", "3"
        ).objects()
        assert [list(hit) for hit in hits] == [
            ["rank", "score", "path", "media_id", "caption", "exact"]
        ] * 3
    first = shared_world.mmsearch.run("query", "a red picture", "--to", "captions", "-k", "1")
    assert first.text.split("\t")[2] == "a red picture"


def test_an_unreadable_query_picture_is_one_line_and_exit_2(shared_world: World) -> None:
    for name in ("bad.jpg", "missing.jpg"):
        done = shared_world.mmsearch.run("query", "--image", shared_world.photos / name)
        assert done.code == 2
        assert name in done.notes
        assert done.notes.count("\n") == 1


def test_another_models_index_is_refused_with_a_way_out(
    shared_world: World, tmp_path: Path
) -> None:
    from tests.tiny_model import build_tiny_model

    other = build_tiny_model(tmp_path / "other", seed=1)
    done = shared_world.mmsearch.run("query", "red", "--model", other)
    assert done.code == 1
    assert "index --model" in done.notes
    assert done.notes.count("\n") == 1


def test_an_empty_index_is_one_line_and_exit_1(mmsearch: Mmsearch) -> None:
    (mmsearch.folder / "empty").mkdir()
    assert mmsearch.run("index", "empty").code == 0
    done = mmsearch.run("query", "red")
    assert done.code == 1
    assert done.notes.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error(shared_world: World) -> None:
    done = shared_world.mmsearch.shell('mmsearch query red --json -k 99 | head -c 1; echo "$?"')
    assert done.notes == ""
    assert done.text.endswith("0\n")


def test_a_closed_reader_before_the_first_byte_is_no_error(shared_world: World) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = shared_world.mmsearch.start("query", "red", stdout=writer)
    os.close(writer)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


def test_a_contact_sheet_holds_the_pictures_beside_the_usual_output(
    shared_world: World, tmp_path: Path
) -> None:
    page = tmp_path / "hits.html"
    done = shared_world.mmsearch.run("query", "a <red> picture", "--json", "--html", page)
    assert len(done.objects()) == N_PICTURES
    assert done.notes == f"wrote {page}\n"
    text = page.read_text("utf-8")
    assert text.count("data:image/jpeg;base64,") == N_PICTURES
    assert "a &lt;red&gt; picture" in text


def test_a_contact_sheet_that_cannot_be_written_is_one_line(shared_world: World) -> None:
    done = shared_world.mmsearch.run("query", "red", "-f", "--html", "no/such/folder/x.html")
    assert done.code == 1
    assert "no such file or directory" in done.notes


def test_previews_are_drawn_on_a_terminal(shared_world: World) -> None:
    done = shared_world.mmsearch.run_on_terminal("query", "red", "--preview", "-k", "3")
    assert done.code == 0, done.text
    assert "▀".encode() in done.out
    assert b"red.png" in done.out or b"png" in done.out


def test_previews_in_a_pipe_are_rows(shared_world: World) -> None:
    done = shared_world.mmsearch.run("query", "red", "--preview", "-k", "3")
    assert len(done.text.splitlines()) == 3
    assert all(row.count("\t") == 4 for row in done.text.splitlines())


def test_open_hands_the_best_to_the_viewer(shared_world: World, tmp_path: Path) -> None:
    viewer = tmp_path / "bin" / "xdg-open"
    viewer.parent.mkdir()
    viewer.write_text('#!/bin/sh\nprintf "%s\\n" "$1" >> "$OPENED"\n', "utf-8")
    viewer.chmod(viewer.stat().st_mode | stat.S_IXUSR)
    opened = tmp_path / "opened"
    environment = {
        **shared_world.mmsearch.environment,
        "PATH": f"{viewer.parent}{os.pathsep}{os.environ['PATH']}",
        "OPENED": str(opened),
    }
    command = Mmsearch(shared_world.folder, environment)
    done = command.run("query", "red", "--under", "photos", "-f", "-k", "2", "--open")
    assert done.code == 0, done.notes
    assert sorted(opened.read_bytes().splitlines()) == sorted(done.out.splitlines())


def _scores(world: World, *arguments: str) -> list[float]:
    """Scores by path, in the paths' order."""
    hits = world.mmsearch.run("query", *arguments, "--json", "-k", "99").objects()
    return [float(str(hit["score"])) for hit in sorted(hits, key=lambda hit: str(hit["path"]))]
