"""Pictures as a dual encoder sees them: embeddings and reduced cells, kept on disk."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from mmsearch.encoders.taps import TappedTower
from mmsearch.runtime.whole_file import write_whole
from mmsearch.training import order
from mmsearch.training.augment import LEVELS
from mmsearch.training.kept import kept_array, unreadable
from mmsearch.training.network import Network
from mmsearch.training.pairs import Pairs
from mmsearch.training.pictures import PictureStore
from mmsearch.training.records import RunListener
from mmsearch.training.reranker.config import DualData
from mmsearch.training.reranker.examples import Reduction
from mmsearch.training.reranker.reduction import fit_reduction
from mmsearch.types import Embeddings

_SAMPLE = 700
"""Pictures that the reduction is fitted to."""
_BATCH = 32
_FIT = 8
"""Keeps this draw apart from the others of a run."""


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """What a dual encoder makes of pictures n, training ones first, and of their captions m.

    Fields are those of `Examples`.
    """

    reduction: Reduction
    cells: tuple[NDArray[np.float16], ...]
    images: tuple[Embeddings, ...]
    texts: Embeddings


class Seeing:
    """A dual encoder that looks at the pictures of a run."""

    def __init__(
        self,
        network: Network,
        taps: Sequence[str],
        grid: tuple[int, int],
        pictures: tuple[Pairs, PictureStore],
    ) -> None:
        self.network = network
        self.taps = tuple(taps)
        self.grid = grid
        self.pairs, self._store = pictures
        self.rows = np.concatenate([self.pairs.train.rows, self.pairs.val.rows])
        self._tower = TappedTower(network.model, taps, *grid)

    def look(
        self, places: NDArray[np.int64], augment: str, at: tuple[int, int]
    ) -> tuple[Embeddings, NDArray[np.float32]]:
        """Embeddings `(b, d)` and cells `(b, r, k)` of pictures `places`, `at` = (seed, view)."""
        rows = self.rows[places]
        variation = LEVELS[augment] if at[1] else None
        draws = order.variations(rows, at) if variation else None
        inputs = self.network.inputs(self._store.take(rows), variation, draws)
        with torch.no_grad():
            embedded, cells = self._tower(inputs)
        unit = functional.normalize(embedded.float(), dim=-1)
        return unit.cpu().numpy(), cells.cpu().numpy()

    def tap_widths(self) -> list[int]:
        """How many channels each tap has."""
        inputs = self.network.inputs(self._store.take(self.rows[:1]))
        with torch.no_grad():
            towers = [TappedTower(self.network.model, (tap,), *self.grid) for tap in self.taps]
            return [int(tower(inputs)[1].shape[2]) for tower in towers]

    def texts(self) -> Embeddings:
        """Embeddings `(m, d)` of all captions, picture by picture."""
        captions = self.pairs.train.captions + self.pairs.val.captions
        flat = [text for own in captions for text in own]
        embedded: Embeddings = self.network.all_texts(flat).cpu().numpy()
        return embedded

    def digest(self) -> str:
        """Of the pictures and captions."""
        hasher = hashlib.sha256(self.rows.tobytes())
        hasher.update("\0".join(self._store.digests).encode())
        hasher.update(repr((self.pairs.train.captions, self.pairs.val.captions)).encode())
        return hasher.hexdigest()


def keep_tables(
    seeing: Seeing, data: DualData, place: tuple[Path, str], listener: RunListener
) -> Tables:
    """The tables, `place` = (folder, digest of the space); what lies there is used again."""
    folder, space = place
    settings = (space, seeing.digest(), seeing.taps, seeing.grid)
    settings += (data.seed, data.augment, data.width)  # type: ignore[assignment]  # for its repr
    key = hashlib.sha256(repr(settings).encode()).hexdigest()[:16]
    base = folder / f"dual-{key}"
    reduction = _kept_reduction(seeing, data, base.with_suffix(".npz"))
    views = data.views if LEVELS[data.augment] else 1
    images, cells = [], []
    for view in range(views):
        files = (base.with_suffix(f".{view}.images.npy"), base.with_suffix(f".{view}.cells.npy"))
        if not files[0].exists():
            told = partial(_tell, listener, view, views, len(seeing.rows))
            _write_view(seeing, reduction, (data, view), files, told)
        images.append(kept_array(files[0], np.float32, mapped=False))
        cells.append(kept_array(files[1], np.float16))
    texts = base.with_suffix(".texts.npy")
    if not texts.exists():
        listener.on_message("embedding the captions with the dual encoder")
        _save(texts, seeing.texts())
    return Tables(
        reduction, tuple(cells), tuple(images), kept_array(texts, np.float32, mapped=False)
    )


def _kept_reduction(seeing: Seeing, data: DualData, file: Path) -> Reduction:
    """The reduction fitted to a sample of the training pictures."""
    if not file.exists():
        n_train = len(seeing.pairs.train)
        rng = np.random.default_rng((data.seed, _FIT))
        sample = np.sort(rng.choice(n_train, min(_SAMPLE, n_train), replace=False))
        parts = np.array_split(sample, -(-len(sample) // _BATCH))
        cells = [seeing.look(part, "none", (data.seed, 0))[1] for part in parts]
        flat = np.concatenate([part.reshape(-1, part.shape[2]) for part in cells])
        weight, bias = fit_reduction(flat, seeing.tap_widths(), data.width)
        write_whole(file, lambda path: _write_arrays(path, weight, bias))
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return Reduction(seeing.taps, *seeing.grid, arrays["weight"], arrays["bias"])
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as exc:
        raise unreadable(file, exc) from exc


def _write_view(
    seeing: Seeing,
    reduction: Reduction,
    what: tuple[DualData, int],
    files: tuple[Path, Path],
    told: Callable[[int], None],
) -> None:
    """Write embeddings and reduced cells of one view; of varied ones only training pictures.

    The embeddings come last: where they are, the cells are complete.
    """
    data, view = what
    n = len(seeing.rows)
    wanted = n if view == 0 else len(seeing.pairs.train)
    beside = files[1].with_suffix(".part")
    shape = (n, reduction.rows * reduction.columns, reduction.width)
    kept = np.lib.format.open_memmap(beside, mode="w+", dtype=np.float16, shape=shape)
    images = np.zeros((n, seeing.network.loaded.definition.dim), np.float32)
    for start in range(0, wanted, _BATCH):
        places = np.arange(start, min(start + _BATCH, wanted))
        images[places], cells = seeing.look(places, data.augment, (data.seed, view))
        kept[places] = cells @ reduction.weight.T + reduction.bias
        told(int(places[-1]) + 1)
    kept.flush()
    beside.replace(files[1])
    _save(files[0], images)


def _save(file: Path, array: NDArray[np.float32]) -> None:
    def write(path: Path) -> None:
        with path.open("wb") as stream:
            np.save(stream, array)

    write_whole(file, write)


def _write_arrays(path: Path, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
    with path.open("wb") as stream:
        np.savez(stream, weight=weight, bias=bias)


def _tell(listener: RunListener, view: int, views: int, n: int, done: int) -> None:
    listener.on_pictures(view * n + done, views * n)
