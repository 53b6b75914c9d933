"""Dual encoders on the CPU through OpenVINO."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from mmsearch.encoders.definition import TOKENIZER_FILE
from mmsearch.encoders.export import (
    IMAGE_TOWER,
    TEXT_TOWER,
    ExportedModel,
    exported_region_tower,
)
from mmsearch.encoders.rows import check_images, empty_with_regions, normalised
from mmsearch.encoders.sources import ModelSource
from mmsearch.encoders.tokenize import FileTokenizer, TextBatcher
from mmsearch.rerank_types import RegionCodes, RegionProjection
from mmsearch.runtime.compiled import (
    CompiledTower,
    CompileOptions,
    available_cores,
    compile_tower,
)
from mmsearch.types import Embeddings, ImageTensor, Space

_MOST_PASSES_AT_ONCE = 8


class OpenVinoEncoder:
    """A `DualEncoder` on the CPU. Each tower is loaded when it is first used; thread-safe."""

    def __init__(
        self, source: ModelSource, space: Space, exported: ExportedModel, options: CompileOptions
    ) -> None:
        self._source = source
        self._space = space
        self._exported = exported
        self._options = options
        self._loading = threading.Lock()
        self._image: CompiledTower | None = None
        self._text: tuple[TextBatcher, CompiledTower] | None = None

    @property
    def space(self) -> Space:
        """The space all embeddings of this encoder belong to."""
        return self._space

    @property
    def pictures_a_pass(self) -> int | None:
        """What was measured to be fastest on this processor, None while it is not known."""
        return self._image_tower().pictures_a_pass.chosen

    def encode_images(self, images: ImageTensor) -> Embeddings:
        """Embeddings `(n, d)` of pictures `(n, h, w, 3)` uint8 at `space.input` size."""
        check_images(images, self._space.input)
        if not len(images):
            return np.empty((0, self._space.dim), np.float32)
        tower = self._image_tower()
        with tower.pictures_a_pass.batch(len(images)) as size:
            rows = tower.run(_passes(images, size))
        return normalised(np.concatenate(rows))

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embeddings `(n, d)` of `n` texts; longer ones are cut at the context length."""
        out = np.empty((len(texts), self._space.dim), np.float32)
        if not texts:
            return out
        batcher, tower = self._text_tower()
        batches = batcher.batches(texts)
        for batch, rows in zip(batches, tower.run([item.tokens for item in batches]), strict=True):
            out[batch.numbers] = rows
        return normalised(out)

    def _image_tower(self) -> CompiledTower:
        with self._loading:
            if self._image is None:
                self._image = self._compiled_for_images(
                    self._exported.directory / f"{IMAGE_TOWER}.xml"
                )
            return self._image

    def _text_tower(self) -> tuple[TextBatcher, CompiledTower]:
        with self._loading:
            if self._text is None:
                file = self._exported.directory / f"{TEXT_TOWER}.xml"
                self._text = self._batcher(), compile_tower(file, self._options)
            return self._text

    def _compiled_for_images(self, file: Path) -> CompiledTower:
        # One thread a pass beats all threads on one: small layers do not split well.
        cores = self._options.threads or available_cores()
        return compile_tower(
            file, replace(self._options, parallel=min(cores, _MOST_PASSES_AT_ONCE))
        )

    def _batcher(self) -> TextBatcher:
        """The exported tokenizer, or open_clip's own where only that will do."""
        rules = self._exported.rules
        if rules is not None:
            return TextBatcher(
                FileTokenizer(self._exported.directory / TOKENIZER_FILE, rules), rules
            )
        from mmsearch.encoders.torch_model import open_clip_batcher

        return open_clip_batcher(self._source)


class OpenVinoRegionEncoder(OpenVinoEncoder):
    """A `RegionEncoder` on the CPU: its image tower with regions is exported when first used."""

    def __init__(
        self,
        source: ModelSource,
        space: Space,
        exported: ExportedModel,
        options: CompileOptions,
        projection: RegionProjection,
    ) -> None:
        super().__init__(source, space, exported, options)
        self._projection = projection
        self._regions: CompiledTower | None = None

    @property
    def projection(self) -> RegionProjection:
        """How its grids become region features."""
        return self._projection

    def encode_with_regions(self, images: ImageTensor) -> tuple[Embeddings, RegionCodes]:
        """Embeddings `(n, d)` and region features `(n, r, c)` of pictures `(n, h, w, 3)` uint8."""
        check_images(images, self._space.input)
        if not len(images):
            return empty_with_regions(self._space, self._projection)
        tower = self._region_tower()
        with tower.pictures_a_pass.batch(len(images)) as size:
            outputs = tower.run_all((batch,) for batch in _passes(images, size))
        embeddings, codes = zip(*outputs, strict=True)
        return normalised(np.concatenate(embeddings)), cast("RegionCodes", np.concatenate(codes))

    def _region_tower(self) -> CompiledTower:
        with self._loading:
            if self._regions is None:
                file = exported_region_tower(self._source, self._exported, self._projection)
                self._regions = self._compiled_for_images(file)
            return self._regions


def _passes(images: ImageTensor, size: int) -> list[ImageTensor]:
    """The pictures in runs of one request each, `size` in a run."""
    return [images[start : start + size] for start in range(0, len(images), size)]
