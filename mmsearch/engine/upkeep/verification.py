"""Checks an index: the catalogue, its embeddings and regions, the vector files, the pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.engine.upkeep.file_checks import FileChecks, check_files
from mmsearch.engine.upkeep.findings import (
    Check,
    Finding,
    UpkeepListener,
    VerifyOptions,
    VerifyReport,
)
from mmsearch.errors import CatalogueError, VectorIndexError
from mmsearch.types import Modality

if TYPE_CHECKING:
    from mmsearch.catalogue import BlobPage, Catalogue
    from mmsearch.types import Space

_RESTORE = "restore a backup ('mmsearch restore FOLDER'), or move it away and index again"
_REPAIR = "run 'mmsearch repair'"


@dataclass(frozen=True, slots=True)
class DamagedItems:
    """The items of a space whose embeddings, or regions where `modality` is None, are damaged."""

    space: Space
    modality: Modality | None
    ids: tuple[int, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class DifferingFile:
    """A vector file that is damaged or does not hold what the catalogue does."""

    path: Path
    space: Space
    modality: Modality
    finding: Finding


@dataclass(slots=True)
class Checks:
    """One look at an index; `n_…` count what was looked at so far."""

    catalogue: Catalogue
    index_dir: Path
    progress: UpkeepListener
    n_embeddings: int = 0
    n_regions: int = 0
    n_vectors: int = 0

    def integrity(self) -> list[Finding]:
        """What SQLite finds wrong with the catalogue; nothing else is to be read then."""
        self.progress.on_step("checking the catalogue", 0, None)
        where = str(self.catalogue.path)
        try:
            problems = self.catalogue.integrity()
        except CatalogueError as exc:
            problems = [str(exc)]
        return [Finding(Check.CATALOGUE, where, problem, _RESTORE) for problem in problems]

    def embeddings(self) -> Iterator[DamagedItems]:
        """Embeddings that are not as they were written, of every space and modality."""
        for record in self.catalogue.spaces():
            for modality in Modality:
                total = record.n_images if modality is Modality.IMAGE else record.n_captions
                done, damaged = 0, []
                for page in self.catalogue.embedding_pages(record.space, modality):
                    done += page.n_blobs
                    self.progress.on_step("checking embeddings", done, total)
                    damaged += self._blobs(page, Check.EMBEDDINGS, record.space, modality)
                self.n_embeddings += done
                if damaged:
                    yield _items(record.space, modality, damaged)

    def regions(self) -> Iterator[DamagedItems]:
        """Region features that are not as they were written, of every space."""
        for record in self.catalogue.spaces():
            done, damaged = 0, []
            for page in self.catalogue.region_pages(record.space):
                done += page.n_blobs
                self.progress.on_step("checking region features", done, record.n_with_regions)
                damaged += self._blobs(page, Check.REGIONS, record.space, Modality.IMAGE)
            self.n_regions += done
            if damaged:
                yield _items(record.space, None, damaged)

    def lacking(self) -> Iterator[Finding]:
        """What pictures and captions lack in the default space; an indexing run makes it."""
        for record in self.catalogue.spaces():
            if not record.is_default:
                continue
            space = record.space
            absent = self.catalogue.pictures_without_embedding(space)
            if absent.media_id is not None:
                yield self._lack(Check.EMBEDDINGS, "embedding", absent.n_pictures, absent.media_id)
            absent = self.catalogue.pictures_without_regions(space)
            if record.n_with_regions and absent.media_id is not None:
                what = "region features, which reranking reads"
                yield self._lack(Check.REGIONS, what, absent.n_pictures, absent.media_id)

            captions = self.catalogue.captions_without_embedding(space, limit=1)
            if captions:
                where = f"caption {captions[0].caption_id}"
                what, advice = "and perhaps others have no embedding", "run 'mmsearch index FOLDER'"
                yield Finding(Check.EMBEDDINGS, where, what, advice)

    def vectors(self) -> Iterator[DifferingFile]:
        """Vector files that are damaged, or differ from the catalogue once level with it.

        Raises:
            CatalogueError: An embedding of the catalogue is damaged.
        """
        from mmsearch.vectors import compare, vector_path

        for space in self.catalogue.known_spaces():
            for modality in Modality:
                path = vector_path(self.index_dir, space, modality)
                self.progress.on_step("comparing vector files", 0, None)
                try:
                    with self.catalogue.snapshot():
                        found = compare(path, self.catalogue.source(space, modality))
                except VectorIndexError as exc:
                    what = str(exc).removesuffix(": it will be rebuilt")
                    yield _differing(path, space, modality, what)
                    continue
                if found is not None:
                    self.n_vectors += found.n_rows
                    if not found.equal:
                        what = (
                            f"differs from the catalogue: {found.missing} rows missing, "
                            f"{found.extra} too many, {found.different} with another vector"
                        )
                        yield _differing(path, space, modality, what)

    def _blobs(
        self, page: BlobPage, check: Check, space: Space, modality: Modality
    ) -> list[tuple[int, Finding]]:
        """The damaged ones of a page, by item id."""
        kind = "embedding" if check is Check.EMBEDDINGS else "set of region features"
        found = []
        for blob in page.damaged:
            what = f"its {kind} of model {space.name} {blob.damage}"
            place = self._place(modality, blob.item_id)
            found.append((blob.item_id, Finding(check, place, what, _REPAIR)))
        return found

    def _place(self, modality: Modality, item_id: int) -> str:
        """An item in words: a file's path, or a caption's number."""
        if modality is Modality.CAPTION:
            return f"caption {item_id}"
        files = self.catalogue.media_of_content(item_id)
        return str(files[0].path) if files else f"picture {item_id}"

    def _lack(self, check: Check, what: str, n_pictures: int, media_id: int) -> Finding:
        media = self.catalogue.media(media_id)
        where = "" if media is None else str(media.path)
        others = f" (and {n_pictures - 1:,} others)" if n_pictures > 1 else ""
        folder = "" if media is None else f" {media.path.parent}"
        return Finding(check, where, f"has no {what}{others}", f"run 'mmsearch index{folder}'")


def verify(
    catalogue: Catalogue, index_dir: Path, options: VerifyOptions, progress: UpkeepListener
) -> VerifyReport:
    """What is wrong with an index; nothing is changed.

    A catalogue that SQLite finds damaged is not read any further.
    """
    started = time.perf_counter()
    checks = Checks(catalogue, index_dir, progress)
    findings = checks.integrity()
    files = FileChecks()
    if not findings:
        damaged = [*checks.embeddings(), *checks.regions()]
        findings = [finding for items in damaged for finding in items.findings]
        findings += checks.lacking()
        if not any(items.modality for items in damaged):  # else there is no truth to compare with
            findings += [differing.finding for differing in checks.vectors()]
        files = check_files(catalogue, options, progress)
    return VerifyReport(
        findings=(*findings, *files.findings),
        n_embeddings=checks.n_embeddings,
        n_regions=checks.n_regions,
        n_vectors=checks.n_vectors,
        n_files=files.n_files,
        n_read=files.n_read,
        n_offline=files.n_offline,
        seconds=time.perf_counter() - started,
    )


def _items(
    space: Space, modality: Modality | None, damaged: list[tuple[int, Finding]]
) -> DamagedItems:
    ids, findings = zip(*damaged, strict=True)
    return DamagedItems(space, modality, ids, findings)


def _differing(path: Path, space: Space, modality: Modality, what: str) -> DifferingFile:
    return DifferingFile(path, space, modality, Finding(Check.VECTORS, str(path), what, _REPAIR))
