"""An image tower as the peers run it: ONNX in float32, on all cores."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from mmsearch.encoders.torch_model import LoadedModel


class OnnxTower:
    """onnxruntime on an image tower, set up as rclip does it."""

    def __init__(self, file: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        self._session = onnxruntime.InferenceSession(
            str(file), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def encode(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings `(n, d)`, L2-normalised, of normalised pictures `(n, 3, h, w)`."""
        (rows,) = self._session.run(None, {"input": pictures})
        return cast("NDArray[np.float32]", rows / np.linalg.norm(rows, axis=1, keepdims=True))


def write_onnx(loaded: LoadedModel, folder: Path, *, texts: bool = False) -> Path:
    """The file `visual.onnx` in `folder`, and `textual.onnx` beside it if asked for; made once."""
    import torch

    visual, textual = folder / "visual.onnx", folder / "textual.onnx"
    folder.mkdir(parents=True, exist_ok=True)
    if not visual.is_file():
        pictures = torch.zeros(2, 3, loaded.input.height, loaded.input.width)
        _export(loaded.model, "encode_image", pictures, visual)
    if texts and not textual.is_file():
        _export(loaded.model, "encode_text", loaded.tokenizer(["a", "a dog"]), textual)
    return visual


def normalised_pictures(images: NDArray[np.uint8], loaded: LoadedModel) -> NDArray[np.float32]:
    """Pictures `(n, 3, h, w)` as the tower wants them, of `(n, h, w, 3)` uint8."""
    mean, std = np.float32(loaded.mean), np.float32(loaded.std)
    scaled = (images.astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def _export(model: torch.nn.Module, tower: str, example: torch.Tensor, file: Path) -> None:
    import torch

    from mmsearch.runtime.quiet import quiet_libraries

    class Tower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return cast("torch.Tensor", getattr(self.model, tower)(batch))

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # ONNX knows no fused attention
    try:
        with quiet_libraries(), torch.no_grad():
            torch.onnx.export(
                Tower().eval(),
                (example,),
                str(file),
                input_names=["input"],
                output_names=["output"],
                dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
                opset_version=17,
                dynamo=False,
            )
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
