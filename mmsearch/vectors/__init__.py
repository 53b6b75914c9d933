"""Vector indexes: FAISS over the catalogue's embeddings, a cache that can always be rebuilt.

FAISS is imported with `FaissIndex`, on its first use: paths and manifests do without.
"""

from typing import TYPE_CHECKING

from mmsearch.vectors.manifest import covered_generation, vector_path
from mmsearch.vectors.reference import ReferenceIndex

if TYPE_CHECKING:
    from mmsearch.vectors.faiss_index import FaissIndex

__all__ = ["FaissIndex", "ReferenceIndex", "covered_generation", "vector_path"]


def __getattr__(name: str) -> object:
    """`FaissIndex`, imported when it is asked for."""
    if name != "FaissIndex":
        raise AttributeError(f"module 'mmsearch.vectors' has no attribute '{name}'")
    from mmsearch.vectors.faiss_index import FaissIndex

    return FaissIndex
