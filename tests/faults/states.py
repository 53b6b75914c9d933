"""What an index holds and answers, and whether it is as it should be once a disk failed it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from mmsearch.catalogue import Catalogue
from mmsearch.engine.factory import CATALOGUE_NAME
from mmsearch.engine.library import Library
from mmsearch.engine.upkeep.findings import FileCheck, VerifyOptions
from mmsearch.errors import CatalogueError, MmsearchError
from tests.faults.scenes import VECTORS, Scene, command, library_in

QUESTIONS = ("red thing",)
LITTER = ("**/*.tmp", "**/.restore-*", "**/.everyday-*", "**/.catalogue*", "**/.backup*")


@dataclass(frozen=True, slots=True)
class State:
    """What is found of pictures and captions, with scores, and which model questions use.

    `pictures` are `(path, digest)`; `failed` are the paths that could not be read.
    """

    model: str | None = None
    pictures: frozenset[tuple[str, str]] = frozenset()
    captions: frozenset[str] = frozenset()
    answers: tuple[tuple[str, float], ...] = ()
    failed: frozenset[str] = frozenset()


NOTHING = State()


@dataclass(frozen=True, slots=True)
class Inspection:
    """An index after a fault: as it was left, and after the same command once more."""

    left: State
    healed: State
    litter: tuple[str, ...]
    differences: tuple[str, ...]


def state_of(library: Library) -> State:
    """The state of an index; `NOTHING` where there is none yet, or nothing in it."""
    if library.is_new():
        return NOTHING
    try:
        spaces = library.status().spaces
    except CatalogueError as exc:
        if _is_empty(exc):
            return NOTHING
        raise
    model = next((one.space.name for one in spaces if one.is_default), None)
    failed = frozenset(str(failure.path) for failure in library.failures())
    answers: list[tuple[str, float]] = []
    captions: set[str] = set()
    default = next((one for one in spaces if one.is_default), None)
    for question in QUESTIONS:
        if default is not None and default.n_images:
            hits = library.query(question, k=500)
            answers += [(str(hit.media.path), round(hit.score, 4)) for hit in hits]
        if default is not None and default.n_captions:
            for found in library.query_captions(question, k=500):
                answers.append((found.caption.text, round(found.score, 4)))
                captions.add(found.caption.text)
    return State(model, _pictures(library), frozenset(captions), tuple(sorted(answers)), failed)


def _pictures(library: Library) -> frozenset[tuple[str, str]]:
    """All files of the catalogue, copies among them, which answers name once."""
    with Catalogue.open(library.settings.index_dir / CATALOGUE_NAME) as catalogue:
        found = [
            catalogue.media(file.media_id)
            for root in catalogue.roots()
            for file in catalogue.known_files(root.root_id)
        ]
    return frozenset((str(media.path), media.digest) for media in found if media is not None)


def look(work: Path) -> State:
    """The state of the index in a work folder."""
    with library_in(work) as library:
        return state_of(library)


def look_without_vectors(work: Path) -> State:
    """The state that the catalogue alone gives: what answers are to be."""
    copy = work / "truth"
    shutil.copytree(work / "home", copy / "home")
    shutil.rmtree(copy / VECTORS, ignore_errors=True)
    try:
        return look(copy)
    finally:
        shutil.rmtree(copy)


def inspect(work: Path, scene: Scene, after: State | None = None) -> Inspection:
    """What a fault left, and whether the same command once more makes good for it.

    It is not given again where the state is `after` it already: some say that there is no more to
    do, or undo.
    """
    differences: list[str] = []
    home = work / "home"
    litter = tuple(str(file) for pattern in LITTER for file in work.glob(pattern))
    left = look(work)
    if home.exists() and left != look_without_vectors(work):
        differences.append("answers are not those of the catalogue")
    _make_room_for(scene, work)
    if left != after or scene.name == "repair":
        code = command(work, scene.arguments(work))
        if code:
            differences.append(f"the same command once more fails ({code})")
    healed = look(work)
    with library_in(work) as library:
        findings = library.verify(VerifyOptions(files=FileCheck.NONE)).findings
        differences += [f"left unsound: {one.what} ({one.where})" for one in findings]
    return Inspection(left, healed, litter, tuple(differences))


def goes_on(work: Path, picture: str) -> tuple[str, ...]:
    """What is wrong with an index once it is changed otherwise than before power was lost.

    A vector file from a future that was lost would be taken for one that lacks the newest change
    only: its generation is between two of the catalogue, and it may have as many rows.
    """
    try:
        with library_in(work) as library:
            if library.is_new() or not library.remove(picture):
                return ()
    except CatalogueError as exc:
        return () if _is_empty(exc) else (in_words(exc),)
    if look(work) != look_without_vectors(work):
        return ("answers are not those of the catalogue, once it was changed",)
    return ()


def _is_empty(exc: CatalogueError) -> bool:
    """Whether that is all that is wrong with a catalogue: killed before anything was in it."""
    return str(exc).endswith("is empty: run `mmsearch index` first")


def _make_room_for(scene: Scene, work: Path) -> None:
    """Take away what a killed backup left, as its message asks for."""
    if scene.name == "backup":
        shutil.rmtree(work / "backup", ignore_errors=True)


def in_words(exc: Exception) -> str:
    """An error that an index should not have given, in one line."""
    kind = "" if isinstance(exc, MmsearchError) else "unexpected "
    return f"{kind}{type(exc).__name__}: {exc}"
