"""`mmsearch migrate` as a user runs it, from one real model to another."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from tests.integration.cli.command import Mmsearch
from tests.integration.cli.conftest import World, make_picture
from tests.tiny_model import build_tiny_model


@pytest.fixture(scope="module")
def second_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another model directory, whose answers are others."""
    return build_tiny_model(tmp_path_factory.mktemp("second") / "second", seed=7)


@pytest.fixture
def desk(world: World, tmp_path: Path, tiny_model: Path) -> World:
    """Pictures of its own and an index of them, whose default alone says which model is used."""
    photos = tmp_path / "photos"
    shutil.copytree(world.photos, photos)
    environment = {**world.mmsearch.environment, "MMSEARCH_HOME": str(tmp_path / "own")}
    del environment["MMSEARCH_MODEL"]
    command = Mmsearch(tmp_path, environment)
    captions = world.folder / "captions.csv"
    done = command.run("index", "photos", "--model", tiny_model, "--captions", captions)
    assert done.code == 0, done.notes
    return World(tmp_path, command)


def hits(desk: World) -> list[dict[str, object]]:
    done = desk.mmsearch.run("query", "a red picture", "--json")
    assert done.code == 0, done.notes
    return done.objects()


def status(desk: World) -> str:
    done = desk.mmsearch.run("status")
    assert done.code == 0, done.notes
    return done.text


def test_there_and_back_and_the_old_one_out(desk: World, second_model: Path) -> None:
    before = hits(desk)
    done = desk.mmsearch.run("migrate", "--to", second_model)
    assert (done.code, done.text) == (0, "")
    assert "embedded 9 pictures and 8 captions" in done.notes
    assert "--rollback' goes back" in done.notes
    after = hits(desk)
    assert after != before
    assert ", previous: 'mmsearch migrate --rollback' goes back to it)" in status(desk)
    done = desk.mmsearch.run("migrate", "--rollback", "--json")
    assert done.code == 0
    [report] = done.objects()
    assert (Path(str(report["replaced"])).name, report["missing"]) == ("second", 0)
    assert hits(desk) == before
    done = desk.mmsearch.run("migrate", "--drop-old", "--yes", "--json")
    [dropped] = done.objects()
    assert (done.code, dropped["images"], dropped["captions"]) == (0, 9, 8)
    assert hits(desk) == before
    assert "previous" not in status(desk)
    assert desk.mmsearch.run("migrate", "--rollback").code == 1


def test_missing_pictures_are_listed_and_hold_the_change_back(
    desk: World, second_model: Path
) -> None:
    before = hits(desk)
    (desk.photos / "red.png").unlink()
    done = desk.mmsearch.run("migrate", "--to", second_model)
    assert done.code == 1
    [line] = done.text.splitlines()
    path, reason = line.split("\t")
    assert Path(path) == desk.photos / "red.png"
    assert reason.startswith("is gone")
    assert "go without them by --partial" in done.notes
    assert hits(desk) == before
    done = desk.mmsearch.run("migrate", "--to", second_model, "--partial", "--json")
    [report] = done.objects()
    assert (done.code, report["images"], report["default"]) == (0, 0, True)
    assert [Path(one["path"]).name for one in report["missing"]] == ["red.png"]  # type: ignore[attr-defined]


def test_ctrl_c_keeps_what_was_done_and_the_next_run_goes_on(
    desk: World, second_model: Path
) -> None:
    total = 600
    (desk.photos / "more").mkdir()
    for number in range(total):
        colour = f"hsl({number % 360},90%,50%)"
        make_picture(desk.photos / f"more/{number:04}.png", colour, number // 18)
    assert desk.mmsearch.run("-q", "index").code == 0
    before = hits(desk)
    process = desk.mmsearch.start("migrate", "--to", second_model, "--batch-size", "2", "--json")
    catalogue = desk.folder / "own/indexes/default/catalogue.sqlite3"
    _wait_for_second_space(catalogue)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.decode().startswith("mmsearch: interrupted")
    assert b"Traceback" not in err
    assert b'"interrupted": true' in out
    assert hits(desk) == before
    kept = _n_embedded(catalogue)
    assert 0 < kept < total + 9
    [report] = desk.mmsearch.run("migrate", "--to", second_model, "--json").objects()
    assert (report["images"], report["default"]) == (total + 9 - kept, True)


def test_dropping_asks_and_nobody_there_is_no_yes(desk: World, second_model: Path) -> None:
    assert desk.mmsearch.run("migrate", "--to", second_model).code == 0
    done = desk.mmsearch.run("migrate", "--drop-old")
    assert done.code == 2
    assert "give --yes" in done.notes
    [_, _] = _spaces(desk)


def test_a_setting_that_names_a_model_is_told_of(world: World, second_model: Path) -> None:
    done = world.mmsearch.run("migrate", "--to", second_model)
    assert done.code == 0
    assert "a setting names model" in done.notes


@pytest.mark.parametrize(
    "arguments",
    [(), ("--rollback", "--drop-old"), ("--to", "x", "--rollback"), ("--rollback", "--partial")],
)
def test_one_way_has_to_be_chosen(world: World, arguments: tuple[str, ...]) -> None:
    done = world.mmsearch.run("migrate", *arguments)
    assert done.code == 2
    assert done.notes.count("\n") == 1


def test_an_unknown_model_is_one_clear_line(world: World) -> None:
    done = world.mmsearch.run("migrate", "--to", "no-such-model")
    assert done.code == 1
    assert done.notes.count("\n") == 1
    [_] = _spaces(world)


def _spaces(desk: World) -> list[object]:
    [status] = desk.mmsearch.run("status", "--json").objects()
    spaces = status["spaces"]
    assert isinstance(spaces, list)
    return spaces


def _n_embedded(catalogue: Path) -> int:
    """How many pictures the second space embeds."""
    connection = sqlite3.connect(f"{catalogue.as_uri()}?mode=ro", uri=True)
    [(count,)] = connection.execute(
        "SELECT count(*) FROM image_embeddings WHERE space_id > (SELECT min(space_id) FROM spaces)"
    ).fetchall()
    connection.close()
    return int(count)


def _wait_for_second_space(catalogue: Path) -> None:
    """Return once the first batch of the second space is committed."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if _n_embedded(catalogue):
            return
        time.sleep(0.02)
    raise TimeoutError("no batch was committed within a minute")
