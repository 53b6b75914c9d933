"""The commands that faults befall, each with the index it finds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmsearch.catalogue import database
from mmsearch.cli.app import run
from mmsearch.cli.session import Session
from mmsearch.config import load_settings
from mmsearch.engine.factory import open_library
from mmsearch.engine.library import Library
from mmsearch.engine.records import IndexOptions
from tests.fakes import COLOURS, InlineDecoder
from tests.model_changes import OTHER, two_models
from tests.photos import bad_photo, photo

N_PHOTOS = 9
VECTORS = "home/indexes/default/vectors"


@dataclass(frozen=True, slots=True)
class Scene:
    """A command: `arguments` of it, where a work folder is; `prepare` makes what it finds.

    `places` are the folders whose files are to fail. A command that `reads` changes nothing.
    """

    name: str
    arguments: Callable[[Path], list[str]]
    prepare: Callable[[Path], None]
    places: tuple[str, ...] = ("home",)
    reads: bool = False


def library_in(work: Path) -> Library:
    """A library of two fake models over the home in a work folder."""
    settings = load_settings(home=work / "home", decode_workers=1, batch_size=4)
    return open_library(settings, two_models(), InlineDecoder)


def command(work: Path, arguments: list[str]) -> int:
    """The exit code of a command over fake models, without a process of its own."""

    def library(_session: Session, **_flags: object) -> Library:
        return library_in(work)

    Session.library = library  # type: ignore[method-assign]  # in a fork that ends with it
    database.BUSY_TIMEOUT_S = 1.0
    return run(["--home", str(work / "home"), "--quiet", *arguments])


def _nothing(work: Path) -> None:
    """Pictures and captions, and no index."""
    for number, colour in enumerate([*COLOURS][:N_PHOTOS]):
        photo(work / "photos" / ("one" if number % 3 else "two") / f"{number}.png", colour, number)
    bad_photo(work / "photos" / "one" / "bad.png")
    (work / "captions.csv").write_text("file,caption\n0.png,red thing\n1.png,grass\n", "utf-8")


def _indexed(work: Path) -> None:
    _nothing(work)
    with library_in(work) as library:
        captions = IndexOptions(captions=(work / "captions.csv",))
        library.index([work / "photos" / "one", work / "photos" / "two"], captions)
        for colour in ("red", "green"):
            library.query(colour)  # which keeps the everyday phrases' embeddings


def _changed(work: Path) -> None:
    """One picture is new, one has other bytes, one moved, one is gone."""
    _indexed(work)
    photos = work / "photos"
    photo(photos / "one" / "new.png", "red", 77)
    photo(photos / "one" / "1.png", "black", 78)
    (photos / "one" / "2.png").rename(photos / "two" / "moved.png")
    (photos / "two" / "3.png").unlink()


def _without_vectors(work: Path) -> None:
    _indexed(work)
    shutil.rmtree(work / VECTORS)


def _with_wrong_vectors(work: Path) -> None:
    _indexed(work)
    file = next((work / VECTORS).glob("*-image.faiss"))
    file.write_bytes(file.read_bytes()[:-100])


def _with_backup(work: Path) -> None:
    """An index that has changed since its backup."""
    _indexed(work)
    with library_in(work) as library:
        library.backup(work / "backup")
        library.remove(work / "photos" / "two")
        photo(work / "photos" / "one" / "new.png", "red", 77)
        library.index(work / "photos" / "one")


def _backup_alone(work: Path) -> None:
    _with_backup(work)
    shutil.rmtree(work / "home")


def _two_models(work: Path) -> None:
    _indexed(work)
    with library_in(work) as library:
        library.migrate(OTHER)


def _folders(work: Path) -> list[str]:
    return ["index", str(work / "photos" / "one"), str(work / "photos" / "two")]


def _with_captions(work: Path) -> list[str]:
    return [*_folders(work), "--captions", str(work / "captions.csv")]


def _question(*options: str) -> Callable[[Path], list[str]]:
    return lambda work: ["query", "red thing", "-k", "50", "--json", *options]


SCENES = {
    scene.name: scene
    for scene in (
        Scene("index-new", _with_captions, _nothing, ("home", "photos")),
        Scene("index-more", _folders, _changed, ("home", "photos")),
        Scene("index-same", _folders, _indexed, ("home", "photos")),
        Scene("index-vectors", _folders, _without_vectors),
        Scene("query", _question(), _indexed, reads=True),
        Scene("query-vectors", _question(), _without_vectors, reads=True),
        Scene("query-captions", _question("--to", "captions"), _indexed, reads=True),
        Scene("status", lambda _: ["status", "--json"], _indexed, reads=True),
        Scene("verify", lambda _: ["verify"], _indexed, ("home", "photos"), reads=True),
        Scene("repair", lambda _: ["repair"], _with_wrong_vectors),
        Scene("remove", lambda work: ["remove", str(work / "photos" / "two")], _indexed),
        Scene(
            "backup",
            lambda work: ["backup", str(work / "backup")],
            _indexed,
            ("home", "backup"),
            reads=True,
        ),
        Scene(
            "restore",
            lambda work: ["restore", str(work / "backup"), "--yes"],
            _with_backup,
            ("home", "backup"),
        ),
        Scene(
            "restore-new", lambda work: ["restore", str(work / "backup"), "--yes"], _backup_alone
        ),
        Scene("migrate", lambda _: ["migrate", "--to", "other"], _indexed, ("home", "photos")),
        Scene("rollback", lambda _: ["migrate", "--rollback"], _two_models),
        Scene("drop-old", lambda _: ["migrate", "--drop-old", "--yes"], _two_models),
    )
}
