"""Vector indexes: FAISS over the catalogue's embeddings, a cache that can always be rebuilt.

FAISS is imported with `FaissIndex` or `compare`, on their first use: paths and manifests do
without.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from mmsearch.vectors.manifest import covered_generation, vector_path
from mmsearch.vectors.reference import ReferenceIndex

if TYPE_CHECKING:
    from mmsearch.vectors.comparing import Comparison, compare
    from mmsearch.vectors.faiss_index import FaissIndex

__all__ = [
    "Comparison",
    "FaissIndex",
    "ReferenceIndex",
    "compare",
    "covered_generation",
    "vector_path",
]

_HOMES = {"FaissIndex": "faiss_index", "Comparison": "comparing", "compare": "comparing"}


def __getattr__(name: str) -> object:
    """What needs FAISS, imported when it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mmsearch.vectors' has no attribute '{name}'")
    value: object = getattr(import_module(f"mmsearch.vectors.{_HOMES[name]}"), name)
    return value
