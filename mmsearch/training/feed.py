"""From rows to batches: pictures varied, captions chosen, locked towers' embeddings looked up."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmsearch.training import order
from mmsearch.training.augment import LEVELS
from mmsearch.training.config import TrainConfig
from mmsearch.training.network import Network
from mmsearch.training.pairs import PairSet
from mmsearch.training.pictures import PictureStore
from mmsearch.training.step import Batch
from mmsearch.training.world import World

_EMBED_BATCH = 64


@dataclass(frozen=True, slots=True)
class Tables:
    """Embeddings computed once because their tower is locked; None where it learns.

    `images` `(n, d)` by place in the pair set; `texts` `(number of text ids, d)` by text id.
    `views` `(views, n, …)` float16 is the input of the image tower's learning end.
    """

    images: Tensor | None = None
    texts: Tensor | None = None
    views: NDArray[np.float16] | None = None


class Feed:
    """The batches of a run, as one process of a world sees them."""

    def __init__(
        self, pairs: PairSet, store: PictureStore, network: Network, tables: Tables
    ) -> None:
        self._pairs = pairs
        self._store = store
        self._network = network
        self._tables = tables

    def batches(
        self, config: TrainConfig, world: World, epoch: int, first_step: int
    ) -> Iterator[Batch]:
        """The epoch's batches from `first_step` on, each prepared while the last one trains."""
        steps = order.steps_per_epoch(len(self._pairs), config.batch_size)
        with ThreadPoolExecutor(1, "mmsearch-feed") as ahead:
            following = ahead.submit(self.batch, config, world, (epoch, first_step))
            for step in range(first_step, steps):
                current = following.result()
                if step + 1 < steps:
                    following = ahead.submit(self.batch, config, world, (epoch, step + 1))
                yield current

    def batch(self, config: TrainConfig, world: World, at: tuple[int, int]) -> Batch:
        """This process's part of the batch `at` = (epoch, step)."""
        epoch, step = at
        pairs, device = self._pairs, self._network.device
        places = order.batch_rows(
            len(pairs), config.batch_size, (config.seed, epoch, step), world.size
        )
        counts = [len(texts) for texts in pairs.captions]
        chosen = order.choose_captions(
            counts, places, config.captions_per_image, (config.seed, epoch)
        )
        own = world.part(len(places))
        ids = [
            pairs.text_ids[place][number]
            for place, row in zip(places, chosen, strict=True)
            for number in row
        ]
        owner = np.repeat(np.arange(len(places)), config.captions_per_image)
        return Batch(
            images=self._images(places[own], config, epoch),
            texts=self._texts(places[own], chosen[own]),
            groups=torch.from_numpy(pairs.groups[places]).to(device),
            owner=torch.from_numpy(owner).to(device),
            text_ids=torch.tensor(ids, dtype=torch.int64, device=device),
        )

    def _images(self, places: NDArray[np.int64], config: TrainConfig, epoch: int) -> Tensor:
        if self._tables.images is not None:
            return self._tables.images[torch.from_numpy(places)]
        if self._tables.views is not None:
            kept = self._tables.views[epoch % len(self._tables.views), places]
            return torch.from_numpy(kept).to(self._network.device).float()
        rows = self._pairs.rows[places]
        variation = LEVELS[config.augment]
        draws = order.variations(rows, (config.seed, epoch)) if variation else None
        return self._network.inputs(self._store.take(rows), variation, draws)

    def _texts(self, places: NDArray[np.int64], chosen: NDArray[np.int64]) -> Tensor:
        pairs = list(zip(places, chosen, strict=True))
        if self._tables.texts is not None:
            ids = [self._pairs.text_ids[place][number] for place, row in pairs for number in row]
            return self._tables.texts[ids]
        return self._network.tokens(
            [self._pairs.captions[place][number] for place, row in pairs for number in row]
        )


def embed_pictures(pairs: PairSet, store: PictureStore, network: Network) -> Tensor:
    """Embeddings `(n, d)` of all pictures of a set, as they are."""
    with torch.no_grad():
        parts = [
            network.embed_images(network.inputs(store.take(pairs.rows[start:stop])))
            for start, stop in _ranges(len(pairs))
        ]
    return torch.cat(parts)


def _ranges(n: int) -> Iterator[tuple[int, int]]:
    for start in range(0, n, _EMBED_BATCH):
        yield start, min(n, start + _EMBED_BATCH)
