"""Opening: missing, foreign, damaged, newer, read-only; and the schema has one truth."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine

from mmsearch.catalogue import Catalogue, CatalogueBatch, database
from mmsearch.catalogue.tables import metadata
from mmsearch.errors import CatalogueError
from mmsearch.types import Modality
from tests.catalogue_rows import as_older_schema, embeddings_of, make_space, new_file
from tests.region_projections import codes_of, random_projection


def make(path: Path) -> Path:
    with Catalogue.open(path, create=True) as catalogue:
        root = catalogue.add_root(Path("/photos"))
        catalogue.add_space(make_space())
        catalogue.apply(CatalogueBatch(root.root_id, (new_file("a", "one"),), space=make_space()))
    return path


def schema(path: Path) -> set[tuple[str, str]]:
    with sqlite3.connect(path) as raw:
        rows = raw.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    raw.close()
    return {(name, " ".join(sql.split())) for name, sql in rows if name != "alembic_version"}


def test_migrations_make_the_schema_of_the_tables(tmp_path):
    migrated, direct = make(tmp_path / "m.sqlite3"), tmp_path / "d.sqlite3"
    engine = create_engine(f"sqlite:///{direct}")
    metadata.create_all(engine)
    engine.dispose()
    assert schema(migrated) == schema(direct)


def test_missing_catalogue_says_how_to_make_one(tmp_path):
    with pytest.raises(CatalogueError, match="run `mmsearch index`"):
        Catalogue.open(tmp_path / "none.sqlite3")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_survives_reopening(tmp_path):
    with Catalogue.open(make(tmp_path / "c.sqlite3"), create=True) as catalogue:
        assert catalogue.counts().files == 1
        catalogue.checkpoint()
    catalogue.close()


@pytest.mark.parametrize("content", [b"not a database at all " * 100, b"x"], ids=["long", "short"])
def test_a_file_that_is_no_database_is_refused(tmp_path, content):
    path = tmp_path / "c.sqlite3"
    path.write_bytes(content)
    for create in (False, True):
        with pytest.raises(CatalogueError, match="not a database; it is damaged"):
            Catalogue.open(path, create=create)
    assert path.read_bytes() == content


def test_an_empty_file_is_filled_only_when_creating(tmp_path):
    path = tmp_path / "c.sqlite3"
    path.touch()
    with pytest.raises(CatalogueError, match="is empty"):
        Catalogue.open(path)
    with Catalogue.open(path, create=True) as catalogue:
        assert catalogue.counts().files == 0


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "c.sqlite3"
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE songs (name)")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(CatalogueError, match="not a catalogue of mmsearch"):
        Catalogue.open(path, create=True)
    assert path.read_bytes() == before


def test_a_newer_schema_asks_for_an_upgrade(tmp_path):
    path = make(tmp_path / "c.sqlite3")
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(CatalogueError, match=r"schema 99.*upgrade mmsearch"):
        Catalogue.open(path)


def test_damaged_pages_are_one_clear_line(tmp_path):
    path = make(tmp_path / "c.sqlite3")
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(CatalogueError, match="damaged: restore a copy") as caught:
        Catalogue.open(path).counts()
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CatalogueError, match="cannot be made"):
        Catalogue.open(tmp_path / "file" / "c.sqlite3", create=True)


def test_reading_imports_neither_sqlalchemy_nor_alembic(tmp_path):
    path = make(tmp_path / "c.sqlite3")
    code = (
        "import sys, numpy; from pathlib import Path; from mmsearch.catalogue import Catalogue\n"
        "from mmsearch.types import Filters, Modality\n"
        f"c = Catalogue.open(Path({str(path)!r})); s = c.default_space()\n"
        "list(c.source(s, Modality.IMAGE).changes_since(0)); f = Filters(Path('/photos'))\n"
        "c.allowed_contents(f); c.allowed_captions(f); c.media_for_contents(numpy.array([1]), f)\n"
        "c.spaces(); c.counts(); c.facets(); c.media(1); c.close()\n"
        "assert not {'sqlalchemy', 'alembic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def run_where_read_only(code: str, make_catalogue: Callable[[Path], Path]) -> None:
    """Run `code` on a catalogue in a folder that may not be written to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = make_catalogue(folder / "c.sqlite3")
        path.chmod(0o444)
        folder.chmod(0o555)
        try:
            subprocess.run([sys.executable, "-c", code, str(path)], check=True)
        finally:
            folder.chmod(0o755)


def test_a_read_only_folder_can_be_searched_but_not_changed():
    """As another user where we are root, since root may write anywhere."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from mmsearch.catalogue import Catalogue; import mmsearch.catalogue.files\n"
        "from mmsearch.errors import CatalogueError\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "with Catalogue.open(Path(sys.argv[1])) as c:\n"
        "    assert c.counts().files == 1 and not c.writable\n"
        "    try: c.add_root(Path('/other'))\n"
        "    except CatalogueError as exc: assert 'is read-only' in str(exc), exc\n"
        "    else: sys.exit('it was written')\n"
    )
    run_where_read_only(code, make)


def left_by_a_killed_run(path: Path) -> Path:
    """A catalogue whose newest row is in the log only, beside which there is no index of it."""
    make(path)
    with Catalogue.open(path) as catalogue:
        catalogue.apply(CatalogueBatch(1, (new_file("b", "two"),), space=make_space()))
        copies = {file: file.read_bytes() for file in (path, path.with_name(f"{path.name}-wal"))}
    for file, content in copies.items():
        file.write_bytes(content)
    assert sorted(file.name for file in path.parent.iterdir()) == ["c.sqlite3", "c.sqlite3-wal"]
    return path


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_read_only_folder_is_read_with_the_log_that_a_killed_run_left():
    code = (
        "import os, sys; from pathlib import Path; from mmsearch.catalogue import Catalogue\n"
        "from mmsearch.catalogue.copies import schema_of\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "assert schema_of(Path(sys.argv[1])) > 2\n"
        "for _ in range(2):\n"
        "    with Catalogue.open(Path(sys.argv[1])) as c, Catalogue.open(Path(sys.argv[1])) as d:\n"
        "        assert c.counts().files == d.counts().files == 2 and not c.writable\n"
    )
    run_where_read_only(code, left_by_a_killed_run)


def test_a_catalogue_that_another_holds_is_not_read_around_its_lock(tmp_path, monkeypatch):
    """What is read without a lock while another writes is neither the old state nor the new."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.01)
    path = make(tmp_path / "c.sqlite3")
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA locking_mode = EXCLUSIVE")
    raw.execute("BEGIN EXCLUSIVE")
    with pytest.raises(CatalogueError, match="another process is writing to it"):
        Catalogue.open(path)
    raw.close()


def as_schema(version: int, path: Path) -> Path:
    """A catalogue as schema 1 or 2 wrote it."""
    make(path)
    raw = sqlite3.connect(path)
    raw.executescript(as_older_schema(version))
    raw.commit()
    raw.close()
    return path


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_catalogue_is_upgraded_and_keeps_what_it_holds(tmp_path, version):
    path = as_schema(version, tmp_path / "c.sqlite3")
    projection = random_projection()
    with Catalogue.open(path) as catalogue:
        assert (catalogue.counts().files, catalogue.spaces()[0].n_images) == (1, 1)
        ids = catalogue.allowed_contents()
        codes = codes_of("one", projection)[None]
        assert catalogue.put_region_codes(make_space(), projection, ids, codes) == 1
        kept = catalogue.embeddings_of(make_space(), Modality.IMAGE, ids)
        np.testing.assert_allclose(kept, embeddings_of(["one"]), atol=1e-3)
    assert schema(path) == schema(make(tmp_path / "new.sqlite3"))


def test_an_upgrade_gives_old_rows_their_checksums(tmp_path):
    def checksums(path: Path) -> list[tuple[int | None]]:
        with sqlite3.connect(path) as raw:
            rows = raw.execute("SELECT checksum FROM image_embeddings").fetchall()
        raw.close()
        return rows

    as_written = checksums(make(tmp_path / "new.sqlite3"))
    path = as_schema(2, tmp_path / "c.sqlite3")
    Catalogue.open(path).close()
    assert checksums(path) == as_written != [(None,)]


def test_an_upgrade_that_fails_midway_leaves_the_catalogue_as_it_was(tmp_path):
    """The last thing it would make is there already, as no version of ours left it."""
    path = as_schema(2, tmp_path / "c.sqlite3")
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE ix_meta_copy (of_someone_else)")
    raw.close()
    before = schema(path)
    with pytest.raises(CatalogueError, match="ix_meta_copy"):
        Catalogue.open(path)
    assert schema(path) == before
    raw = sqlite3.connect(path)
    assert raw.execute("PRAGMA user_version").fetchone() == (2,)
    raw.execute("DROP TABLE ix_meta_copy")
    raw.close()
    with Catalogue.open(path) as catalogue:
        assert catalogue.counts().files == 1

        assert catalogue.previous_space() is None
    assert schema(path) == schema(make(tmp_path / "new.sqlite3"))


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_catalogue_that_cannot_be_written_is_read_as_it_is(version):
    """As another user where we are root; what its schema lacks is absent, all else is there."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from mmsearch.catalogue import Catalogue\n"
        "from mmsearch.types import Modality\n"
        "from tests.region_projections import random_projection\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "with Catalogue.open(Path(sys.argv[1])) as c:\n"
        "    s, ids = c.default_space(), c.allowed_contents()\n"
        "    assert c.counts().files == len(ids) == 1 and not c.writable\n"
        "    assert c.spaces()[0].n_with_regions == 0 and not c.has_regions(s, 1)\n"
        "    assert len(c.region_codes(s, random_projection(), ids)[0]) == 0\n"
        "    assert len(c.embeddings_of(s, Modality.IMAGE, ids)) == 1\n"
        "    (run,) = c.source(s, Modality.IMAGE).changes_since(0)\n"
        "    assert run.ids.tolist() == ids.tolist()\n"
        "    assert c.previous_space() is None\n"
        "    source = c.source(s, Modality.IMAGE)\n"
        "    assert source.can_replay_from(source.generation)\n"
    )
    run_where_read_only(code, partial(as_schema, version))
