"""The grids inside a dual encoder's image tower, read by hooks in the pass that embeds a picture.

Grid features serve as regions in place of a detector's boxes: Jiang et al. 2020, "In Defense of
Grid Features for Visual Question Answering", section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmsearch.errors import ModelError

if TYPE_CHECKING:
    from mmsearch.encoders.torch_model import LoadedModel
    from mmsearch.types import InputSpec

_SMALLEST_SIDE = 2
"""A grid of fewer cells a side is a pooled vector, not a grid."""
_PROBE_PICTURES = 3
"""Pictures in the pass that looks for grids: no batch axis is mistaken for another one then."""


class TappedTower(nn.Module):
    """An image tower that gives what lies on its grids beside the embedding.

    Not for several threads at once: hooks hang in the model during a pass.
    """

    def __init__(self, model: nn.Module, taps: Sequence[str], rows: int, columns: int) -> None:
        """Tap the submodules `taps` of open_clip's `model`, each averaged to `rows` x `columns`.

        Raises:
            ModelError: The model has no submodule of that name.
        """
        super().__init__()
        self.model = model
        self._taps = tapped_modules(model, taps)
        self._shape = (rows, columns)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings `(n, d)`, not normalised, and cells `(n, r, k)` float32.

        Pictures are `(n, 3, h, w)` float32, normalised; regions run row by row from the top left,
        channels from tap to tap.
        """
        seen: dict[str, Tensor] = {}

        def look(name: str, output: object) -> None:
            # Averaged at once: a later layer may write over its input.
            seen[name] = averaged(as_grid(output, name), self._shape)

        with watched(self._taps, look):
            embedding = cast("Tensor", self.model.encode_image(pictures))  # type: ignore[operator]
        cells = torch.cat([seen[name] for name in self._taps], 1)
        return embedding, cells.flatten(2).transpose(1, 2)


@contextmanager
def watched(
    modules: Mapping[str, nn.Module], look: Callable[[str, object], None]
) -> Iterator[None]:
    """A context in which `look` gets the name and the output of each module that runs."""

    def hook(name: str, _module: nn.Module, _inputs: object, output: object) -> None:
        look(name, output)

    hooks = [module.register_forward_hook(partial(hook, name)) for name, module in modules.items()]
    try:
        yield
    finally:
        for handle in hooks:
            handle.remove()


def tapped_modules(model: nn.Module, taps: Sequence[str]) -> dict[str, nn.Module]:
    """The submodules of `model` by name, in the order of `taps`.

    Raises:
        ModelError: The model has no submodule of that name.
    """
    try:
        return {name: model.get_submodule(name) for name in taps}
    except AttributeError as exc:
        raise ModelError(
            f"the model lacks a part that the reranker taps ({exc}): "
            "the reranker was made for another model"
        ) from exc


def as_grid(output: object, name: str) -> Tensor:
    """A tap's output as `(n, c, h, w)`; patch tokens `(n, l, c)` are put back in their places.

    Raises:
        ModelError: The output is no grid of at least 2 x 2.
    """
    if not isinstance(output, Tensor):
        raise ModelError(f"tap '{name}' gives no single tensor: name another submodule")
    grid = output
    if output.ndim == 3:
        length, channels = int(output.shape[1]), int(output.shape[2])
        side = math.isqrt(length)
        patches = output[:, length - side * side :]  # a class token comes before them
        grid = patches.transpose(1, 2).reshape(-1, channels, side, side)
    if grid.ndim != 4 or min(int(side) for side in grid.shape[2:]) < _SMALLEST_SIDE:
        raise ModelError(
            f"tap '{name}' gives {tuple(output.shape)}, which is no grid: name another submodule"
        )
    return grid


def averaged(grid: Tensor, shape: tuple[int, int]) -> Tensor:
    """The means `(n, c, rows, columns)` float32 of what each cell covers of `(n, c, h, w)`."""
    grid = grid.float()
    rows, columns = int(grid.shape[2]), int(grid.shape[3])
    if (rows, columns) == shape:
        return grid
    if rows % shape[0] == 0 and columns % shape[1] == 0:
        return nn.functional.avg_pool2d(grid, (rows // shape[0], columns // shape[1]))
    return nn.functional.adaptive_avg_pool2d(grid, shape)


def averaged_by_product(grid: Tensor, shape: tuple[int, int]) -> Tensor:
    """What `averaged` gives, as `(n, c, r)`, by a product: OpenVINO has no fast uneven average."""
    rows, columns = int(grid.shape[2]), int(grid.shape[3])
    if (rows, columns) == shape:
        return grid.flatten(2)
    # NumPy's, so that a trace has the result and not how it was made.
    counts = np.kron(_counts(rows, shape[0]), _counts(columns, shape[1]))
    return grid.flatten(2) @ torch.from_numpy(counts)


def _counts(n: int, cells: int) -> NDArray[np.float32]:
    """How much each of `n` rows counts in the mean of each cell, `(n, cells)`."""
    means = averaged(torch.eye(n)[:, None, :, None], (cells, 1))
    return cast("NDArray[np.float32]", means.reshape(n, cells).numpy())


def check_channels(channels: int, weight: Tensor) -> None:
    """Refuse a projection `(c, k)` of grids of another model.

    Raises:
        ModelError: The taps do not give k channels.
    """
    if channels != weight.shape[1]:
        raise ModelError(
            f"the taps of this model give {channels} channels, the reranker reads "
            f"{weight.shape[1]}: it was made for another model"
        )


def quantised(values: Tensor) -> Tensor:
    """Codes int8 of what a projection gives: see `types.RegionProjection`."""
    return values.clamp(-127, 127).round().to(torch.int8)


@dataclass(frozen=True, slots=True)
class _Grid:
    """An output that has the form of a grid, in the order of the pass."""

    name: str
    rows: int
    columns: int

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    def is_half_of(self, other: _Grid) -> bool:
        """Whether one more halving of `other` gives this grid; odd sides round either way."""
        sides = ((self.rows, other.rows), (self.columns, other.columns))
        return all(abs(theirs - 2 * ours) <= 1 for ours, theirs in sides)


def default_taps(loaded: LoadedModel) -> tuple[str, ...]:
    """Submodules whose outputs show a picture's parts: the last grid, and the last twice as fine.

    A vision transformer has one grid, of patches, and hence one tap; a convolutional network has
    two. They are found by a look at all outputs of one pass.

    Raises:
        ModelError: The image tower has no grid inside.
    """
    grids = _grids(loaded)
    if not grids:
        raise ModelError(
            f"the image tower of model '{loaded.source.name}' shows no grid of regions: "
            "rerank with another model"
        )
    finer = [grid for grid in grids if grids[-1].is_half_of(grid)]
    last = [grid for grid in grids if grid.size == grids[-1].size]
    return tuple(_last_stage(same) for same in (finer, last) if same)


def _last_stage(grids: Sequence[_Grid]) -> str:
    """The last of the outermost submodules: what a stage gives, not a step inside the next one."""
    least = min(grid.name.count(".") for grid in grids)
    return [grid.name for grid in grids if grid.name.count(".") == least][-1]


def tap_channels(loaded: LoadedModel, taps: Sequence[str]) -> dict[str, int]:
    """How many channels each tap gives, in the order of `taps`.

    Raises:
        ModelError: The model lacks a tap, or one gives no grid.
    """
    found: dict[str, int] = {}

    def look(name: str, output: object) -> None:
        found[name] = int(as_grid(output, name).shape[1])

    modules = tapped_modules(loaded.model, taps)
    _probe(loaded, modules, look)
    return {name: found[name] for name in taps}


def _grids(loaded: LoadedModel) -> list[_Grid]:
    """All outputs inside the image tower that have the form of a grid, in the order of a pass."""
    found: list[_Grid] = []
    sides: set[tuple[int, int]] = set()

    def look(name: str, output: object) -> None:
        if not isinstance(output, Tensor) or output.shape[:1] != (_PROBE_PICTURES,):
            return
        grid = _grid_of(name, output, loaded.input, sides)
        if grid is not None:
            found.append(grid)

    modules = dict(loaded.model.named_modules())
    _probe(loaded, {name: modules[name] for name in modules if name.startswith("visual.")}, look)
    return found


def _probe(
    loaded: LoadedModel, modules: Mapping[str, nn.Module], look: Callable[[str, object], None]
) -> None:
    """Run the image tower once, on pictures of nothing."""
    parameter = next(loaded.model.parameters())
    spec = loaded.input
    pictures = parameter.new_zeros(_PROBE_PICTURES, 3, spec.height, spec.width)
    with torch.no_grad(), watched(modules, look):
        loaded.model.encode_image(pictures)  # type: ignore[operator]


def _grid_of(
    name: str, output: Tensor, spec: InputSpec, sides: set[tuple[int, int]]
) -> _Grid | None:
    """The grid that an output is, None where it is none; `sides` are those met so far.

    Patch tokens are a grid that the convolution which cut the patches gave before; without that,
    any sequence whose length is a square would be one.
    """
    if output.ndim == 4:
        rows, columns = int(output.shape[2]), int(output.shape[3])
        # A grid has the picture's shape; attention weights, too, come in four dimensions.
        fits = abs(rows - columns * spec.height / spec.width) < 1
        if not fits or min(rows, columns) < _SMALLEST_SIDE:
            return None
        sides.add((rows, columns))
        return _Grid(name, rows, columns)
    if output.ndim == 3:
        side = math.isqrt(output.shape[1])
        return _Grid(name, side, side) if (side, side) in sides else None
    return None
