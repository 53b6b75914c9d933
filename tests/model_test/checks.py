"""What `verify` and `status` must say of a state of the index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmsearch.engine.library import Library
from mmsearch.engine.survey import EMPTY_IS_ABSENT_FROM
from mmsearch.engine.upkeep.findings import Check, FileCheck, VerifyOptions
from mmsearch.errors import CatalogueError
from tests.model_test.disk import Disk
from tests.model_test.state import Row, State


@dataclass(frozen=True, slots=True)
class Verifier:
    """Compares what a library says of itself with the model."""

    state: State
    disk: Disk

    def wrong(self, library: Library, *, doubtful_vectors: bool) -> Iterator[str]:
        """Findings that are missing, or too many; counts that are not the model's."""
        try:
            report = library.verify(VerifyOptions(FileCheck.ALL))
        except CatalogueError as exc:
            if self.state.exists:
                yield f"verify: {exc!r}"
            return
        if not self.state.exists:
            yield "verify: there is no index, but it ended well"
            return
        places: dict[Check, set[str]] = {check: set() for check in Check}
        for finding in report.findings:
            places[finding.check].add(finding.where)
        expected = self._strange_files()
        if places[Check.FILES] != expected:
            yield f"verify: strange files: expected {expected}, found {places[Check.FILES]}"
        if bool(places[Check.EMBEDDINGS]) != self._lacks_embeddings():
            yield f"verify: lacking embeddings: {report.findings}"
        sound = (Check.CATALOGUE, Check.REGIONS, *(() if doubtful_vectors else (Check.VECTORS,)))
        yield from (f"verify: {one}" for one in report.findings if one.check in sound)
        yield from self._counts(library)

    def _counts(self, library: Library) -> Iterator[str]:
        state, status = self.state, library.status()
        n_captions = sum(len(texts) for texts in state.captions())
        expected = (len(state.rows), len(state.contents), n_captions, len(state.failures))
        found = (status.n_files, status.n_contents, status.n_captions, status.n_failed)
        if found != expected:
            yield f"status: expected {expected} (files, pictures, captions, failed), found {found}"
        failures = {str(one.path): one.reason for one in library.failures()}
        if failures != {path: bad.reason for path, bad in state.failures.items()}:
            yield f"failures: expected {state.failures}, found {failures}"

    def _strange_files(self) -> set[str]:
        """Catalogued files that are not there, or are others than they were."""
        visible = self.disk.visible()
        strange = set()
        for root in self.state.roots:
            rows = {p: row for p, row in self.state.rows.items() if self.state.root_of(p) == root}
            if not Path(root).is_dir():
                continue
            if len(rows) >= EMPTY_IS_ABSENT_FROM and not any(Path(root).iterdir()):
                continue
            for path, row in rows.items():
                file = visible.get(path)
                if file is None or (file.digest, file.size_bytes, file.mtime_ns) != _stat(row):
                    strange.add(path)
        return strange

    def _lacks_embeddings(self) -> bool:
        """Whether the default model lacks an embedding that a run would make."""
        state, model = self.state, self.state.default
        if any(model not in spaces for texts in state.captions() for spaces in texts.values()):
            return True
        return any(
            state.is_online(path)
            and path not in state.failures
            and model not in state.contents[row.digest]
            for path, row in state.rows.items()
        )


def _stat(row: Row) -> tuple[str, int, int]:
    return row.digest, row.size_bytes, row.mtime_ns


def optimized_in_part(library: Library) -> Iterator[str]:
    """Changes that still lie beside a vector file, though all were just put into it."""
    for space in library.status().spaces:
        for file in space.vectors:
            if file.n_recent:
                yield f"optimize: {space.space.name} has {file.n_recent} {file.modality}s beside"
