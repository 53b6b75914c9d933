"""Region features: kept once a picture, by projection and space, gone with the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmsearch.catalogue import CatalogueBatch, FileEntry
from mmsearch.errors import CatalogueError
from tests.catalogue_rows import known_file, make_space, new_file
from tests.region_projections import codes_of, random_projection

SPACE = make_space()
PROJECTION = random_projection()
OTHER = random_projection(seed=1)


def with_regions(relative: str, content: str, projection=PROJECTION) -> FileEntry:
    return replace(new_file(relative, content), regions=codes_of(content, projection))


def put(catalogue, root, *entries: FileEntry, projection=PROJECTION) -> None:
    batch = CatalogueBatch(root.root_id, entries, space=SPACE, projection=projection)
    catalogue.apply(batch)


def pending(catalogue, projection=PROJECTION) -> list[bytes]:
    return [item.relative for item in catalogue.contents_without_regions(SPACE, projection)]


def test_codes_are_committed_with_the_embedding(catalogue, root):
    put(catalogue, root, with_regions("a", "one"), with_regions("b", "two"))
    ids = catalogue.allowed_contents()
    found, codes = catalogue.region_codes(SPACE, PROJECTION, ids[::-1])
    np.testing.assert_array_equal(found, ids[::-1])
    assert codes.dtype == np.int8
    np.testing.assert_array_equal(codes, [codes_of(text, PROJECTION) for text in ("two", "one")])
    assert codes.flags.writeable
    assert catalogue.spaces()[0].n_with_regions == 2
    assert catalogue.has_regions(SPACE, int(ids[0]))


def test_equal_files_share_their_codes(catalogue, root):
    put(catalogue, root, with_regions("a", "one"), with_regions("copy", "one"))
    put(catalogue, root, known_file("third", "one"))
    assert catalogue.spaces()[0].n_with_regions == 1
    assert pending(catalogue) == []


def test_unknown_pictures_and_projections_have_no_codes(catalogue, root):
    put(catalogue, root, with_regions("a", "one"), new_file("b", "two"))
    ids = np.array([99, *catalogue.allowed_contents()])
    found, codes = catalogue.region_codes(SPACE, PROJECTION, ids)
    assert found.tolist() == [ids[1]]
    assert codes.shape == (1, 6, 4)
    for space, projection in ((SPACE, OTHER), (make_space("beta"), PROJECTION)):
        found, codes = catalogue.region_codes(space, projection, ids)
        assert (found.shape, codes.shape) == ((0,), (0, 6, 4))


def test_one_projection_gives_other_codes_in_another_space(catalogue, root):
    beta = make_space("beta")
    catalogue.add_space(beta)
    put(catalogue, root, with_regions("a", "one"))
    ids = catalogue.allowed_contents()
    assert catalogue.put_region_codes(beta, PROJECTION, ids, codes_of("x", PROJECTION)[None]) == 1
    for space, content in ((SPACE, "one"), (beta, "x")):
        _, codes = catalogue.region_codes(space, PROJECTION, ids)
        np.testing.assert_array_equal(codes[0], codes_of(content, PROJECTION))


def test_codes_put_later_keep_what_is_there_and_pass_over_what_is_gone(catalogue, root):
    put(catalogue, root, with_regions("a", "one"), new_file("b", "two"))
    ids = np.array([*catalogue.allowed_contents(), 99])
    codes = np.stack([codes_of(text, PROJECTION) for text in ("x", "y", "z")])
    before = catalogue.generation
    assert catalogue.put_region_codes(SPACE, PROJECTION, ids, codes) == 1
    found, kept = catalogue.region_codes(SPACE, PROJECTION, ids)
    assert found.tolist() == ids[:2].tolist()
    np.testing.assert_array_equal(kept[0], codes_of("one", PROJECTION))
    np.testing.assert_array_equal(kept[1], codes[1])
    assert catalogue.generation == before  # no answer of a dual encoder changes by it


def test_codes_that_do_not_fit_are_refused_whole(catalogue, root):
    bad = replace(new_file("a", "one"), regions=np.zeros((5, 4), np.int8))
    with pytest.raises(CatalogueError, match=r"\(n, 6, 4\) int8"):
        put(catalogue, root, bad)
    with pytest.raises(CatalogueError, match="must name their space and projection"):
        put(catalogue, root, with_regions("a", "one"), projection=None)
    assert catalogue.counts().contents == 0
    wrong = np.zeros((1, 6, 4), np.float32)
    with pytest.raises(CatalogueError, match="float32"):
        catalogue.put_region_codes(SPACE, PROJECTION, np.array([1]), wrong)


@pytest.mark.parametrize("damage", ["x'00'", "zeroblob(length(codes))", "NULL"])
def test_damaged_codes_are_one_clear_line(catalogue, root, damage):
    put(catalogue, root, with_regions("a", "one"))
    column = "checksum" if damage == "NULL" else "codes"
    with catalogue._db.write() as connection:
        connection.exec_driver_sql(f"UPDATE region_features SET {column} = {damage}")  # noqa: S608 - fixed values
    with pytest.raises(CatalogueError, match=r"damaged: region features of picture 1 .*repair"):
        catalogue.region_codes(SPACE, PROJECTION, catalogue.allowed_contents())


def test_pictures_that_lack_codes_are_those_that_are_embedded_and_on_line(catalogue, root):
    beta = make_space("beta")
    catalogue.add_space(beta)
    put(catalogue, root, with_regions("a", "one"), new_file("b", "two"))
    put(catalogue, root, replace(new_file("c", "three"), embedding=None))
    assert pending(catalogue) == [b"b"]
    assert pending(catalogue, OTHER) == [b"a", b"b"]
    assert list(catalogue.contents_without_regions(beta, PROJECTION)) == []
    catalogue.set_online(root.root_id, False)
    assert pending(catalogue) == []


def test_codes_leave_with_their_picture(catalogue, root):
    put(catalogue, root, with_regions("a", "one"), with_regions("b", "two"))
    ids = catalogue.allowed_contents()
    (first,) = catalogue.media_ids_of_content(int(ids[0]))
    catalogue.apply(CatalogueBatch(root.root_id, removals=(first,)))
    assert catalogue.region_codes(SPACE, PROJECTION, ids)[0].tolist() == ids.tolist()
    catalogue.remove_orphans()
    assert catalogue.region_codes(SPACE, PROJECTION, ids)[0].tolist() == [ids[1]]


def test_other_projections_of_a_space_can_be_forgotten(catalogue, root):
    beta = make_space("beta")
    catalogue.add_space(beta)
    put(catalogue, root, with_regions("a", "one"))
    ids = catalogue.allowed_contents()
    assert catalogue.forget_other_regions(SPACE, PROJECTION) == 0
    for space, projection in ((SPACE, OTHER), (beta, OTHER)):
        codes = codes_of("one", projection)[None]
        catalogue.put_region_codes(space, projection, ids, codes)
    assert catalogue.spaces()[0].n_with_regions == 1  # a picture counts once
    assert catalogue.forget_other_regions(SPACE, OTHER) == 1
    assert catalogue.region_codes(SPACE, PROJECTION, ids)[0].tolist() == []
    for space in (SPACE, beta):
        assert catalogue.region_codes(space, OTHER, ids)[0].tolist() == ids.tolist()
