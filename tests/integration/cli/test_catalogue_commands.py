"""`status`, `info`, `remove` and `models`."""

from __future__ import annotations

from pathlib import Path

from tests.integration.cli.conftest import COLOURS, World

N_PICTURES = len(COLOURS) + 1


def test_status_counts(shared_world: World) -> None:
    [status] = shared_world.mmsearch.run("status", "--json").objects()
    assert (status["index"], status["files"], status["failed"]) == ("default", N_PICTURES, 1)
    assert status["captions"] == len(COLOURS)
    assert status["roots"] == [
        {"path": str(shared_world.photos), "online": True, "files": N_PICTURES}
    ]
    assert int(str(status["size_bytes"])) > 0


def test_status_for_people_names_folder_model_and_counts(shared_world: World) -> None:
    text = shared_world.mmsearch.run("status").text
    assert f"pictures  {N_PICTURES}" in text
    assert str(shared_world.photos) in text
    assert "tiny" in text
    assert "failed    1" in text


def test_failed_files_come_with_their_reason(shared_world: World) -> None:
    row = shared_world.mmsearch.run("status", "--failed").text
    path, reason = row.rstrip("\n").split("\t")
    assert path == str(shared_world.photos / "bad.jpg")
    assert reason
    [failure] = shared_world.mmsearch.run("status", "--failed", "--json").objects()
    assert list(failure) == ["path", "reason", "failed_at"]


def test_info_tells_what_is_known(shared_world: World) -> None:
    text = shared_world.mmsearch.run("info", "photos/red.png").text
    assert "96 \N{MULTIPLICATION SIGN} 72 PNG" in text
    assert "caption   a red picture" in text
    [info] = shared_world.mmsearch.run("info", "photos/red.png", "--json").objects()
    assert info["captions"] == ["a red picture"]
    assert isinstance(info["media"], dict)
    assert (info["media"]["width"], info["media"]["height"]) == (96, 72)


def test_info_of_a_file_that_failed_tells_why(shared_world: World) -> None:
    done = shared_world.mmsearch.run("info", "photos/bad.jpg")
    assert done.code == 0
    assert "failed    " in done.text


def test_info_of_an_unknown_file_is_one_line(shared_world: World) -> None:
    done = shared_world.mmsearch.run("info", "photos/never.png")
    assert done.code == 2
    assert done.notes.count("\n") == 1


def test_remove_forgets_and_leaves_the_file(world: World) -> None:
    red = world.photos / "red.png"
    done = world.mmsearch.run("remove", red, "--json")
    assert done.objects() == [{"path": str(red), "removed": 1}]
    assert "forgot 1 picture" in done.notes
    assert red.is_file()
    found = world.mmsearch.run("query", "red", "-f", "-k", "99").out
    assert b"red.png" not in found
    assert world.mmsearch.run("remove", world.photos).code == 0
    [status] = world.mmsearch.run("status", "--json").objects()
    assert (status["files"], status["roots"]) == (0, [])


def test_remove_of_something_unknown_exits_1(world: World) -> None:
    done = world.mmsearch.run("remove", "/nowhere/at/all")
    assert done.code == 1
    assert "nothing of /nowhere/at/all is in the index" in done.notes


def test_models_lists_the_users_own_and_on_demand_open_clips(
    shared_world: World, tiny_model: Path
) -> None:
    world = shared_world
    own = world.folder / "home" / "models" / "mine"
    own.parent.mkdir(exist_ok=True)
    if not own.exists():
        own.symlink_to(tiny_model, target_is_directory=True)
    few = world.mmsearch.run("models", "--json").objects()
    assert {model["kind"] for model in few} <= {"default", "local"}
    assert str(own) in {model["path"] for model in few}
    every = world.mmsearch.run("models", "--all", "--json").objects()
    assert "ViT-B-32/laion2b_s34b_b79k" in {model["name"] for model in every}
    assert str(own) in world.mmsearch.run("models").text
