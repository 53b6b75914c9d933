"""A reranker's directory: a description, a line of dashes, and a weights file."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import numpy as np

from mmsearch.errors import ModelError
from mmsearch.rerank import find_reranker
from mmsearch.rerank.model_directory import load_network
from mmsearch.rerank.source import DESCRIPTION_FILE, WEIGHTS_FILE, RerankerSource
from tests.fuzz.places import folder
from tests.tiny_reranker import build_tiny_reranker

PART = b"\n---\n"
WORDS = (
    *(b'"config"', b'"projection"', b'"fusion"', b'"measured_lift"', b'"taps"', b'"rows"', PART),
    *(b'"arrangement"', b'"vocabulary"', b'"heads"', b'"width"', b'"vilbert"', b"null", b"NaN"),
    *(b"1e999", b"-1", b"0", b"99999999999", b'"dtype":"F64"', b'"shape":[0]', b'"data_offsets":'),
    *(b'"dtype":"BF16"', b'"dtype":"I8"', b"bank.texts", b"scales.bank.texts", b"projection.bias"),
)


def check(data: bytes) -> None:
    """A directory is a reranker whose parts fit together, or is refused as none."""
    description, _, weights = data.partition(PART)
    place = folder("reranker")
    (place / DESCRIPTION_FILE).write_bytes(description)
    (place / WEIGHTS_FILE).write_bytes(weights or sound()[1])
    try:
        source = find_reranker(place)
        assert source is not None
        check_source(source)
        load_network(source)
    except ModelError as exc:
        assert "\n" not in str(exc)


def check_source(source: RerankerSource) -> None:
    """Its numbers are numbers, and its parts have the shapes that scoring takes for granted."""
    projection, bank = source.projection, source.bank
    assert math.isfinite(source.measured_lift)
    assert projection.weight.dtype == projection.bias.dtype == np.float32
    assert projection.weight.ndim == 2
    assert bank.texts.ndim == bank.images.ndim == 2
    assert bank.texts.shape[1] == bank.images.shape[1]
    for values in (projection.weight, projection.bias, bank.texts, bank.images):
        assert np.isfinite(values).all()


def seeds() -> list[bytes]:
    """A tiny reranker, whole and as its description alone."""
    description, weights = sound()
    return [description, description + PART + weights]


@functools.cache
def sound() -> tuple[bytes, bytes]:
    """The description and weights of a tiny reranker."""
    place: Path = folder("sound-reranker")
    build_tiny_reranker(place)
    return (place / DESCRIPTION_FILE).read_bytes(), (place / WEIGHTS_FILE).read_bytes()
