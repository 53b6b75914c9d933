"""A reranker's network in its directory: written by training, read by both runtimes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmsearch.errors import ModelError
from mmsearch.rerank.quantise import Array, packed, quantised, unpacked
from mmsearch.rerank.source import (
    BANK_IMAGES,
    BANK_SCALES,
    BANK_TEXTS,
    DESCRIPTION_FILE,
    PROJECTION_BIAS,
    PROJECTION_WEIGHT,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    Description,
    Grid,
    RerankerSource,
    find_reranker,
    read_config,
)
from mmsearch.runtime.whole_file import write_whole

if TYPE_CHECKING:
    from mmsearch.rerank.config import RerankerConfig
    from mmsearch.rerank.network import RerankNetwork
    from mmsearch.rerank_types import Fusion, QueryBank, RegionProjection

TRAINING_ONLY = "pretraining."
"""Start of the names of parameters that only training needs; they are not written."""


@dataclass(frozen=True, slots=True)
class RerankerFacts:
    """What is written of a reranker besides its network; fields are those of `RerankerSource`.

    `dual` is the name of the dual encoder it was trained on, for people.
    """

    space_digest: str
    dual: str
    projection: RegionProjection
    fusion: Fusion
    bank: QueryBank
    measured_lift: float


def save_reranker(
    network: RerankNetwork, facts: RerankerFacts, tokenizer: bytes, out: Path
) -> RerankerSource:
    """The reranker that `out` now holds; `tokenizer` is the content of a `tokenizer.json`.

    Each file is replaced atomically, `reranker.json` last; other files in `out` stay.

    Raises:
        ModelError: `out` cannot be written.
    """
    description = _description(network, facts).model_dump_json(indent=2) + "\n"
    tensors = _stored(network, facts)
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / WEIGHTS_FILE, partial(_write_tensors, tensors))
        write_whole(out / TOKENIZER_FILE, lambda path: path.write_bytes(tokenizer))
        write_whole(out / DESCRIPTION_FILE, lambda path: path.write_text(description, "utf-8"))
    except OSError as exc:
        raise ModelError(
            f"reranker {out} cannot be written ({exc}): free space or choose another directory"
        ) from exc
    source = find_reranker(out)
    if source is None:
        raise ModelError(f"reranker {out} is gone as soon as it was written: leave it to one run")
    return source


def load_network(source: RerankerSource) -> RerankNetwork:
    """The network of `source` on the CPU, ready to score.

    Raises:
        ModelError: The weights cannot be read or are not those of the network described.
    """
    import torch

    from mmsearch.rerank.network import RerankNetwork

    config = read_config(source)
    weights = _checked_weights(source, config)
    network = RerankNetwork(config)
    try:
        state = {name: torch.from_numpy(values) for name, values in weights.items()}
        missing, unknown = network.load_state_dict(state, strict=False)
    except (RuntimeError, TypeError) as exc:
        raise _misfit(source, _line(exc)) from exc
    wrong = [*(name for name in missing if not name.startswith(TRAINING_ONLY)), *unknown]
    if wrong:
        raise _misfit(source, f"'{wrong[0]}' is missing or unknown")
    return network.eval()


def _checked_weights(source: RerankerSource, config: RerankerConfig) -> Mapping[str, Array]:
    """The weights of `source`: numbers, of the widths of `config`, before a network takes memory.

    Raises:
        ModelError: They cannot be read, or are something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        weights = unpacked(load_file(source.weights))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as exc:
        raise _misfit(source, _line(exc)) from exc
    for name, shape in _telling_shapes(config).items():
        if name not in weights:
            raise _misfit(source, f"'{name}' is missing or unknown")
        if weights[name].shape != shape:
            raise _misfit(source, f"'{name}' has another size")
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise _misfit(source, f"'{name}' holds what is no number")
    return weights


def _line(exc: Exception) -> str:
    return " ".join(str(exc).split())[:300]


def _telling_shapes(config: RerankerConfig) -> Mapping[str, tuple[int, ...]]:
    """Shapes of the parameters, by name, that tell all widths of a network."""
    language, width = config.language_width, config.width
    shapes = {
        "language.words.weight": (config.vocabulary, language),
        "language.positions.weight": (config.max_tokens, language),
        "bridge.weight": (width, language),
        "regions.features.weight": (width, config.channels),
        "align_words.weight": (config.align_width, width),
        "pooler.weight": (width, width),
    }
    if config.language_layers:
        shapes["language.layers.0.attention.attention.query.weight"] = (language, language)
    return shapes


def _description(network: RerankNetwork, facts: RerankerFacts) -> Description:
    projection = facts.projection
    return Description(
        config=network.config.to_json(),
        projection=Grid(taps=projection.taps, rows=projection.rows, columns=projection.columns),
        fusion=facts.fusion,
        space_digest=facts.space_digest,
        dual=facts.dual,
        measured_lift=facts.measured_lift,
    )


def _stored(network: RerankNetwork, facts: RerankerFacts) -> dict[str, Array]:
    """All arrays of the weights file; the projection is exact, as its digest is of its numbers."""
    weights = {
        name: values.detach().cpu().numpy()
        for name, values in network.state_dict().items()
        if not name.startswith(TRAINING_ONLY)
    }
    bank: dict[str, Array] = {}
    for name, rows in ((BANK_TEXTS, facts.bank.texts), (BANK_IMAGES, facts.bank.images)):
        bank[name], bank[BANK_SCALES + name] = quantised(rows)
    return {
        **packed(weights),
        **bank,
        PROJECTION_WEIGHT: facts.projection.weight,
        PROJECTION_BIAS: facts.projection.bias,
    }


def _write_tensors(tensors: dict[str, Array], path: Path) -> None:
    from safetensors.numpy import save_file

    save_file(tensors, path)


def _misfit(source: RerankerSource, what: str) -> ModelError:
    return ModelError(
        f"the weights {source.weights} are not those of {DESCRIPTION_FILE} ({what}): "
        "give a complete directory that 'mmsearch train-reranker' wrote"
    )
