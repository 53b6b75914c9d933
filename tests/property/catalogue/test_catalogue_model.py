"""Random histories with restarts: the catalogue agrees with plain dictionaries throughout."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mmsearch.catalogue import CaptionEntry, Catalogue, CatalogueBatch, FailureEntry
from mmsearch.types import Modality
from tests.catalogue_rows import digest_of, embedding_of, known_file, make_space, new_file
from tests.region_projections import codes_of, random_projection

SPACE = make_space()
PROJECTION = random_projection()
ROOT = Path("/photos")
names = st.sampled_from(["a", "b", "c/1", "c/2", "c/d/3", "e"])
contents = st.sampled_from(["one", "two", "three", "four"])


class CatalogueModel(RuleBasedStateMachine):
    """`files` is path → content; `vectors` is what an index that follows would hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "catalogue.sqlite3"
        self.files: dict[str, str] = {}
        self.failed: set[str] = set()
        self.with_regions: set[str] = set()
        self.captions: set[tuple[str, int | None]] = set()
        self.followers: dict[Modality, list[tuple[int, dict[int, tuple[float, ...]]]]] = {
            modality: [(0, {})] for modality in Modality
        }

    @initialize()
    def create(self) -> None:
        self.catalogue = Catalogue.open(self.path, create=True)
        self.root = self.catalogue.add_root(ROOT)
        self.catalogue.add_space(SPACE)

    def media_ids(self) -> dict[str, int]:
        known = self.catalogue.known_files(self.root.root_id)
        return {file.relative.decode(): file.media_id for file in known}

    def apply(self, **parts) -> None:
        self.catalogue.apply(
            CatalogueBatch(self.root.root_id, space=SPACE, projection=PROJECTION, **parts)
        )

    @rule(entries=st.dictionaries(names, contents, min_size=1, max_size=4))
    def write(self, entries: dict[str, str]) -> None:
        """Add or change files, some of them duplicates of each other."""
        self.apply(files=tuple(new_file(name, text) for name, text in entries.items()))
        self.files |= entries
        self.failed -= set(entries)

    @rule(name=names, text=contents)
    def write_with_regions(self, name: str, text: str) -> None:
        """One file that brings its regions, for it and its duplicates."""
        regions = codes_of(text, PROJECTION)
        self.apply(files=(replace(new_file(name, text), regions=regions),))
        self.files[name] = text
        self.failed.discard(name)
        self.with_regions.add(text)

    @precondition(lambda self: self.files)
    @rule(data=st.data(), destination=names)
    def move(self, data: st.DataObject, destination: str) -> None:
        origin = data.draw(st.sampled_from(sorted(self.files)))
        before = self.media_ids()
        text = self.files.pop(origin)
        self.apply(files=(known_file(destination, text, moved_from=before[origin]),))
        if destination in before and destination != origin:
            self.captions = {c for c in self.captions if c[1] != before[destination]}
        self.files[destination] = text
        self.failed.discard(destination)
        assert self.media_ids()[destination] == before[origin]

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.files)))
        media_id = self.media_ids()[name]
        self.apply(removals=(media_id,))
        del self.files[name]
        self.captions = {c for c in self.captions if c[1] != media_id}

    @rule(folder=st.sampled_from(["c", "c/d", "a"]))
    def remove_folder(self, folder: str) -> None:
        gone = {n for n in self.files if n == folder or n.startswith(folder + "/")}
        ids = {self.media_ids()[name] for name in gone}
        assert self.catalogue.remove_path(ROOT / folder) == len(gone)
        self.files = {n: text for n, text in self.files.items() if n not in gone}
        self.with_regions &= set(self.files.values())  # orphans leave at once here
        self.failed = {n for n in self.failed if n != folder and not n.startswith(folder + "/")}
        self.captions = {c for c in self.captions if c[1] not in ids}

    @rule(name=names)
    def fail(self, name: str) -> None:
        self.apply(failures=(FailureEntry(name.encode(), 1, 1, "broken"),))
        self.failed.add(name)

    @rule(text=contents, data=st.data())
    def caption(self, text: str, data: st.DataObject) -> None:
        owner = data.draw(st.none() | st.sampled_from(sorted(self.media_ids().values()) or [None]))
        row = embedding_of(text)[None]
        self.catalogue.add_captions([CaptionEntry(text, owner)], SPACE, row)
        self.captions.add((text, owner))

    @rule()
    def drop_orphans(self) -> None:
        self.catalogue.remove_orphans()
        self.with_regions &= set(self.files.values())
        assert self.catalogue.counts().contents == len(set(self.files.values()))

    @rule()
    def restart(self) -> None:
        self.catalogue.close()
        self.catalogue = Catalogue.open(self.path)

    @rule(modality=st.sampled_from(list(Modality)))
    def follow(self, modality: Modality) -> None:
        """One more vector index, level with the catalogue from here on."""
        source = self.catalogue.source(SPACE, modality)
        held = self.replayed(modality, 0, {})
        self.followers[modality].append((source.generation, held))

    def replayed(
        self, modality: Modality, generation: int, held: dict[int, tuple[float, ...]]
    ) -> dict[int, tuple[float, ...]]:
        held = dict(held)
        for run in self.catalogue.source(SPACE, modality).changes_since(generation):
            for item in run.removed.tolist():
                held.pop(item, None)
            rows = map(tuple, run.embeddings.tolist())
            held.update(zip(run.ids.tolist(), rows, strict=True))
        return held

    @invariant()
    def files_agree(self) -> None:
        found = {}
        for file in self.catalogue.known_files(self.root.root_id):
            record = self.catalogue.media_at(ROOT / file.relative.decode())
            assert record is not None
            found[file.relative.decode()] = record.digest
        assert found == {name: digest_of(text) for name, text in self.files.items()}
        failures = {str(f.path.relative_to(ROOT)) for f in self.catalogue.failures()}
        assert failures == self.failed

    @invariant()
    def searchable_contents_agree(self) -> None:
        allowed = self.catalogue.allowed_contents()
        records = self.catalogue.media_for_contents(allowed)
        assert {r.digest for r in records.values()} == {digest_of(t) for t in self.files.values()}
        for item, record in records.items():
            text = self.files[str(record.path.relative_to(ROOT))]
            stored = self.catalogue.embedding_of(SPACE, Modality.IMAGE, item)
            np.testing.assert_allclose(stored, embedding_of(text), atol=2e-3)

    @invariant()
    def regions_agree(self) -> None:
        """Codes are there for the contents that came with them, until those are dropped."""
        ids = self.catalogue.allowed_contents()
        found, codes = self.catalogue.region_codes(SPACE, PROJECTION, ids)
        records = self.catalogue.media_for_contents(ids)
        texts = {i: self.files[str(r.path.relative_to(ROOT))] for i, r in records.items()}
        assert {texts[item] for item in found.tolist()} == self.with_regions & set(texts.values())
        for item, picture in zip(found.tolist(), codes, strict=True):
            np.testing.assert_array_equal(picture, codes_of(texts[item], PROJECTION))
        lacking = self.catalogue.contents_without_regions(SPACE, PROJECTION)
        assert {content.content_id for content in lacking} == set(texts) - set(found.tolist())

    @invariant()
    def captions_agree(self) -> None:
        records = self.catalogue.captions_for(self.catalogue.allowed_captions())
        found = {(r.text, r.media and r.media.media_id) for r in records.values()}
        assert found == self.captions
        assert len(records) == len(self.captions)

    @invariant()
    def a_replay_from_any_generation_gives_the_truth(self) -> None:
        for modality, followers in self.followers.items():
            source = self.catalogue.source(SPACE, modality)
            truth = self.replayed(modality, 0, {})
            assert source.count() == len(truth)
            for generation, held in followers:
                assert source.can_replay_from(generation)
                assert self.replayed(modality, generation, held) == truth

    def teardown(self) -> None:
        self.catalogue.close()
        shutil.rmtree(self.folder)


CatalogueModel.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # the disk of a busy machine is no fault
)
TestCatalogueModel = CatalogueModel.TestCase
