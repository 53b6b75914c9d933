"""Brings the catalogue to what is on disk: scan, compare, embed what is new, drop what left.

The order makes a kill harmless at any moment: what is known moves first, then new embeddings
come in batch by batch, and only then rows leave. Whatever was committed, the next run finds
the rest by the same comparison.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.catalogue import Catalogue, CatalogueBatch, FileEntry
from mmsearch.engine.captions import FileLookup, add_captions, embed_captions
from mmsearch.engine.diff import Need, PendingFile, ScopeDiff
from mmsearch.engine.incomplete import file_to_read, incomplete_contents
from mmsearch.engine.mass_removal import held_back_text, is_mass_removal
from mmsearch.engine.moves import settle_known
from mmsearch.engine.scopes import Absent, Scope, find_scopes
from mmsearch.engine.survey import Survey, SurveyOptions, known_files, survey
from mmsearch.engine.tally import Tally
from mmsearch.media.digest import digest_with_stamp
from mmsearch.types import HeldBack

if TYPE_CHECKING:
    from mmsearch.catalogue import KnownFailure, KnownFile
    from mmsearch.datasets import CaptionData
    from mmsearch.engine.progress import ProgressListener
    from mmsearch.protocols import DualEncoder
    from mmsearch.rerank_types import RegionProjection
    from mmsearch.types import IndexSummary, Space

_ROWS_A_BATCH = 1000
"""Rows a transaction where nothing has to be encoded."""


@dataclass(frozen=True, slots=True)
class IndexerParts:
    """What a run works with.

    `projection` gives the region features that pictures are to have, None: they need none.
    `embed` decodes, embeds and commits files; `load` gives the encoder; `save_vectors` brings
    the vector files up to the catalogue. `is_final` says whether a file that failed is left alone
    until it changes.
    """

    catalogue: Catalogue
    space: Space
    projection: RegionProjection | None
    embed: Callable[[Sequence[PendingFile], Tally], None]
    load: Callable[[], DualEncoder]
    save_vectors: Callable[[], None]
    is_final: Callable[[KnownFailure], bool]
    progress: ProgressListener


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run looks, and whether it removes most of a folder without being asked to."""

    survey: SurveyOptions = field(default_factory=SurveyOptions)
    allow_mass_removal: bool = False


class Indexer:
    """One run over some paths, in one space."""

    def __init__(self, parts: IndexerParts) -> None:
        self._catalogue = parts.catalogue
        self._space = parts.space
        self._parts = parts
        self._tally = Tally()

    def run(
        self,
        paths: Sequence[Path | str],
        options: RunOptions,
        captions: Sequence[CaptionData] = (),
    ) -> IndexSummary:
        """What was done; Ctrl-C ends the run early and keeps all that was committed.

        Raises:
            QueryError: A path is neither there nor known.
            ModelError: The encoder cannot be loaded or fails.
        """
        started = time.perf_counter()
        try:
            self._index_files(paths, options)
            self._index_captions(captions)
            self._catalogue.remove_orphans()
            if self._parts.projection is not None:
                self._catalogue.forget_other_regions(self._space, self._parts.projection)
        except KeyboardInterrupt:
            self._tally.interrupted = True
        self._parts.save_vectors()
        return self._tally.summary(time.perf_counter() - started)

    def _index_files(self, paths: Sequence[Path | str], options: RunOptions) -> None:
        parts = self._parts
        scopes = find_scopes(self._catalogue, paths)
        for path in scopes.refused:
            parts.progress.on_warning(f"{path} is not a picture file: left out")
        present = scopes.present
        seen = survey(self._catalogue, present, options.survey, parts.is_final, parts.progress)
        for absent in (*scopes.absent, *seen.absent):
            self._keep_absent(absent)
        for diff in seen.diffs:
            self._count_known(diff)
        vanished = self._settle_and_embed(seen.diffs)
        self._remove(seen, {file.media_id for file in vanished}, options)

    def _keep_absent(self, absent: Absent) -> None:
        """Say that a place is missing; mark its roots offline."""
        for root_id in absent.root_ids:
            self._catalogue.set_online(root_id, online=False)
        self._tally.offline_roots.append(absent.path)
        self._parts.progress.on_warning(
            f"{absent.path} {absent.why}: its pictures are kept; "
            f"'mmsearch remove {absent.path}' would delete them from the index"
        )

    def _count_known(self, diff: ScopeDiff) -> None:
        self._tally.unchanged += diff.unchanged
        self._tally.failed += diff.failed
        for problem in diff.problems:
            self._parts.progress.on_warning(
                f"{problem.path} cannot be read ({problem.reason}): what is known there is kept"
            )

    def _settle_and_embed(self, diffs: Sequence[ScopeDiff]) -> tuple[KnownFile, ...]:
        """Record and embed all that is new or changed; the rows left without a file."""
        pending = [file for diff in diffs for file in diff.pending]
        vanished = [file for diff in diffs for file in diff.vanished]
        on_read = self._parts.progress.on_read
        settled = settle_known(self._catalogue, pending, vanished, digest_with_stamp, on_read)
        missing = self._record(settled.entries)
        pending = [*settled.to_decode, *missing]
        recorded = {
            (file.root_id, file.relative)
            for file, _ in settled.entries
            if file.need is not Need.RECHECK
        }
        pending += self._incomplete(diffs, pending, recorded)
        if pending:
            self._parts.embed(pending, self._tally)
        return settled.vanished

    def _record(self, entries: Sequence[tuple[PendingFile, FileEntry]]) -> list[PendingFile]:
        """Commit entries of known bytes; the files whose bytes turned out unknown after all."""
        by_root: defaultdict[int, list[tuple[PendingFile, FileEntry]]] = defaultdict(list)
        for file, entry in entries:
            by_root[file.root_id].append((file, entry))
        missing: list[PendingFile] = []
        for root_id, of_root in by_root.items():
            for start in range(0, len(of_root), _ROWS_A_BATCH):
                chunk = of_root[start : start + _ROWS_A_BATCH]
                batch = CatalogueBatch(root_id, files=tuple(entry for _, entry in chunk))
                result = self._catalogue.apply(batch)
                self._tally.count(result)
                lost = set(result.missing)
                missing += [file for file, entry in chunk if entry.relative in lost]
        return missing

    def _incomplete(
        self,
        diffs: Sequence[ScopeDiff],
        pending: Sequence[PendingFile],
        recorded: Collection[tuple[int, bytes]],
    ) -> list[PendingFile]:
        """Known pictures, anywhere, that lack something of this space and did not fail for good.

        The files `recorded` in this run as new or changed are counted already.
        """
        contents = list(incomplete_contents(self._catalogue, self._space, self._parts.projection))
        if not contents:
            return []
        skipped = {(file.root_id, file.relative) for file in pending}
        for root_id in {content.root_id for _, content in contents}:
            failures = self._catalogue.known_failures(root_id)
            final = filter(self._parts.is_final, failures)
            skipped |= {(root_id, failure.relative) for failure in final}
        scopes = [diff.scope for diff in diffs]
        files: list[PendingFile] = []
        for need, content in contents:
            file = file_to_read(self._catalogue, need, content, skipped)
            if file is None:
                continue
            if (file.root_id, file.relative) in recorded:
                file = replace(file, need=Need.NEW)
            files.append(file)
            self._tally.unchanged -= any(_holds(scope, file) for scope in scopes)
        return files

    def _remove(self, seen: Survey, vanished: set[int], options: RunOptions) -> None:
        """Drop rows whose file left and failures of files that are gone."""
        for diff in seen.diffs:
            of_scope = {file.media_id for file in diff.vanished} & vanished
            if not (of_scope or diff.resolved):
                continue
            if not seen.is_still_there(diff.scope):
                root_ids = () if diff.scope.under else (diff.scope.root_id,)
                self._keep_absent(Absent(diff.scope.path, root_ids))
                continue
            # Another process may have moved a row to a new place since the scan.
            places = {file.media_id: file.relative for file in diff.vanished}
            current = known_files(self._catalogue, diff.scope)
            of_scope &= {
                row.media_id for row in current if places.get(row.media_id) == row.relative
            }
            if is_mass_removal(len(of_scope), diff.n_known) and not options.allow_mass_removal:
                self._hold_back(HeldBack(diff.scope.path, len(of_scope), diff.n_known))
            else:
                self._apply_removals(diff, sorted(of_scope))

    def _hold_back(self, held: HeldBack) -> None:
        """Say that a folder lost most of its pictures; they stay as those of a missing drive do."""
        self._tally.held_back.append(held)
        self._parts.progress.on_warning(held_back_text(held))

    def _apply_removals(self, diff: ScopeDiff, media_ids: Sequence[int]) -> None:
        batch = CatalogueBatch(diff.scope.root_id, resolved=diff.resolved)
        for start in range(0, max(1, len(media_ids)), _ROWS_A_BATCH):
            removals = tuple(media_ids[start : start + _ROWS_A_BATCH])
            result = self._catalogue.apply(replace(batch, removals=removals))
            self._tally.removed += result.removed

    def _index_captions(self, captions: Sequence[CaptionData]) -> None:
        if captions:
            roots = self._catalogue.roots()
            lookup = FileLookup(
                (root.path, file)
                for root in roots
                for file in self._catalogue.known_files(root.root_id)
            )
        for data in captions:
            if data.bad_rows:
                first = data.bad_rows[0]
                self._parts.progress.on_warning(
                    f"{data.name}: {len(data.bad_rows)} rows left out "
                    f"(first: {first.where}: {first.reason})"
                )
            added, unmatched = add_captions(self._catalogue, data, lookup)
            self._tally.captions_added += added
            self._tally.captions_unmatched += unmatched
        embed_captions(self._catalogue, self._space, self._parts.load, self._parts.progress)


def _holds(scope: Scope, file: PendingFile) -> bool:
    return scope.root_id == file.root_id and scope.holds(file.relative)
