"""Model test: whatever happens to files between runs, the index is what a plain dict says."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from blake3 import blake3
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from PIL import Image

from mmsearch.engine.library import Library
from mmsearch.engine.progress import SilentProgress
from mmsearch.engine.survey import EMPTY_IS_ABSENT_FROM
from mmsearch.types import Modality
from tests.fakes import COLOURS, FAKE_PROJECTION, FakeModels, FakeRerankers, fake_space
from tests.photos import fake_library

NAMES = [f"{folder}{stem}.bmp" for folder in ("", "a/", "a/b/", "c/") for stem in ("x", "y")]
assert len(NAMES) < EMPTY_IS_ABSENT_FROM, "else an emptied root would count as unmounted"


def _bmp(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(buffer, "BMP")
    return buffer.getvalue()


GOOD = [_bmp(colour) for colour in list(COLOURS.values())[:4]]
BAD = [b"x" * len(GOOD[0]), b"y" * len(GOOD[0])]
"""Every file has the same size, so that only times and digests tell them apart."""


class IndexedFolder(RuleBasedStateMachine):
    """A folder, its index, and a dict of what the folder holds."""

    @initialize()
    def start(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="mmsearch-"))
        self.root = self.base / "photos"
        self.root.mkdir()
        self.files: dict[str, bytes] = {}
        self.indexed: dict[str, bytes] = {}
        self.clock = 10**18
        self.models = FakeModels()
        self.library = self._open()

    def _open(self) -> Library:
        return fake_library(
            self.base / "home", self.models, rerankers=FakeRerankers(), batch_size=2
        )

    def teardown(self) -> None:
        if hasattr(self, "base"):
            self.library.close()
            shutil.rmtree(self.base)

    def _stamp(self, name: str) -> None:
        """A time no file had before: a clock that stands still is not what is tested here."""
        self.clock += 10**9
        os.utime(self.root / name, ns=(self.clock, self.clock))

    @rule(name=st.sampled_from(NAMES), content=st.sampled_from(GOOD + BAD))
    def write(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self._stamp(name)
        self.files[name] = content

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def touch(self, data: st.DataObject) -> None:
        self._stamp(data.draw(st.sampled_from(sorted(self.files))))

    @precondition(lambda self: self.files)
    @rule(data=st.data(), new=st.sampled_from(NAMES))
    def move(self, data: st.DataObject, new: str) -> None:
        """Times go with a file that is moved."""
        old = data.draw(st.sampled_from(sorted(self.files)))
        if new != old:
            (self.root / new).parent.mkdir(parents=True, exist_ok=True)
            (self.root / old).replace(self.root / new)
            self.files[new] = self.files.pop(old)

    @precondition(lambda self: self.files)
    @rule(data=st.data(), new=st.sampled_from(NAMES))
    def copy(self, data: st.DataObject, new: str) -> None:
        old = data.draw(st.sampled_from(sorted(self.files)))
        if new != old:
            (self.root / new).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.root / old, self.root / new)
            self._stamp(new)
            self.files[new] = self.files[old]

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.files)))
        (self.root / name).unlink()
        del self.files[name]

    @rule()
    def restart(self) -> None:
        """A new process: nothing is remembered but what is on disk."""
        self.library.close()
        self.library = self._open()

    @rule(after=st.integers(0, 4))
    def index_interrupted(self, after: int) -> None:
        """A run that Ctrl-C stops leaves a mixture; only a whole run is compared."""

        class Stop(SilentProgress):
            def on_progress(self, done: int, total: int, failed: int) -> None:
                if done >= after:
                    raise KeyboardInterrupt

        self.library.index(self.root, progress=Stop())
        self.indexed = {}

    @rule(folder=st.sampled_from(["a", "c"]))
    def index_part(self, folder: str) -> None:
        """A part brings its own files up to date."""
        if (self.root / folder).is_dir() and self._has_root():
            self.library.index(self.root / folder)
            inside = {n: c for n, c in self.files.items() if n.startswith(f"{folder}/")}
            self._check(folder + "/", inside)
            self.indexed = {}

    @rule()
    def index(self) -> None:
        ids_before = self._media_ids() if self.indexed else {}
        summary = self.library.index(self.root)
        self._check("", self.files)
        n_good = sum(content in GOOD for content in self.files.values())
        assert summary.failed == len(self.files) - n_good
        assert summary.added + summary.updated + summary.moved + summary.unchanged == n_good
        self._check_moves(ids_before)
        self.indexed = dict(self.files)

    @invariant()
    def nothing_left_is_embedded_twice(self) -> None:
        """Contents never outnumber what was ever encoded."""
        if hasattr(self, "library") and self._has_root():
            status = self.library.status()
            n_encoded = sum(encoder.n_images for encoder in self.models.region_encoders.values())
            assert sum(space.n_images for space in status.spaces) <= n_encoded

    def _has_root(self) -> bool:
        return (self.base / "home").exists() and bool(self.library.status().roots)

    def _check(self, prefix: str, files: dict[str, bytes]) -> None:
        """The part of the index below `prefix` is exactly `files`."""
        good = {name: content for name, content in files.items() if content in GOOD}
        for name in NAMES:
            if not name.startswith(prefix):
                continue
            with self.library._factory.catalogues.lease() as catalogue:
                media = catalogue.media_at(self.root / name)
            assert (media is not None) == (name in good), name
            if media is not None:
                assert media.digest == blake3(good[name]).hexdigest()
                self._check_embedding(media.content_id, good[name])
        failed = {str(f.path.relative_to(self.root)) for f in self.library.failures()}
        expected = set(files) - set(good)
        assert {name for name in failed if name.startswith(prefix)} == expected
        if not prefix:
            assert self.library.status().n_contents == len(set(good.values()))
            with self.library._factory.catalogues.lease() as catalogue:
                ids = catalogue.allowed_contents()
                with_regions, _ = catalogue.region_codes(fake_space(), FAKE_PROJECTION, ids)
            assert with_regions.tolist() == ids.tolist()
            if good:
                found = self.library.query("red", k=100)
                assert {hit.media.digest for hit in found} == {
                    blake3(content).hexdigest() for content in good.values()
                }

    def _check_embedding(self, content_id: int, content: bytes) -> None:
        with self.library._factory.catalogues.lease() as catalogue:
            stored = catalogue.embedding_of(fake_space(), Modality.IMAGE, content_id)
        image = np.asarray(Image.open(io.BytesIO(content)).resize((16, 16)))[np.newaxis]
        expected = self.models.space("fake"), self.models.load("fake")
        fresh = type(expected[1])(expected[0]).encode_images(image)[0]
        assert stored is not None
        np.testing.assert_allclose(stored, fresh, atol=2e-3)

    def _media_ids(self) -> dict[str, int]:
        with self.library._factory.catalogues.lease() as catalogue:
            rows = {name: catalogue.media_at(self.root / name) for name in self.indexed}
        return {name: row.media_id for name, row in rows.items() if row is not None}

    def _check_moves(self, before: dict[str, int]) -> None:
        """A picture that existed once, and exists once at a free place, kept its media id."""
        was = Counter(self.indexed.values())
        now = Counter(self.files.values())
        after = {name: self.library.info(self.root / name).media for name in self.files}
        for old, media_id in before.items():
            content = self.indexed[old]
            if content not in GOOD or was[content] != 1 or now[content] != 1:
                continue
            (new,) = (name for name, there in self.files.items() if there == content)
            media = after[new]
            if old not in self.files and new not in self.indexed:
                assert media is not None
                assert media.media_id == media_id


TestIndexedFolder = IndexedFolder.TestCase
TestIndexedFolder.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
