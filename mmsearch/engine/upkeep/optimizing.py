"""Makes the vector files of an index anew where that makes questions quicker."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.engine.upkeep.findings import OptimizeReport
from mmsearch.engine.vector_files import optimize_vectors
from mmsearch.types import Modality

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue


def optimize(catalogue: Catalogue, index_dir: Path) -> OptimizeReport:
    """Which vector files of any space were made anew.

    Raises:
        VectorIndexError: One cannot be written.
    """
    from mmsearch.vectors import vector_path

    started = time.perf_counter()
    rebuilt = []
    for space in catalogue.known_spaces():
        for modality in Modality:
            path = vector_path(index_dir, space, modality)
            if catalogue.source(space, modality).count() == 0:
                continue
            if optimize_vectors(catalogue, path, space, modality):
                rebuilt.append(path)
    return OptimizeReport(tuple(rebuilt), time.perf_counter() - started)
