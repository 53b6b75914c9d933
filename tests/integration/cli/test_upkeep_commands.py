"""`verify` and `repair`: findings on stdout, a summary on stderr, the exit code says it all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.integration.cli.command import Mmsearch
from tests.integration.cli.conftest import COLOURS, World

N_PICTURES = len(COLOURS) + 1


def catalogue_file(world: World) -> Path:
    [path] = Path(world.mmsearch.environment["MMSEARCH_HOME"]).rglob("catalogue.sqlite3")
    return path


def spoil_an_embedding(world: World) -> None:
    raw = sqlite3.connect(catalogue_file(world))
    raw.execute(
        "UPDATE image_embeddings SET embedding = zeroblob(length(embedding)) WHERE item_id = 1"
    )
    raw.commit()
    raw.close()


def test_a_sound_index_exits_0_with_nothing_on_stdout(shared_world: World) -> None:
    done = shared_world.mmsearch.run("verify")
    assert (done.code, done.text) == (0, "")
    assert done.notes.startswith("sound: looked at 17 embeddings, 17 vectors and 9 files (9 read")
    assert shared_world.mmsearch.run("-q", "verify", "--files", "none").notes == ""


def test_a_backup_of_damaged_embeddings_is_made_and_warns(world: World) -> None:
    """On stderr, with -q too, and for programs: it is not to be found out when it is restored."""
    assert "warning" not in world.mmsearch.run("backup", "sound").notes
    spoil_an_embedding(world)
    done = world.mmsearch.run("-q", "backup", "damaged", "--json")
    assert (done.code, done.objects()[0]["damaged"]) == (0, 1)
    assert done.notes.startswith("mmsearch: warning: ")
    assert "1 damaged" in done.notes
    assert "'mmsearch verify'" in done.notes
    assert "'mmsearch repair'" in done.notes
    done = world.mmsearch.run("restore", "damaged", "--yes")
    assert (done.code, "1 damaged" in done.notes) == (0, True)


def test_no_model_is_loaded(shared_world: World) -> None:
    for command in ("verify", "repair", "optimize"):
        assert not shared_world.mmsearch.imported(command) & {"torch", "open_clip", "openvino"}


def test_json_is_one_object(shared_world: World) -> None:
    [report] = shared_world.mmsearch.run("verify", "--sample", "2", "--json").objects()
    assert (report["sound"], report["findings"]) == (True, [])
    assert (report["files"], report["read"]) == (N_PICTURES, 2)


def test_a_small_index_has_nothing_to_optimize(shared_world: World) -> None:
    done = shared_world.mmsearch.run("optimize", "--json")
    assert done.notes.startswith("nothing to optimize (")
    [report] = done.objects()
    assert report["rebuilt"] == []


def test_what_is_found_can_be_mended_and_made_anew(world: World) -> None:
    spoil_an_embedding(world)
    done = world.mmsearch.run("verify")
    assert done.code == 1
    check, where, what = done.text.rstrip("\n").split("\t")
    assert check == "embeddings"
    assert Path(where).parent == world.photos
    assert what.endswith("tiny does not fit its checksum; run 'mmsearch repair'")
    assert done.notes.startswith("1 finding: ")
    done = world.mmsearch.run("repair")
    assert done.code == 0
    assert done.text.startswith("embeddings\t")
    assert "dropped 1 embedding" in done.notes
    assert "run 'mmsearch index FOLDER'" in done.notes
    [report] = world.mmsearch.run("repair", "--json").objects()
    assert (report["mended"], report["needs_index"]) == ([], False)
    assert world.mmsearch.run("verify").code == 1  # a picture lacks its embedding
    assert world.mmsearch.run("index", world.photos).code == 0
    assert world.mmsearch.run("verify").code == 0


def test_a_picture_with_an_odd_name_is_told_in_one_line(world: World, tmp_path: Path) -> None:
    """Its row says other than the disk does; the name holds a newline."""
    raw = sqlite3.connect(catalogue_file(world))
    raw.execute("UPDATE media SET mtime_ns = 1")
    raw.commit()
    raw.close()
    done = world.mmsearch.run("verify")
    assert done.code == 1
    lines = done.text.splitlines()
    assert len(lines) == N_PICTURES
    assert all(line.split("\t")[0] == "files" for line in lines)
    assert any(r"caf\xe9\n.png" in line for line in lines)


def test_a_damaged_catalogue_is_a_finding_and_not_repaired(world: World) -> None:
    path = catalogue_file(world)
    path.write_bytes(path.read_bytes().replace(b"green.png", b"greed.png", 1))
    done = world.mmsearch.run("verify")
    assert done.code == 1
    assert all(line.startswith("catalogue\t") for line in done.text.splitlines())
    assert "mmsearch restore" in done.text
    done = world.mmsearch.run("repair")
    assert (done.code, done.text) == (1, "")
    assert "cannot be repaired: restore a backup" in done.notes
    assert done.notes.count("\n") == 1


def test_without_an_index_both_say_how_to_make_one(mmsearch: Mmsearch) -> None:
    for command in ("verify", "repair", "optimize"):
        done = mmsearch.run(command)
        assert done.code == 1
        assert "mmsearch index PATH" in done.notes
