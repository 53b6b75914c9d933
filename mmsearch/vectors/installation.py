"""FAISS as it is installed here."""

from __future__ import annotations

import faiss


def faiss_version() -> str:
    """FAISS's version."""
    return str(faiss.__version__)


def faiss_gpus() -> int | None:
    """How many GPUs FAISS sees; None where it was built without."""
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else None
