"""A reranker's network in its directory: written by training, read by both runtimes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

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

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
"""Shapes of parameters by name."""

if TYPE_CHECKING:
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
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    from mmsearch.rerank.network import RerankNetwork

    config = read_config(source)
    try:
        weights = unpacked(load_file(source.weights))
        state = {name: torch.from_numpy(values) for name, values in weights.items()}
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as exc:
        line = " ".join(str(exc).split())[:300]
        raise _misfit(source, line) from exc
    with torch.device("meta"):  # no memory before it is seen to be what the file holds
        expected = RerankNetwork(config).state_dict()
    wrong = _difference(
        {name: tuple(value.shape) for name, value in expected.items()},
        {name: tuple(value.shape) for name, value in state.items()},
    )
    if wrong is not None:
        raise _misfit(source, wrong)
    broken = [name for name, value in state.items() if not torch.isfinite(value).all()]
    if broken:
        raise _misfit(source, f"'{broken[0]}' holds what is no number")
    network = RerankNetwork(config)
    network.load_state_dict(state, strict=False)
    return network.eval()


def _difference(expected: Shapes, found: Shapes) -> str | None:
    """What is not as expected of the parameters, None where all is."""
    needed = {name for name in expected if not name.startswith(TRAINING_ONLY)}
    strange = sorted((needed - found.keys()) | (found.keys() - expected.keys()))
    if strange:
        return f"'{strange[0]}' is missing or unknown"
    unlike = [name for name, shape in found.items() if expected[name] != shape]
    return f"'{unlike[0]}' has another size" if unlike else None


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
