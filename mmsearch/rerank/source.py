"""What a reranker's directory says of it, read without torch."""

from __future__ import annotations

import json
import math
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from mmsearch.errors import ModelError
from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank.projection import region_projection
from mmsearch.rerank.quantise import Array, restored
from mmsearch.rerank_types import Fusion, QueryBank, RegionProjection
from mmsearch.runtime.weights_file import check_weights
from mmsearch.types import Embeddings

DESCRIPTION_FILE = "reranker.json"
WEIGHTS_FILE = "reranker.safetensors"
TOKENIZER_FILE = "tokenizer.json"
PROJECTION_WEIGHT = "projection.weight"
PROJECTION_BIAS = "projection.bias"
BANK_TEXTS = "bank.texts"
BANK_IMAGES = "bank.images"
BANK_SCALES = "scales."


@dataclass(frozen=True, slots=True, eq=False)
class RerankerSource:
    """A reranker on disk.

    `space_digest` names the dual encoder's space, whose pictures it can read and whose embeddings
    `bank` holds; `measured_lift` is what it brought on validation data: points of text-to-image
    R@1, in percent.
    """

    directory: Path
    space_digest: str
    projection: RegionProjection
    fusion: Fusion
    bank: QueryBank
    measured_lift: float

    @property
    def weights(self) -> Path:
        """The safetensors file."""
        return self.directory / WEIGHTS_FILE

    @property
    def tokenizer(self) -> Path:
        """The tokenizer file."""
        return self.directory / TOKENIZER_FILE


class Grid(BaseModel):
    """`projection` in `reranker.json`; its numbers are with the weights."""

    taps: tuple[str, ...]
    rows: int
    columns: int


class Description(BaseModel):
    """`reranker.json`; `dual` is the dual encoder's name, for people."""

    format: Literal[1] = 1
    config: dict[str, int | float | str]
    projection: Grid
    fusion: Fusion
    space_digest: str
    dual: str
    measured_lift: float


def find_reranker(directory: Path) -> RerankerSource | None:
    """The reranker in `directory`, None where no `reranker.json` is.

    Cheap: of the weights only the projection and the bank are read.

    Raises:
        ModelError: A file is malformed or missing, or they don't fit together.
    """
    if not (directory / DESCRIPTION_FILE).is_file():
        return None
    description = read_description(directory)
    numbers = _numbers(directory)
    projection = _projection(directory, description.projection, numbers)
    config = RerankerConfig.from_json(description.config)
    numbers_told = (*astuple(description.fusion), description.measured_lift)
    if not all(map(math.isfinite, numbers_told)) or description.fusion.temperature <= 0:
        raise _malformed(directory, "'fusion' or 'measured_lift' holds what is no number")
    if (projection.rows, projection.columns, projection.dim) != (
        *(config.rows, config.columns, config.channels),
    ):
        raise _malformed(
            directory,
            f"the projection gives {projection.rows} x {projection.columns} regions of "
            f"{projection.dim} channels, the network takes {config.rows} x {config.columns} "
            f"of {config.channels}",
        )
    return RerankerSource(
        directory=directory,
        space_digest=description.space_digest,
        projection=projection,
        fusion=description.fusion,
        bank=numbers.bank,
        measured_lift=description.measured_lift,
    )


def read_description(directory: Path) -> Description:
    """What `directory/reranker.json` holds.

    Raises:
        ModelError: It cannot be read, or holds something else.
    """
    try:
        return Description.model_validate(
            json.loads((directory / DESCRIPTION_FILE).read_text("utf-8"))
        )
    except ValidationError as exc:
        first = exc.errors()[0]
        place = ".".join(map(str, first["loc"])) or DESCRIPTION_FILE
        raise _malformed(directory, f"'{place}': {first['msg']}") from exc
    except (OSError, ValueError, RecursionError) as exc:
        raise _malformed(directory, str(exc)) from exc


def read_config(source: RerankerSource) -> RerankerConfig:
    """The sizes of the network of `source`.

    Raises:
        ModelError: `reranker.json` cannot be read, or holds something else.
    """
    return RerankerConfig.from_json(read_description(source.directory).config)


@dataclass(frozen=True, slots=True, eq=False)
class _Numbers:
    """What is read of the weights file: the projection `(c, k)`, `(c,)` and the bank."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    bank: QueryBank


def _numbers(directory: Path) -> _Numbers:
    """The arrays that lie with the weights and are no weights of the network."""
    from safetensors import SafetensorError, safe_open

    file = directory / WEIGHTS_FILE
    check_weights(file)
    try:
        with safe_open(file, framework="numpy") as tensors:
            texts, images = (
                restored(tensors.get_tensor(name), tensors.get_tensor(BANK_SCALES + name))
                for name in (BANK_TEXTS, BANK_IMAGES)
            )
            weight, bias = (
                _finite(tensors.get_tensor(name)) for name in (PROJECTION_WEIGHT, PROJECTION_BIAS)
            )
    except (OSError, SafetensorError, TypeError, ValueError) as exc:
        raise _malformed(directory, f"{WEIGHTS_FILE}: {exc}") from exc
    if texts.ndim != 2 or images.ndim != 2 or texts.shape[1] != images.shape[1]:
        shapes = f"texts {texts.shape}, images {images.shape}"
        raise _malformed(directory, f"the bank's embeddings don't fit together ({shapes})")
    return _Numbers(weight, bias, QueryBank(_unit(texts), _unit(images)))


def _finite(values: Array) -> NDArray[np.float32]:
    """`values`, seen to be float32 numbers.

    Raises:
        ValueError: They are something else.
    """
    if values.dtype != np.float32 or not np.isfinite(values).all():
        raise ValueError("the projection is not of finite float32 numbers")
    return values.astype(np.float32, copy=False)


def _projection(directory: Path, grid: Grid, numbers: _Numbers) -> RegionProjection:
    """The projection that `grid` and the numbers make."""
    weight, bias = numbers.weight, numbers.bias
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        shapes = f"weight {weight.shape}, bias {bias.shape}"
        raise _malformed(directory, f"the projection's numbers don't fit together ({shapes})")
    return region_projection(grid.taps, grid.rows, grid.columns, weight, bias)


def _unit(rows: NDArray[np.float32]) -> Embeddings:
    """`rows` `(n, d)` at length 1 again, which rounding changed."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _malformed(directory: Path, what: str) -> ModelError:
    line = " ".join(what.split())[:300]
    return ModelError(
        f"reranker {directory} cannot be read ({line}): "
        "give a directory that 'mmsearch train-reranker' wrote"
    )
