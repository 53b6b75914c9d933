"""From one model to another: nothing is lost, nothing is switched half made."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from mmsearch.engine.progress import SilentProgress
from mmsearch.engine.upkeep.model_records import MigrationOptions, MigrationReport
from mmsearch.errors import (
    CatalogueError,
    ModelError,
    VectorIndexError,
)
from tests.fakes import COLOURS, FakeModels, FakeRerankers, fake_space
from tests.model_changes import OTHER, answers, defaults, index_album, two_models
from tests.photos import bad_photo, fake_library, found, n_encoded, photo

FULL_DISK = """
import resource, sys
from pathlib import Path
from mmsearch.engine.upkeep.model_records import MigrationOptions
from mmsearch.errors import MmsearchError
from tests.photos import fake_library

with fake_library(Path(sys.argv[1])) as library:
    library.query("red")
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]) * 1024,) * 2)
    try:
        library.migrate(MigrationOptions("other"))
    except MmsearchError as exc:
        print(exc)
"""


@pytest.fixture
def models() -> FakeModels:
    """Two models that score differently."""
    return two_models()


@pytest.fixture
def album(library: Library, photos: Path) -> Path:
    """Twelve pictures in two roots, three of them with a caption, indexed with "fake"."""
    return index_album(library, photos)


def test_all_is_embedded_and_then_the_model_is_switched(library: Library, album: Path) -> None:
    before = answers(library)
    report = library.migrate(OTHER)
    assert (report.model, report.previous, report.is_default) == ("other", "fake", True)
    assert (report.n_images, report.n_captions, report.missing) == (12, 3, ())
    assert defaults(library) == [("fake", 12, 3, False), ("other", 12, 3, True)]
    after = answers(library)
    assert after != before
    assert [len(hits) for hits in after[0]] == [12] * len(COLOURS)


def test_the_answers_are_those_of_an_index_made_with_that_model(
    home: Path, library: Library, album: Path
) -> None:
    library.migrate(OTHER)
    with fake_library(home, two_models(), model="other") as asked:
        assert answers(asked) == answers(library)


def test_the_vectors_are_there_before_the_first_question(
    home: Path, library: Library, album: Path
) -> None:
    library.migrate(OTHER)
    key = fake_space("other").key
    names = {file.name for file in (home / "indexes/default/vectors").glob(f"{key}-*")}
    assert {f"{key}-image.faiss", f"{key}-caption.faiss"} <= names


def test_other_libraries_follow_the_switch_and_the_way_back(
    home: Path, library: Library, album: Path
) -> None:
    with fake_library(home, two_models()) as other:
        before = answers(other)
        library.migrate(OTHER)
        after = answers(other)
        assert after == answers(library) != before
        library.rollback_model()
        assert answers(other) == before


def test_to_the_model_that_is_the_default_is_nothing_to_do(library: Library, album: Path) -> None:
    report = library.migrate(MigrationOptions("fake"))
    assert report.is_default
    assert (report.previous, report.n_images, report.missing) == (None, 0, ())


def test_a_misspelt_model_leaves_all_as_it_was(library: Library, album: Path) -> None:
    with pytest.raises(ModelError, match="no model 'typo'"):
        library.migrate(MigrationOptions("typo"))
    assert defaults(library) == [("fake", 12, 3, True)]


def test_without_an_index_there_is_nothing_to_migrate(library: Library, home: Path) -> None:
    with pytest.raises(CatalogueError, match="make one with 'mmsearch index PATH'"):
        library.migrate(OTHER)
    assert not home.exists()


def test_what_was_stopped_goes_on_and_is_not_made_twice(home: Path, album: Path) -> None:
    class Stop(SilentProgress):
        def on_progress(self, done: int, total: int, failed: int) -> None:
            if done:
                raise KeyboardInterrupt

    first, second = two_models(), two_models()
    with fake_library(home, first, batch_size=2) as library:
        before = answers(library)
        report = library.migrate(OTHER, Stop())
        assert (report.interrupted, report.is_default) == (True, False)
        assert 0 < report.n_images < 12
        assert answers(library) == before
    with fake_library(home, second) as library:
        again = library.migrate(OTHER)
        assert again.is_default
        assert again.n_images == 12 - report.n_images == second.encoders["other"].n_images


def test_a_picture_that_is_gone_stops_the_switch_until_told_otherwise(
    library: Library, album: Path
) -> None:
    gone = album / "one/1.png"
    gone.unlink()
    report = library.migrate(OTHER)
    assert not report.is_default
    assert [(one.path, "gone" in one.reason) for one in report.missing] == [(gone, True)]
    assert defaults(library) == [("fake", 12, 3, True), ("other", 11, 3, False)]
    report = library.migrate(MigrationOptions("other", partial=True))
    assert report.is_default
    assert [one.path for one in report.missing] == [gone]
    assert gone not in found(library)
    library.rollback_model()
    assert gone in found(library)


def test_a_copy_stands_in_for_a_picture_that_is_gone(library: Library, album: Path) -> None:
    copy = album / "one/copy.png"
    copy.write_bytes((album / "one/1.png").read_bytes())
    library.index(album / "one")
    (album / "one/1.png").unlink()
    assert library.migrate(OTHER).is_default


def test_an_offline_folder_is_told_apart(library: Library, album: Path) -> None:
    (album / "two").rename(album / "away")
    report = library.migrate(OTHER)
    assert not report.is_default
    assert {one.path.parent.name for one in report.missing} == {"two"}
    assert {one.reason for one in report.missing} == {"its folder is offline"}
    (album / "away").rename(album / "two")
    assert library.migrate(OTHER).n_images == len(report.missing)


def test_a_folder_that_index_found_offline_is_read_once_it_is_back(
    library: Library, album: Path
) -> None:
    (album / "two").rename(album / "away")
    library.index([album / "one", album / "two"])
    assert len(library.migrate(OTHER).missing) == 4
    (album / "away").rename(album / "two")
    assert library.migrate(OTHER).is_default


def test_changed_and_damaged_files_keep_what_the_old_model_knows(
    library: Library, album: Path
) -> None:
    """No row changes before the switch, so the old answers and a rollback are exact."""
    photo(album / "one/1.png", "blue", 77)
    bad_photo(album / "one/2.png")
    before = answers(library)
    report = library.migrate(MigrationOptions("other", partial=True))
    reasons = {one.path.name: one.reason for one in report.missing}
    assert set(reasons) == {"1.png", "2.png"}
    assert "has changed since it was indexed" in reasons["1.png"]
    assert "changed" not in reasons["2.png"]
    assert library.failures() == []
    library.rollback_model()
    assert answers(library) == before


def test_pictures_that_come_meanwhile_are_embedded_before_the_switch(
    home: Path, library: Library, album: Path
) -> None:
    class Indexes(SilentProgress):
        """Another library indexes new pictures after the last one was embedded, twice."""

        def __init__(self) -> None:
            self.rounds = 0

        def on_captions(self, done: int, total: int) -> None:
            self.more()

        def on_progress(self, done: int, total: int, failed: int) -> None:
            if done == total:
                self.more()

        def more(self) -> None:
            self.rounds += 1
            if self.rounds <= 2:
                photo(album / f"one/new {self.rounds}.png", "white", 100 + self.rounds)
                with fake_library(home, two_models()) as other:
                    assert other.index(album / "one").added == 1

    progress = Indexes()
    report = library.migrate(OTHER, progress)
    assert progress.rounds > 2
    assert (report.n_images, report.is_default) == (14, True)
    assert len(found(library, "white")) == 14


def test_after_the_switch_new_pictures_go_into_the_new_space(library: Library, album: Path) -> None:
    library.migrate(OTHER)
    photo(album / "one/new.png", "white", 99)
    library.index(album / "one")
    assert [images for _, images, _, _ in defaults(library)] == [12, 13]


def test_vectors_that_cannot_be_saved_leave_the_old_model(
    home: Path, library: Library, album: Path
) -> None:
    before = answers(library)
    blocked = home / f"indexes/default/vectors/{fake_space('other').key}-image.faiss"
    (blocked / "x").mkdir(parents=True)
    with pytest.raises(VectorIndexError, match="cannot be written"):
        library.migrate(OTHER)
    assert answers(library) == before
    (blocked / "x").rmdir()
    blocked.rmdir()
    assert library.migrate(OTHER).is_default


@pytest.mark.parametrize("limit_kb", [2, 20, 50])
def test_a_full_disk_leaves_the_old_model_and_says_so_in_one_line(
    home: Path, library: Library, album: Path, limit_kb: int
) -> None:
    """No file may grow beyond a limit: the log, the catalogue or the vectors run into it."""
    before = answers(library)
    library.close()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, home, str(limit_kb)],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("\n") == 1
    assert re.search("catalogue|vector file", done.stdout), done.stdout
    assert answers(library) == before
    assert defaults(library)[0] == ("fake", 12, 3, True)
    assert library.migrate(OTHER).is_default


def test_region_features_are_made_where_the_new_model_has_a_reranker(
    home: Path, album: Path
) -> None:
    models = FakeModels()
    with fake_library(home, models, rerankers=FakeRerankers(names=("other",))) as library:
        assert library.migrate(OTHER).is_default
        assert [one.n_with_regions for one in library.status().spaces] == [0, 12]
        assert library.query("red", k=3)[0].rerank_score is not None
    assert models.region_encoders["other"].n_with_regions == 12


def test_nothing_is_decoded_that_is_embedded_already(home: Path, album: Path) -> None:
    with fake_library(home, two_models(), model="other") as library:
        library.index(album / "one")
    models = two_models()
    with fake_library(home, models) as library:
        report: MigrationReport = library.migrate(OTHER)
        assert (report.n_images, report.n_captions, report.is_default) == (0, 0, True)
    assert n_encoded(models) == 0
    assert models.loads == []
