"""What the locked beginning of an image tower makes of each picture, kept on disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmsearch.training import order
from mmsearch.training.augment import LEVELS
from mmsearch.training.kept import kept_array
from mmsearch.training.network import Network
from mmsearch.training.pairs import PairSet
from mmsearch.training.pictures import PictureStore
from mmsearch.training.prefix import SplitTower
from mmsearch.training.records import TrainListener

_BATCH = 32


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """Where views are kept, and which: the picture as it is, then variations of it."""

    folder: Path
    seed: int
    augment: str
    views: int

    @property
    def count(self) -> int:
        """How many views there are; without variation one is enough."""
        return self.views if LEVELS[self.augment] else 1


def keep_views(
    source: tuple[PairSet, PictureStore, Network],
    split: SplitTower,
    settings: ViewSettings,
    listener: TrainListener,
) -> NDArray[np.float16]:
    """Views `(views, n, …)` float16 of all pictures of a set, memory-mapped.

    An earlier sitting's file is used again. The name tells all it depends on within a run, whose
    checkpoint answers for the rest, and it is there only once it is complete.
    """
    pairs = source[0]
    digest = hashlib.sha256(pairs.rows.tobytes() + repr(settings).encode()).hexdigest()
    file = settings.folder / f"views-{digest[:16]}.npy"
    if not file.exists():
        _write(source, split, settings, (file, listener))
    return kept_array(file, np.float16)


def _write(
    source: tuple[PairSet, PictureStore, Network],
    split: SplitTower,
    settings: ViewSettings,
    target: tuple[Path, TrainListener],
) -> None:
    pairs, store, network = source
    file, listener = target
    beside = file.with_suffix(".part")
    kept: np.memmap[tuple[int, ...], np.dtype[np.float16]] | None = None
    for view in range(settings.count):
        variation = LEVELS[settings.augment] if view else None
        for start in range(0, len(pairs), _BATCH):
            places = np.arange(start, min(start + _BATCH, len(pairs)))
            draws = order.variations(places, (settings.seed, view)) if variation else None
            inputs = network.inputs(store.take(pairs.rows[places]), variation, draws)
            begun = split.begin(inputs).half().cpu().numpy()
            if kept is None:
                shape = (settings.count, len(pairs), *begun.shape[1:])
                kept = np.lib.format.open_memmap(beside, mode="w+", dtype=np.float16, shape=shape)
            kept[view, places] = begun
            listener.on_pictures(
                view * len(pairs) + len(places) + start, settings.count * len(pairs)
            )
    if kept is not None:
        kept.flush()
    beside.replace(file)
