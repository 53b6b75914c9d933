"""A model directory with random weights, from an open_clip config alone."""

from __future__ import annotations

import json
from pathlib import Path

from mmsearch.encoders.definition import TEXT_FILES
from mmsearch.encoders.model_directory import write_model_directory
from mmsearch.encoders.sources import ModelSource
from mmsearch.errors import ModelError
from mmsearch.runtime.quiet import quiet_libraries


def random_start(config_file: Path, out: Path, seed: int) -> ModelSource:
    """`out`, now a model directory of the definition in `config_file`, with random weights.

    The file is either open_clip's short form (`embed_dim`, `vision_cfg`, `text_cfg`) or the
    `open_clip_config.json` of a model directory; tokenizer files beside it are copied.

    Raises:
        ModelError: The file cannot be read, or open_clip refuses what it defines.
    """
    import open_clip
    import torch

    try:
        config = json.loads(config_file.read_text("utf-8"))
        wrapped = config if "model_cfg" in config else {"model_cfg": config, "preprocess_cfg": {}}
        text = wrapped["model_cfg"]["text_cfg"]
        out.mkdir(parents=True, exist_ok=True)
        files = [f for name in TEXT_FILES if (f := config_file.parent / name).is_file()]
        if text.get("hf_model_name") and (config_file.parent / "config.json").is_file():
            text["hf_model_name"] = str(config_file.parent.absolute())
        (out / "open_clip_config.json").write_text(json.dumps(wrapped), "utf-8")
        with quiet_libraries(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = open_clip.create_model(
                f"local-dir:{out.absolute()}", load_weights=False, pretrained_text=False
            )
        write_model_directory(model, wrapped, files, out, half=False)
    except ModelError:
        raise
    except Exception as exc:  # open_clip, timm and transformers raise whatever they like
        why = " ".join(str(exc).split())[:300] or type(exc).__name__
        raise ModelError(f"{config_file} defines no open_clip model ({why})") from exc
    return ModelSource(str(out.absolute()), out.absolute())
