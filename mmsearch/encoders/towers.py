"""The towers of a torch model, converted to OpenVINO's format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch.nn.functional import conv2d

from mmsearch.encoders.export import IMAGE_TOWER, TEXT_TOWER
from mmsearch.encoders.taps import (
    as_grid,
    averaged,
    averaged_by_product,
    check_channels,
    quantised,
    tap_channels,
    tapped_modules,
    watched,
)
from mmsearch.errors import ModelError
from mmsearch.runtime.quiet import import_openvino, import_openvino_converter, quiet_libraries

if TYPE_CHECKING:
    import openvino

    from mmsearch.encoders.torch_model import LoadedModel
    from mmsearch.rerank_types import RegionProjection


class _ImageTower(torch.nn.Module):
    """`encode_image` as a forward pass, so that it can be traced."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Embeddings `(n, d)` of pictures `(n, 3, h, w)` float32."""
        return cast("torch.Tensor", self.model.encode_image(pictures))  # type: ignore[operator]


class _RegionTower(torch.nn.Module):
    """The image tower with the codes of its regions, as a forward pass.

    What `TappedTower` and a projection give, in another order: each tap is projected where it
    has fewest cells, so that no wide grid has to be averaged unevenly, laid out anew or joined,
    and grids of one size are added up before they are averaged.
    """

    def __init__(self, loaded: LoadedModel, projection: RegionProjection) -> None:
        super().__init__()
        self.model = loaded.model
        self._taps = tapped_modules(loaded.model, projection.taps)
        self._shape = (projection.rows, projection.columns)
        channels = tap_channels(loaded, projection.taps)
        weight = torch.tensor(projection.weight)
        check_channels(sum(channels.values()), weight)
        parts = torch.split(weight, list(channels.values()), dim=1)
        self._weights = dict(zip(projection.taps, parts, strict=True))
        self._bias = torch.tensor(projection.bias)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings `(n, d)` and codes `(n, r, c)` int8 of pictures `(n, 3, h, w)` float32."""
        sums: dict[tuple[int, int], torch.Tensor] = {}

        def look(name: str, output: object) -> None:
            grid, weight = as_grid(output, name), self._weights[name][:, :, None, None]
            bias = None if sums else self._bias  # once
            if not (int(grid.shape[2]) % self._shape[0] or int(grid.shape[3]) % self._shape[1]):
                grid = averaged(grid, self._shape)
            size, part = (int(grid.shape[2]), int(grid.shape[3])), conv2d(grid, weight, bias)
            sums[size] = sums[size] + part if size in sums else part

        with watched(self._taps, look):
            embeddings = cast("torch.Tensor", self.model.encode_image(pictures))  # type: ignore[operator]
        cells = [averaged_by_product(grid, self._shape) for grid in sums.values()]
        return embeddings, quantised(sum(cells[1:], cells[0])).transpose(1, 2)


class _TextTower(torch.nn.Module):
    """`encode_text` as a forward pass, so that it can be traced."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Embeddings `(n, d)` of tokens `(n, l)` int64."""
        return cast("torch.Tensor", self.model.encode_text(tokens))  # type: ignore[operator]


def write_towers(loaded: LoadedModel, folder: Path) -> None:
    """Write `image.xml` and `text.xml`, weights in float16, into `folder`.

    Raises:
        ModelError: OpenVINO cannot convert the model.
    """

    def towers() -> dict[str, openvino.Model]:
        image = _image_model(loaded, _ImageTower(loaded.model))
        return {IMAGE_TOWER: image, TEXT_TOWER: _text_model(loaded)}

    _write(loaded, towers, folder)


def write_region_tower(
    loaded: LoadedModel, projection: RegionProjection, name: str, folder: Path
) -> None:
    """Write the image tower that gives codes `(n, r, c)` int8 too as `name`.xml, likewise.

    Raises:
        ModelError: The model lacks what the projection taps, or OpenVINO cannot convert it.
    """
    tower = _RegionTower(loaded, projection)
    _write(loaded, lambda: {name: _image_model(loaded, tower)}, folder)


def _write(
    loaded: LoadedModel, convert: Callable[[], dict[str, openvino.Model]], folder: Path
) -> None:
    """Write models by name."""
    ov = import_openvino()
    try:
        with quiet_libraries(), torch.no_grad():
            for name, model in convert().items():
                ov.save_model(model, str(folder / f"{name}.xml"), compress_to_fp16=True)
    except (OSError, ModelError):
        raise
    except Exception as exc:  # OpenVINO and torch raise whatever they like
        line = " ".join(str(exc).split())[:300]
        raise ModelError(
            f"model '{loaded.source.name}' cannot be exported to OpenVINO ({line}): "
            "use another model, or --device cuda where there is a GPU"
        ) from exc


def _image_model(loaded: LoadedModel, tower: torch.nn.Module) -> openvino.Model:
    """An image tower, from `(n, h, w, 3)` uint8 to what it gives for normalised pictures."""
    ov = import_openvino()
    spec = loaded.input
    pictures = torch.zeros(2, 3, spec.height, spec.width)
    model = import_openvino_converter().convert_model(
        _traced(tower, pictures),
        example_input=pictures,
        input=[("pictures", ov.PartialShape([-1, 3, spec.height, spec.width]), ov.Type.f32)],
    )
    steps = ov.preprocess.PrePostProcessor(model)
    picture = steps.input()
    picture.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    picture.model().set_layout(ov.Layout("NCHW"))
    prepared = picture.preprocess().convert_element_type(ov.Type.f32)
    prepared.mean([255.0 * value for value in loaded.mean])
    prepared.scale([255.0 * value for value in loaded.std])
    return steps.build()


def _traced(tower: torch.nn.Module, example: torch.Tensor) -> torch.nn.Module:
    """`tower` as a graph, without torch's check, which takes longer than all else."""
    traced = torch.jit.trace(  # type: ignore[no-untyped-call]  # torch ships no types for it
        tower.eval(), example, check_trace=False, strict=False
    )
    return cast("torch.nn.Module", traced)


def _text_model(loaded: LoadedModel) -> openvino.Model:
    """The text tower, from `(n, l)` int64 to `(n, d)` float32.

    A Hugging Face tower masks its padding and takes any length; open_clip's own is bound to the
    context length by its positions.
    """
    ov = import_openvino()
    text = loaded.definition.text
    tokens = loaded.tokenizer(["a", "a longer text of several words"])
    length = -1 if text.huggingface_model else text.context_length
    if text.huggingface_model:
        tokens = tokens[:, : max(2, min(6, tokens.shape[1]))]
    return import_openvino_converter().convert_model(
        _traced(_TextTower(loaded.model), tokens),
        example_input=tokens,
        input=[("tokens", ov.PartialShape([-1, length]), ov.Type.i64)],
    )
