"""Dual encoders: open_clip definition + weights → a runtime (torch on GPU, OpenVINO on CPU)."""

from mmsearch.encoders.digest import space_of
from mmsearch.encoders.listing import ListedModel, ModelKind, list_models
from mmsearch.encoders.loading import EncoderOptions, load_dual_encoder
from mmsearch.encoders.sources import ModelSource, resolve_model

__all__ = [
    "EncoderOptions",
    "ListedModel",
    "ModelKind",
    "ModelSource",
    "list_models",
    "load_dual_encoder",
    "resolve_model",
    "space_of",
]
