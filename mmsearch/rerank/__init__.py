"""Cross encoders that read words and picture regions together, to rerank first results."""

from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank.fusion import fused, fused_captions, fused_images, hubness
from mmsearch.rerank.loading import (
    CrossEncoderOptions,
    load_cross_encoder,
    load_plain_cross_encoder,
)
from mmsearch.rerank.model_directory import RerankerFacts, save_reranker
from mmsearch.rerank.projection import region_projection
from mmsearch.rerank.source import RerankerSource, find_reranker

__all__ = [
    "CrossEncoderOptions",
    "RerankerConfig",
    "RerankerFacts",
    "RerankerSource",
    "find_reranker",
    "fused",
    "fused_captions",
    "fused_images",
    "hubness",
    "load_cross_encoder",
    "load_plain_cross_encoder",
    "region_projection",
    "save_reranker",
]
