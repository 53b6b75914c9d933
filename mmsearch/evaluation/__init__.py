"""Retrieval quality by the community's protocol, both ways, and what reranking adds to it."""

from mmsearch.evaluation.metrics import retrieval_metrics
from mmsearch.evaluation.plot import write_plot
from mmsearch.evaluation.report import (
    EvaluationReport,
    Recalls,
    RerankReport,
    RetrievalMetrics,
    SkippedPicture,
)
from mmsearch.evaluation.run import EvaluationOptions, evaluate

__all__ = [
    "EvaluationOptions",
    "EvaluationReport",
    "Recalls",
    "RerankReport",
    "RetrievalMetrics",
    "SkippedPicture",
    "evaluate",
    "retrieval_metrics",
    "write_plot",
]
