"""Pictures and captions as a dual encoder sees them that was not trained on them.

On pictures that it knows a dual encoder is surer than it will ever be on new ones, and its grids
hold their captions; a cross encoder that learned from that would trust it too much. So the
upper halves of the towers are tuned once a fold without it, shorter than the shipped ones, and
each fold is seen by the model that lacks it. Validation pictures, which no model was trained on,
are seen by the shipped one.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

from mmsearch.encoders.digest import space_of
from mmsearch.encoders.sources import ModelSource
from mmsearch.rerank_types import QueryBank
from mmsearch.runtime.whole_file import write_whole
from mmsearch.training.reranker.examples import Examples, Pool, Reduction, ValidationSet
from mmsearch.training.reranker.language import LanguageStart
from mmsearch.training.reranker.reduction import fit_reduction
from mmsearch.types import Embeddings

from .config import JointConfig, RecipeConfig
from .export import WEIGHTS
from .heads import train_heads
from .joint import JointTrainer, Tuned
from .pipeline import Towers
from .prepared import Prepared
from .sampling import Indices, Pools
from .tapped import GRID, TAP_WIDTHS, TAPS, TailRunner, TappedTail
from .tuned import Heads, ImageTail, TextParts, TextTail

logger = logging.getLogger(__name__)

_BATCH = 32
_TEXTS = 1920


@dataclass(frozen=True, slots=True)
class HeldOutConfig:
    """How the folds are made and how much is kept of them."""

    folds: int = 3
    joint: JointConfig = field(
        default_factory=lambda: JointConfig(
            steps=180, averaged=(180,), evaluated_every=60, steady=12, seed=50
        )
    )
    views: tuple[int, ...] = (0, 1, 2)  # plain and two crops
    width: int = 512  # numbers a cell is reduced to
    sample: int = 700  # pictures that the reduction is fitted on
    bank_texts: int = 2_000
    bank_images: int = 800
    seed: int = 7


class HeldOut:
    """Builds the examples; what `work` holds is not computed again."""

    def __init__(
        self, data: Prepared, towers: Towers, work: Path, config: HeldOutConfig | None = None
    ) -> None:
        self._data, self._towers, self._work = data, towers, work
        self._config = config or HeldOutConfig()
        n = len(data.captions.members)
        rng = np.random.default_rng(self._config.seed)
        self._fold = rng.integers(0, self._config.folds, n)
        self._training = np.zeros(n, np.bool_)
        self._training[np.concatenate([data.pools.flickr, data.pools.mix])] = True
        work.mkdir(parents=True, exist_ok=True)

    def examples(self, shipped: ModelSource, language: LanguageStart, max_tokens: int) -> Examples:
        """What a reranker for the `shipped` model learns from."""
        data, config = self._data, self._config
        final = self._shipped(shipped.directory)
        reduction = self._reduction(final)
        bank = self._bank(final)
        fingerprint = f"held out {config} {space_of(shipped).digest}"
        size = (len(self._fold), len(data.captions.texts))
        tables = _Tables(self._work, size, config, fingerprint)
        if not tables.complete:
            self._see(final, reduction, ~self._training, (0,), tables)
            for fold in range(config.folds):
                rows = self._training & (self._fold == fold)
                self._see(self._tuned(fold), reduction, rows, config.views, tables)
            tables.keep()
        return Examples(
            reduction=reduction,
            cells=tables.cells,
            images=tables.images,
            texts=tables.texts,
            tokens=language.encode(data.captions.texts, max_tokens),
            owner=data.captions.owner,
            key=data.captions.key,
            group=np.arange(len(self._fold)),
            bank=bank,
            train=tuple(self._pools()),
            val=(
                ValidationSet("Flickr8k", data.pools.flickr_val),
                ValidationSet("photos_mix", data.pools.mix_val),
            ),
            space_digest=space_of(shipped).digest,
            dual=shipped.name,
            fingerprint=fingerprint,
        )

    def _pools(self) -> list[Pool]:
        """Where training pictures are drawn from: both sets, fold by fold."""
        pools, flickr, mix = self._data.pools, self._data.pools.flickr, self._data.pools.mix
        found = []
        for fold in range(self._config.folds):
            own = flickr[self._fold[flickr] == fold]
            found.append(Pool(own, fold, 0.7))
            chosen = self._fold[mix] == fold
            weights = pools.mix_weight[chosen]
            found.append(Pool(mix[chosen], fold, 0.3, weights / weights.sum()))
        return found

    def _tuned(self, fold: int) -> Tuned:
        """Towers tuned without one fold."""
        data, path = self._data, self._work / f"fold{fold}.pt"
        recipe, pools = RecipeConfig(), self._data.pools
        chosen = self._fold[pools.mix] != fold
        weights = pools.mix_weight[chosen]
        without = Pools(
            pools.flickr[self._fold[pools.flickr] != fold],
            pools.mix[chosen],
            weights / weights.sum(),
            pools.flickr_val,
            pools.mix_val,
        )
        if path.exists():
            tuned = self._untuned(Heads(1.0, recipe.heads.dim))
            tuned.load_state_dict(torch.load(path, weights_only=True))
            return tuned.eval()
        logger.info("fold %d: tuning the towers without it", fold)
        rest = replace(data, pools=without)
        torch.set_num_threads(recipe.threads)
        start = self._untuned(train_heads(rest, recipe.heads))
        config = replace(self._config.joint, seed=self._config.joint.seed + fold)
        tuned = JointTrainer(start, rest, config, self._work / f"joint{fold}").run()
        torch.save(tuned.state_dict(), path)
        return tuned.eval()

    def _untuned(self, heads: Heads) -> Tuned:
        return Tuned(ImageTail(self._towers.image), TextTail(self._towers.text), heads)

    def _shipped(self, directory: Path) -> Tuned:
        """The shipped model's upper halves and heads; its lower halves are the towers' own."""
        state = {name: value.float() for name, value in load_file(directory / WEIGHTS).items()}
        heads = Heads(1.0, len(state["text.proj.weight"]))
        with torch.no_grad():
            heads.image.weight.copy_(state["visual.head.proj.weight"])
            heads.text.weight.copy_(state["text.proj.weight"])
        towers = self._towers
        _load(towers.image, state, "visual.trunk.")
        _load(towers.text.encoder, state, "text.transformer.encoder.")
        return self._untuned(heads).eval()

    def _reduction(self, tuned: Tuned) -> Reduction:
        """Principal components of the cells of some training pictures."""
        rng = np.random.default_rng(0)
        sample = rng.choice(np.flatnonzero(self._training), self._config.sample, replace=False)
        run = self._runner(tuned, None)
        cells = [run(self._activations(0, part))[1] for part in _parts(np.sort(sample))]
        flat = np.concatenate(cells).reshape(-1, sum(TAP_WIDTHS))
        weight, bias = fit_reduction(flat, TAP_WIDTHS, self._config.width)
        return Reduction(TAPS, *GRID, weight, bias)

    def _see(
        self,
        tuned: Tuned,
        reduction: Reduction,
        chosen: NDArray[np.bool_],
        views: Sequence[int],
        tables: _Tables,
    ) -> None:
        """Fill the tables' rows of the pictures `chosen` (n,) and of their captions."""
        rows, run = np.flatnonzero(chosen), self._runner(tuned, reduction)
        for view in views:
            for part in _parts(rows):
                pooled, cells = run(self._activations(view, part))
                tables.cells[view][part] = cells
                tables.images[view][part] = _image_embeddings(tuned, pooled)
        captions = np.flatnonzero(chosen[self._data.captions.owner])
        for start in range(0, len(captions), _TEXTS):
            part = captions[start : start + _TEXTS]
            tables.texts[part] = self._text_embeddings(tuned, part)
        logger.info("%d pictures and %d captions seen", len(rows), len(captions))

    def _bank(self, tuned: Tuned) -> QueryBank:
        """Typical questions, half of each set, as the shipped model embeds them."""
        rng, pools, config = np.random.default_rng(3), self._data.pools, self._config
        members = self._data.captions.members

        def drawn(count: int) -> Indices:
            flickr = rng.choice(pools.flickr, count // 2, replace=False)
            mix = rng.choice(pools.mix, count // 2, replace=False, p=pools.mix_weight)
            return np.concatenate([flickr, mix])

        captions = np.array([rng.choice(members[i]) for i in drawn(config.bank_texts)])
        run = self._runner(tuned, None)
        pooled = [run(self._activations(0, part))[0] for part in _parts(drawn(config.bank_images))]
        return QueryBank(
            self._text_embeddings(tuned, captions),
            _image_embeddings(tuned, np.concatenate(pooled)),
        )

    def _text_embeddings(self, tuned: Tuned, captions: Indices) -> Embeddings:
        parts = TextParts([self._data.caption_tokens.rows(int(i)) for i in captions])
        with torch.no_grad():
            pooled = torch.cat([tuned.text.pool(part) for part in parts.parts])
            found: Embeddings = tuned.heads.embed_texts(parts.in_order(pooled)).numpy()
        return found

    def _runner(self, tuned: Tuned, reduction: Reduction | None) -> TailRunner:
        tuned.image.write_back(self._towers.image)
        linear = None
        if reduction is not None:
            linear = nn.Linear(reduction.weight.shape[1], reduction.width)
            state = {"weight": reduction.weight, "bias": reduction.bias}
            linear.load_state_dict({name: torch.from_numpy(v) for name, v in state.items()})
        shape = self._data.views[0].activations.shape[1:]
        return TailRunner(TappedTail(self._towers.image, linear), shape)

    def _activations(self, view: int, rows: Indices) -> NDArray[np.float16]:
        return np.stack([self._data.views[view].activations[row] for row in rows])


class _Tables:
    """What is kept of all pictures n and captions m; `cells` lie on disk, `size` is (n, m).

    Tables that an earlier run has kept whole are `complete` from the start.
    """

    def __init__(
        self, work: Path, size: tuple[int, int], config: HeldOutConfig, fingerprint: str
    ) -> None:
        n, m = size
        digest = hashlib.sha256(f"{fingerprint} {size}".encode()).hexdigest()[:16]
        self._kept = work / f"seen-{digest}.npz"
        self.complete = self._kept.is_file()
        shape = (n, GRID[0] * GRID[1], config.width)
        mode: Literal["r", "w+"] = "r" if self.complete else "w+"
        self.cells = tuple(
            np.lib.format.open_memmap(
                work / f"cells{view}-{digest}.npy", mode, np.dtype(np.float16), shape
            )
            for view in config.views
        )
        dim = RecipeConfig().heads.dim
        self.images = tuple(np.zeros((n, dim), np.float32) for _ in config.views)
        self.texts = np.zeros((m, dim), np.float32)
        if self.complete:
            with np.load(self._kept) as arrays:
                self.images, self.texts = tuple(arrays["images"]), arrays["texts"]

    def keep(self) -> None:
        """Keep the tables for later runs; embeddings come last and say that all is there."""
        for cells in self.cells:
            cells.flush()

        def write(path: Path) -> None:
            with path.open("wb") as stream:
                np.savez(stream, images=np.stack(self.images), texts=self.texts)

        write_whole(self._kept, write)


def _image_embeddings(tuned: Tuned, pooled: NDArray[np.float32]) -> Embeddings:
    with torch.no_grad():
        found: Embeddings = tuned.heads.embed_images(torch.from_numpy(pooled)).numpy()
    return found


def _parts(rows: Indices) -> list[Indices]:
    return [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]


def _load(module: nn.Module, state: dict[str, torch.Tensor], prefix: str) -> None:
    """Overwrite what `state` has of `module` under `prefix`."""
    own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    module.load_state_dict(own, strict=False)
