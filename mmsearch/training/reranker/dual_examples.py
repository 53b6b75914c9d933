"""Examples of captioned pictures, made by any dual encoder and kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mmsearch.datasets import CaptionData, read_captions
from mmsearch.encoders.digest import space_of
from mmsearch.encoders.sources import ModelSource
from mmsearch.encoders.taps import default_taps
from mmsearch.encoders.torch_model import load_torch_model
from mmsearch.evaluation.report import SkippedPicture
from mmsearch.rerank_types import QueryBank
from mmsearch.training.network import Network
from mmsearch.training.pairs import Pairs, choose_pairs, find_candidates
from mmsearch.training.pictures import DecodeSettings, PictureStore, gather_pictures
from mmsearch.training.records import RunListener
from mmsearch.training.reranker.config import DualData
from mmsearch.training.reranker.examples import Examples, Pool, ValidationSet
from mmsearch.training.reranker.language import LanguageStart
from mmsearch.training.reranker.seeing import Seeing, Tables, keep_tables

_BANK_TEXTS, _BANK_IMAGES = 2000, 800
"""Typical questions that are written with a reranker."""
_BANK = 9
"""Keeps this draw apart from the others of a run."""


@dataclass(frozen=True, slots=True, eq=False)
class BuiltExamples:
    """Examples, and the pictures that could not be used."""

    examples: Examples
    skipped: tuple[SkippedPicture, ...]


@dataclass(frozen=True, slots=True, eq=False)
class DualModels:
    """A dual encoder on a device, and the language side of the reranker for it.

    `grid` is rows and columns of regions; texts are cut to `max_tokens`.
    """

    source: ModelSource
    language: LanguageStart
    device: torch.device
    grid: tuple[int, int]
    max_tokens: int


def examples_from_dual(
    data: DualData, models: DualModels, folder: Path, listener: RunListener
) -> BuiltExamples:
    """What the models make of captioned pictures; what lies in `folder` is used again.

    Raises:
        DatasetError: The data cannot be read or holds too few usable pictures.
        ModelError: The dual encoder has no grid of regions, or cannot be loaded.
    """
    captions = read_captions(data.data)
    for row in captions.bad_rows:
        listener.on_warning(f"{data.data} {row.where}: {row.reason}; left out")
    loaded = load_torch_model(models.source)
    taps = default_taps(loaded)
    network = Network(loaded, models.device, "off")
    network.set_mode(False, False, False)
    with _usable_pairs(captions, network, data, (folder, listener)) as (pairs, store):
        listener.on_message(
            f"looking at {len(pairs.train)} pictures to learn from and {len(pairs.val)} to "
            "validate on with the dual encoder"
        )
        digest = space_of(models.source).digest
        seeing = Seeing(network, taps, models.grid, (pairs, store))
        tables = keep_tables(seeing, data, (folder, digest), listener)
    return BuiltExamples(_examples(pairs, tables, (data, models), digest), pairs.skipped)


@contextmanager
def _usable_pairs(
    captions: CaptionData, network: Network, data: DualData, told: tuple[Path, RunListener]
) -> Iterator[tuple[Pairs, PictureStore]]:
    """The usable pairs, their pictures decoded."""
    folder, listener = told
    candidates = find_candidates(captions, data)
    paths = candidates.paths(data.images)
    spec = network.loaded.input
    settings = DecodeSettings(spec, data.limits, data.decode_workers, data.picture_cache_mb)
    listener.on_message(f"decoding {len(paths)} pictures to {spec.width} x {spec.height}")
    store = gather_pictures(paths, settings, folder, listener)
    try:
        pairs = choose_pairs(candidates, store, data)
        for picture in pairs.skipped:
            listener.on_warning(f"{picture.path}: {picture.reason}; left out")
        yield pairs, store
    finally:
        store.close()


def _bank(tables: Tables, sizes: tuple[int, int], seed: int) -> QueryBank:
    """Random captions and pictures among the first `sizes` = (captions, pictures)."""
    rng = np.random.default_rng((seed, _BANK))
    return QueryBank(
        tables.texts[np.sort(rng.permutation(sizes[0])[:_BANK_TEXTS])],
        tables.images[0][np.sort(rng.permutation(sizes[1])[:_BANK_IMAGES])],
    )


def _examples(
    pairs: Pairs, tables: Tables, told: tuple[DualData, DualModels], digest: str
) -> Examples:
    """The examples; training pictures come first."""
    data, models = told
    texts = pairs.train.captions + pairs.val.captions
    numbers = pairs.train.text_ids + pairs.val.text_ids
    n_train, n = len(pairs.train), len(pairs.train) + len(pairs.val)
    flat = [text for own in texts for text in own]
    tokens = models.language.encode(flat, models.max_tokens)
    group = np.concatenate([pairs.train.groups, pairs.val.groups])
    told_apart = f"{digest} {data.fingerprint()} {models.max_tokens} {flat}".encode()
    told_apart += group.tobytes() + repr(models.grid).encode()
    return Examples(
        reduction=tables.reduction,
        cells=tables.cells,
        images=tables.images,
        texts=tables.texts,
        tokens=tokens,
        owner=np.repeat(np.arange(n), [len(own) for own in texts]),
        key=np.array([number for own in numbers for number in own], np.int64),
        group=group,
        bank=_bank(tables, (sum(map(len, pairs.train.captions)), n_train), data.seed),
        train=(Pool(np.arange(n_train)),),
        val=(ValidationSet("validation", np.arange(n_train, n)),),
        space_digest=digest,
        dual=models.source.name,
        fingerprint=hashlib.sha256(told_apart).hexdigest(),
    )
