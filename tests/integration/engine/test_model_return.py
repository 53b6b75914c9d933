"""Back to the model from before; and a model's share taken out of an index."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from mmsearch.errors import (
    CatalogueError,
    QueryError,
    SpaceMismatchError,
)
from tests.fakes import FakeModels, fake_space
from tests.model_changes import OTHER, answers, defaults, index_album, two_models
from tests.photos import fake_library, found, media_id, photo


@pytest.fixture
def models() -> FakeModels:
    """Two models that score differently."""
    return two_models()


@pytest.fixture
def album(library: Library, photos: Path) -> Path:
    """Twelve pictures in two roots, three of them with a caption, indexed with "fake"."""
    return index_album(library, photos)


def test_a_rollback_gives_the_very_answers_from_before(library: Library, album: Path) -> None:
    before = answers(library)
    library.migrate(OTHER)
    after = answers(library)
    report = library.rollback_model()
    assert (report.model, report.replaced, report.n_missing) == ("fake", "other", 0)
    assert answers(library) == before
    assert library.rollback_model().model == "other"
    assert answers(library) == after


def test_a_rollback_tells_what_came_since_and_index_completes_it(
    library: Library, album: Path
) -> None:
    library.migrate(OTHER)
    new = photo(album / "one/new.png", "white", 99)
    assert library.index(album / "one").added == 1
    assert new in found(library, "white")
    assert library.rollback_model().n_missing == 1
    assert new not in found(library, "white")
    library.index(album / "one")
    assert new in found(library, "white")


def test_without_a_model_from_before_there_is_no_rollback(library: Library, album: Path) -> None:
    with pytest.raises(CatalogueError, match="nothing to roll back to"):
        library.rollback_model()


def test_a_rollback_to_a_model_with_other_weights_is_refused(
    home: Path, library: Library, album: Path
) -> None:
    library.migrate(OTHER)
    with fake_library(home, two_models(fake="retrained")) as changed:
        with pytest.raises(SpaceMismatchError, match="'fake' have changed"):
            changed.rollback_model()
        assert defaults(changed)[1] == ("other", 12, 3, True)


def test_the_old_model_is_dropped_with_all_that_is_its_own(
    home: Path, library: Library, album: Path
) -> None:
    library.migrate(OTHER)
    after = answers(library)
    dropped = library.drop_space()
    assert (dropped.model, dropped.n_images, dropped.n_captions) == ("fake", 12, 3)
    assert defaults(library) == [("other", 12, 3, True)]
    files = list((home / "indexes/default/vectors").iterdir())
    assert {file.name.partition("-")[0] for file in files} == {fake_space("other").key}
    assert answers(library) == after
    with pytest.raises(CatalogueError, match="nothing to roll back to"):
        library.rollback_model()


def test_the_default_is_never_dropped(library: Library, album: Path) -> None:
    for name in (None, "fake"):
        with pytest.raises(QueryError, match="nothing to drop"):
            library.drop_space(name)


def test_of_several_others_one_has_to_be_named(home: Path, album: Path) -> None:
    models = FakeModels(names=("fake", "other", "third"))
    for name in ("other", "third"):
        with fake_library(home, models, model=name) as library:
            library.index(album / "one")
    with fake_library(home, models) as library:
        with pytest.raises(QueryError, match=r"\('other', 'third'\): name one"):
            library.drop_space()
        assert library.drop_space("third").model == "third"
        assert library.drop_space().model == "other"


def test_a_dropped_model_that_comes_back_is_not_searched_by_its_old_vectors(
    home: Path, library: Library, album: Path
) -> None:
    """Neither by those that another library holds in memory nor by a file it might have saved."""
    with fake_library(home, two_models(), model="other") as kept:
        library.migrate(OTHER)
        assert len(kept.query("red", k=50)) == 12
        vectors = home / f"indexes/default/vectors/{fake_space('other').key}-image.faiss"
        stale = vectors.read_bytes()
        library.rollback_model()
        library.drop_space()
        assert not vectors.exists()
        library.remove(album / "one/1.png")
        (album / "one/1.png").unlink()
        vectors.write_bytes(stale)
        assert library.migrate(OTHER).is_default
        assert len(kept.query("red", k=50)) == 11
        assert answers(library) == answers(kept)


def test_a_prepared_picture_is_asked_with_in_its_own_space_while_that_is_there(
    library: Library, album: Path
) -> None:
    """An upload outlives the switch: no question fails, and none mixes two models."""
    picture = library.prepare_picture((album / "one/1.png").read_bytes())
    before = library.query(image=picture, k=50)
    library.migrate(OTHER)
    assert library.query(image=picture, k=50) == before
    like = library.query(like=media_id(library, album / "one/1.png"), k=50)
    assert like != before
    library.drop_space()
    with pytest.raises(SpaceMismatchError, match="prepare it again"):
        library.query(image=picture)
