"""The two towers of a torch model, converted to OpenVINO's format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch

from mmsearch.encoders.export import IMAGE_TOWER, TEXT_TOWER
from mmsearch.errors import ModelError
from mmsearch.runtime.quiet import import_openvino, import_openvino_converter, quiet_libraries

if TYPE_CHECKING:
    import openvino

    from mmsearch.encoders.torch_model import LoadedModel


class _ImageTower(torch.nn.Module):
    """`encode_image` as a forward pass, so that it can be traced."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Embeddings `(n, d)` of pictures `(n, 3, h, w)` float32."""
        return cast("torch.Tensor", self.model.encode_image(pictures))  # type: ignore[operator]


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
    ov = import_openvino()
    try:
        with quiet_libraries(), torch.no_grad():
            towers = {IMAGE_TOWER: _image_model(loaded), TEXT_TOWER: _text_model(loaded)}
            for name, model in towers.items():
                ov.save_model(model, str(folder / f"{name}.xml"), compress_to_fp16=True)
    except OSError:
        raise
    except Exception as exc:  # OpenVINO and torch raise whatever they like
        line = " ".join(str(exc).split())[:300]
        raise ModelError(
            f"model '{loaded.source.name}' cannot be exported to OpenVINO ({line}): "
            "use another model, or --device cuda where there is a GPU"
        ) from exc


def _image_model(loaded: LoadedModel) -> openvino.Model:
    """The image tower, from `(n, h, w, 3)` uint8 to `(n, d)` float32."""
    ov = import_openvino()
    spec = loaded.input
    pictures = torch.zeros(2, 3, spec.height, spec.width)
    model = import_openvino_converter().convert_model(
        _traced(_ImageTower(loaded.model), pictures),
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
