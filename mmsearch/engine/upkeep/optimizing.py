"""Makes the vector files of an index anew where that makes questions quicker."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.engine.upkeep.findings import OptimizeReport, UpkeepListener
from mmsearch.engine.vector_files import optimize_vectors
from mmsearch.types import Modality

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue

STEP = "optimizing vector files"
"""What a listener is told that is done."""


def optimize(catalogue: Catalogue, index_dir: Path, progress: UpkeepListener) -> OptimizeReport:
    """Which vector files of any space were made anew; it may be stopped between two of them.

    Raises:
        VectorIndexError: One cannot be written.
    """
    from mmsearch.vectors import vector_path

    started = time.perf_counter()
    rebuilt = []
    held = [
        (space, modality)
        for space in catalogue.known_spaces()
        for modality in Modality
        if catalogue.source(space, modality).count()
    ]
    for done, (space, modality) in enumerate(held):
        progress.on_step(STEP, done, len(held))
        path = vector_path(index_dir, space, modality)
        if optimize_vectors(catalogue, path, space, modality):
            rebuilt.append(path)
    return OptimizeReport(tuple(rebuilt), time.perf_counter() - started)
