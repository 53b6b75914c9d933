"""What an evaluation found, and its JSON form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

KS = (1, 5, 10)
_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Recalls:
    """One direction of retrieval.

    `curve[k - 1]` is R@k in percent, for k from 1 to at most 100: the share of queries with any
    correct item among the first k. `med_r` is the median rank of the best correct item, counted
    from 1. `mrr` is the mean reciprocal rank in percent, so that all shares read alike.
    """

    curve: tuple[float, ...]
    med_r: float
    mrr: float

    def r_at(self, k: int) -> float:
        """R@k in percent; all that can be found is found beyond the curve's end."""
        return self.curve[min(k, len(self.curve)) - 1]

    def to_dict(self) -> dict[str, float]:
        """The contract's names, rounded."""
        values = {f"R@{k}": self.r_at(k) for k in KS} | {"medR": self.med_r, "MRR": self.mrr}
        return {name: round(value, _DECIMALS) for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class RetrievalMetrics:
    """Both directions of retrieval."""

    text_to_image: Recalls
    image_to_text: Recalls

    @property
    def rsum(self) -> float:
        """Sum of the six recalls R@1, R@5, R@10 in percent; 600 is perfect."""
        return sum(way.r_at(k) for way in (self.text_to_image, self.image_to_text) for k in KS)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Queries, in percent, with a right answer among the first hits: no order of them passes it."""

    text_to_image: float
    image_to_text: float


@dataclass(frozen=True, slots=True)
class RerankedDepth:
    """What reranking the first `k` hits of each query gives."""

    k: int
    metrics: RetrievalMetrics
    ceiling: Ceiling

    def to_dict(self) -> dict[str, object]:
        """The contract's names, rounded."""
        return {
            "k": self.k,
            "text_to_image": self.metrics.text_to_image.to_dict(),
            "image_to_text": self.metrics.image_to_text.to_dict(),
            "rsum": round(self.metrics.rsum, _DECIMALS),
            "ceiling": {
                "text_to_image": round(self.ceiling.text_to_image, _DECIMALS),
                "image_to_text": round(self.ceiling.image_to_text, _DECIMALS),
            },
        }


@dataclass(frozen=True, slots=True)
class RerankReport:
    """Reranking to several depths, the deepest last; there is at least one.

    `ms_per_query` is what the deepest takes of the cross encoder's time, queries of both
    directions together and many at a time.
    """

    depths: tuple[RerankedDepth, ...]
    ms_per_query: float

    @property
    def deepest(self) -> RerankedDepth:
        """The depth that was asked for."""
        return self.depths[-1]

    def to_dict(self) -> dict[str, object]:
        """The contract's names: the deepest as the dual encoder's, then all depths."""
        return {
            **self.deepest.to_dict(),
            "depths": [depth.to_dict() for depth in self.depths],
            "ms_per_query": round(self.ms_per_query, _DECIMALS),
        }


@dataclass(frozen=True, slots=True)
class SkippedPicture:
    """A picture that could not be used, and why; its captions were left out as well."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """One split measured with one model. Counts are what was used, skipped pictures excluded."""

    dataset: str
    split: str
    model: str
    n_images: int
    n_captions: int
    metrics: RetrievalMetrics
    skipped: tuple[SkippedPicture, ...] = ()
    reranked: RerankReport | None = None

    @property
    def text_to_image(self) -> Recalls:
        """Every caption asked for its picture."""
        return self.metrics.text_to_image

    @property
    def image_to_text(self) -> Recalls:
        """Every picture asked for any of its captions."""
        return self.metrics.image_to_text

    @property
    def rsum(self) -> float:
        """Sum of the six recalls in percent."""
        return self.metrics.rsum

    def to_json(self) -> str:
        """One JSON object on one line, as `mmsearch evaluate --json` prints it."""
        reranked = {} if self.reranked is None else {"reranked": self.reranked.to_dict()}
        return json.dumps(
            {
                "dataset": self.dataset,
                "split": self.split,
                "model": self.model,
                "n_images": self.n_images,
                "n_captions": self.n_captions,
                "text_to_image": self.text_to_image.to_dict(),
                "image_to_text": self.image_to_text.to_dict(),
                "rsum": round(self.rsum, _DECIMALS),
                **reranked,
            }
        )
