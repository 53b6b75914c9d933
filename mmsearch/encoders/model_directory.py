"""A trained model written as a directory in open_clip's format."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import cast

import torch

from mmsearch.encoders.definition import CONFIG_FILE, TEXT_FILES, WEIGHTS_FILE, Json, read_json
from mmsearch.encoders.torch_model import LoadedModel
from mmsearch.errors import ModelError
from mmsearch.runtime.whole_file import write_whole


def save_model_directory(loaded: LoadedModel, out: Path, *, half: bool = True) -> Path:
    """`out`, now a directory that `--model` takes and that open_clip loads as `local-dir:OUT`.

    Definition and tokenizer are those `loaded` came with, the weights those it has now, in
    float16 where `half` (vectors and scalars stay in float32). Each file is replaced atomically,
    other files in `out` stay.

    Raises:
        ModelError: `out` cannot be written.
    """
    source = loaded.source.directory
    files = [source / name for name in TEXT_FILES if (source / name).is_file()]
    return write_model_directory(
        loaded.model, read_json(source / CONFIG_FILE), files, out, half=half
    )


def write_model_directory(
    model: torch.nn.Module, config: Json, files: Sequence[Path], out: Path, *, half: bool
) -> Path:
    """Write `model`, its open_clip `config` and copies of `files` into `out`, weights last.

    open_clip resolves `hf_model_name` against the current folder, so the absolute path of `out`
    goes in. Only open_clip itself depends on that: our loader uses the directory it was given,
    and the space's digest leaves the path out, so a moved directory stays the same model to us.
    """
    definition = json.dumps(_placed(config, out.absolute()), indent=2)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file in files:
            if file.parent.absolute() != out.absolute():
                write_whole(out / file.name, partial(shutil.copyfile, file))
        write_whole(out / CONFIG_FILE, lambda path: path.write_text(definition, "utf-8"))
        write_whole(out / WEIGHTS_FILE, lambda path: _write_weights(model, path, half=half))
    except OSError as exc:
        raise ModelError(
            f"model directory {out} cannot be written ({exc}): free space or choose another"
        ) from exc
    return out


def _placed(config: Json, directory: Path) -> Json:
    """`config` whose Hugging Face text tower, if it has one, lies in `directory`."""
    model = dict(cast("Json", config["model_cfg"]))
    text = dict(cast("Json", model["text_cfg"]))
    if text.get("hf_model_name"):
        text["hf_model_name"] = str(directory)
    if text.get("hf_tokenizer_name"):
        text["hf_tokenizer_name"] = "."  # open_clip looks into the directory, whatever it says
    return {**config, "model_cfg": {**model, "text_cfg": text}}


def _write_weights(model: torch.nn.Module, path: Path, *, half: bool) -> None:
    """Write the state of `model` as safetensors."""
    from safetensors.torch import save_file

    state = {
        name: _stored(value.detach().cpu(), half=half) for name, value in model.state_dict().items()
    }
    save_file(state, path, metadata={"format": "pt"})


def _stored(value: torch.Tensor, *, half: bool) -> torch.Tensor:
    """`value` as it goes on disk; norms, biases and scales are small and stay exact."""
    if half and value.is_floating_point() and value.ndim > 1:
        return value.half().contiguous()
    return value.contiguous().clone()  # a copy: safetensors refuses tensors that share memory
