"""Retrieval quality by the community's protocol: recall@K, median rank and MRR, both ways."""

from mmsearch.evaluation.metrics import retrieval_metrics
from mmsearch.evaluation.plot import write_plot
from mmsearch.evaluation.report import EvaluationReport, Recalls, RetrievalMetrics, SkippedPicture
from mmsearch.evaluation.run import EvaluationOptions, evaluate

__all__ = [
    "EvaluationOptions",
    "EvaluationReport",
    "Recalls",
    "RetrievalMetrics",
    "SkippedPicture",
    "evaluate",
    "retrieval_metrics",
    "write_plot",
]
