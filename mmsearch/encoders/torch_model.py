"""A model directory as a torch module: the one loading path for shipped, local and hub models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch

from mmsearch.encoders.definition import (
    CONFIG_FILE,
    TEXT_CONFIG_FILE,
    Json,
    ModelDefinition,
    Rgb,
    read_definition,
    read_json,
)
from mmsearch.encoders.sources import ModelSource
from mmsearch.encoders.tokenize import TextBatcher, TokenizerRules
from mmsearch.errors import ModelError
from mmsearch.runtime.quiet import quiet_libraries
from mmsearch.types import InputSpec


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A dual encoder in torch, in evaluation mode, in float32 unless it was loaded in half.

    `model` is open_clip's `CLIP` or `CustomTextCLIP`: `encode_image` takes `(n, 3, h, w)` of its
    type, normalised by `mean` and `std` of RGB in [0, 1], `encode_text` what `tokenizer` gives:
    `(n, l)` int64, padded to the context length. Both give `(n, d)`, not normalised.
    """

    model: torch.nn.Module
    tokenizer: Callable[[Sequence[str]], torch.Tensor]
    definition: ModelDefinition
    source: ModelSource

    @property
    def input(self) -> InputSpec:
        """The picture the image tower wants."""
        return self.definition.input

    @property
    def mean(self) -> Rgb:
        """Mean of RGB in [0, 1] that pictures are shifted by."""
        return self.definition.mean

    @property
    def std(self) -> Rgb:
        """Deviation of RGB in [0, 1] that pictures are divided by."""
        return self.definition.std


def load_torch_model(
    source: ModelSource, device: str = "cpu", *, half: bool = False
) -> LoadedModel:
    """The model of `source` on `device`, through open_clip's own factory.

    With `half` its weights are float16, channels last: as a GPU is quickest with them.

    Raises:
        ModelError: open_clip refuses the definition or the weights do not fit it.
    """
    definition = read_definition(source.directory)
    try:
        with quiet_libraries():
            model = _build(source.directory, "cpu" if half else device)
            if half:
                model = model.half().to(memory_format=torch.channels_last).to(device)
            tokenizer = _tokenizer(source.directory)
    except torch.OutOfMemoryError as exc:
        raise ModelError(f"the GPU has too little memory for model '{source.name}'") from exc
    except Exception as exc:  # open_clip, timm and transformers raise whatever they like
        raise ModelError(
            f"model {source.directory} cannot be loaded ({_first_line(exc)}): "
            "check that it is a complete directory in open_clip's format"
        ) from exc
    return LoadedModel(model.eval(), tokenizer, definition, source)


def text_config(directory: Path) -> dict[str, object]:
    """`text_cfg` of a directory, its Hugging Face tower looked up in that directory.

    open_clip takes `hf_model_name` for a hub name or a path below the current folder, so the
    absolute path goes in here, whatever the file says.
    """
    model = cast("Json", read_json(directory / CONFIG_FILE)["model_cfg"])
    text = dict(cast("Json", model["text_cfg"]))
    if text.get("hf_model_name"):
        text["hf_model_pretrained"] = False  # the weights file holds them
        if (directory / TEXT_CONFIG_FILE).is_file():
            text["hf_model_name"] = str(directory)
    return text


def _build(directory: Path, device: str) -> torch.nn.Module:
    """The model with its weights."""
    import open_clip

    model = open_clip.create_model(
        f"local-dir:{directory}",
        device=device,
        require_pretrained=True,
        text_cfg=text_config(directory),
    )
    return cast("torch.nn.Module", model)


def _tokenizer(directory: Path) -> Callable[[Sequence[str]], torch.Tensor]:
    """open_clip's tokenizer of a model directory."""
    import open_clip

    tokenizer = open_clip.get_tokenizer(f"local-dir:{directory}")

    def tokens(texts: Sequence[str]) -> torch.Tensor:
        return cast("torch.Tensor", tokenizer(list(texts)))

    return tokens


class OpenClipTokenizer:
    """open_clip's own tokenizer behind the `Tokenizer` protocol; rows keep their padding."""

    def __init__(self, tokenizer: Callable[[Sequence[str]], torch.Tensor]) -> None:
        self._tokenizer = tokenizer

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, padded to the context length."""
        rows: list[list[int]] = self._tokenizer(texts).tolist()
        return rows


def open_clip_batcher(source: ModelSource) -> TextBatcher:
    """Batches of open_clip's own tokenizer, for models whose tokens nothing else gives."""
    length = read_definition(source.directory).text.context_length
    with quiet_libraries():
        tokenizer = OpenClipTokenizer(_tokenizer(source.directory))
    return TextBatcher(tokenizer, TokenizerRules(length, fixed_length=True))


def _first_line(exc: Exception) -> str:
    """The start of what a library said, on one line."""
    return " ".join(str(exc).split())[:300] or type(exc).__name__
