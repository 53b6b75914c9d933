"""Mends what the catalogue can vouch for: drops damaged rows, rebuilds vector files.

Pictures and captions whose embedding is dropped need no mark: an indexing run embeds all that
lack one, wherever they lie.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmsearch.engine.upkeep.findings import Finding, RepairReport, UpkeepListener
from mmsearch.engine.upkeep.verification import Checks, DamagedItems
from mmsearch.engine.vector_files import rebuild_vectors
from mmsearch.errors import CatalogueError

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue


@dataclass(slots=True)
class _Mended:
    findings: list[Finding] = field(default_factory=list)
    n_embeddings: int = 0
    n_regions: int = 0
    rebuilt: list[Path] = field(default_factory=list)


def repair(catalogue: Catalogue, index_dir: Path, progress: UpkeepListener) -> RepairReport:
    """What was wrong and is mended; each step holds by itself, so it may be stopped anywhere.

    Raises:
        CatalogueError: SQLite finds the catalogue damaged: it is left as it is. Or it cannot be
            written.
        VectorIndexError: A vector file cannot be written.
    """
    started = time.perf_counter()
    checks = Checks(catalogue, index_dir, progress)
    problems = checks.integrity()
    if problems:
        raise CatalogueError(
            f"catalogue {catalogue.path} is damaged ({problems[0].what}) and cannot be repaired: "
            f"{problems[0].advice}"
        )
    mended = _Mended()
    # All first: rows are not to be dropped while they are read page by page.
    for items in [*checks.embeddings(), *checks.regions()]:
        _drop(catalogue, items, mended)
    for differing in list(checks.vectors()):
        rebuild_vectors(catalogue, differing.path, differing.space, differing.modality)
        mended.findings.append(differing.finding)
        mended.rebuilt.append(differing.path)
    catalogue.checkpoint()
    return RepairReport(
        mended=tuple(mended.findings),
        n_embeddings=mended.n_embeddings,
        n_regions=mended.n_regions,
        rebuilt=tuple(mended.rebuilt),
        seconds=time.perf_counter() - started,
    )


def _drop(catalogue: Catalogue, items: DamagedItems, mended: _Mended) -> None:
    ids = np.array(items.ids, dtype=np.int64)
    if items.modality is None:
        mended.n_regions += catalogue.drop_regions(items.space, ids)
    else:
        mended.n_embeddings += catalogue.drop_embeddings(items.space, items.modality, ids)
    mended.findings += items.findings
